import { existsSync, readdirSync, readFileSync } from "node:fs"
import { rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { build, type Plugin } from "rolldown"

/**
 * Effect's help makes an `Intl.Segmenter` when it is loaded, which costs every start of the program a tenth of its time
 * (bench, `servers`). Here it is made when help is shown. The build fails where the text is not there any more.
 */
const lazySegmenter: Plugin = {
  name: "lazy-segmenter",
  transform: {
    filter: { id: /effect\/dist\/cli\/CliOutput\.js$/ },
    handler(code) {
      const made = /const graphemeSegmenter = \/\*#__PURE__\*\/(new Intl\.Segmenter\([^;]*\));/
      const used = "graphemeSegmenter.segment("
      if (!made.test(code) || !code.includes(used))
        throw new Error("effect/cli/CliOutput has changed: see scripts/build.ts")
      return code
        .replace(made, "let segmenter; const graphemeSegmenter = () => segmenter ??= $1;")
        .replace(used, "graphemeSegmenter().segment(")
    }
  }
}

/** Bundles the program: one entry, split where it loads something later, with everything that it needs inside. */
await rm("dist", { recursive: true, force: true })
const { output } = await build({
  input: {
    "mcp-cli": "src/app/bin.ts",
    // A process of its own, started by the path beside the program.
    "chunks/KeyringChild": "src/adapters/store/keyring/KeyringChild.ts"
  },
  external: ["@napi-rs/keyring"],
  platform: "node",
  plugins: [lazySegmenter],
  output: {
    dir: "dist/bin",
    format: "esm",
    minify: true,
    comments: false,
    banner: (chunk) => (chunk.name === "mcp-cli" && chunk.isEntry ? "#!/usr/bin/env node" : ""),
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name]-[hash].js"
  }
})

/** The licences of what is inside, which ask to be passed on with it. */
const folders = new Set(
  output.flatMap((chunk) =>
    chunk.type === "chunk"
      ? Object.keys(chunk.modules).flatMap(
          (id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []
        )
      : []
  )
)
const licences = [...folders].toSorted().map((folder) => {
  const { license, name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<
    string,
    string
  >
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  const text =
    file !== undefined && existsSync(join(folder, file))
      ? readFileSync(join(folder, file), "utf8").trim()
      : ""
  return `${name} ${version} (${license})\n\n${text}`
})
await writeFile("dist/bin/THIRD-PARTY-LICENSES.txt", `${licences.join(`\n\n${"-".repeat(72)}\n\n`)}\n`)
