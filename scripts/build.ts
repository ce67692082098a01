import { existsSync, readdirSync, readFileSync } from "node:fs"
import { chmod, rm, writeFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import { build, type OutputOptions, type Plugin } from "rolldown"

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

/** Modules of Node's that take long to load, and that most runs never call: 2 to 10 ms each, of some 80 in all. */
const rarelyCalled = /^node:(child_process|crypto|dns\/promises|readline)$/
const marked = "\0first-use:"

/**
 * Loads such a module when one of its functions is first called. Only functions can be put off like that: a class or a
 * constant is missing in here, and its import fails the build.
 */
const firstUse: Plugin = {
  name: "first-use",
  resolveId: (source, importer = "") =>
    rarelyCalled.test(source) && isOfEveryRun(importer) ? `${marked}${source}` : undefined,
  load: (id) => {
    if (!id.startsWith(marked)) return undefined
    const name = id.slice(marked.length)
    const functions = Object.entries(process.getBuiltinModule(name) ?? {}).flatMap(([key, value]) =>
      typeof value === "function" && /^[a-z]/.test(key) ? key : []
    )
    const load = `process.getBuiltinModule(${JSON.stringify(name)})`
    return functions.map((key) => `export const ${key} = (...args) => ${load}.${key}(...args)`).join("\n")
  }
}

const bundle = (input: Readonly<Record<string, string>>, output: OutputOptions) =>
  build({
    input,
    external: ["@napi-rs/keyring"],
    platform: "node",
    plugins: [lazySegmenter, firstUse],
    transform: {
      define: {
        "import.meta": "{}",
        "import.meta.dirname": "__dirname",
        "import.meta.filename": "__filename"
      }
    },
    output: {
      ...output,
      dir: "dist/bin",
      // Which Node loads faster than modules, above all its own.
      format: "cjs",
      minify: true,
      comments: false,
      banner: (chunk) => (chunk.name === "mcp-cli" && chunk.isEntry ? "#!/usr/bin/env node" : ""),
      entryFileNames: "[name].cjs",
      // No hash: the next version of a file takes the place that this one has among the compiled code that Node keeps.
      chunkFileNames: "chunks/[name].cjs"
    }
  })

/** Our own code but for what is loaded where it is used, and Effect. */
const isOfEveryRun = (id: string): boolean =>
  id.startsWith(resolve("src"))
    ? !/\/(bin|CommandNames|Prefetch|HomeFolder|TracePage|Telemetry)\.ts$|\/vault\//.test(id.replaceAll("\\", "/"))
    : /node_modules.(effect|@effect)./.test(id) && !/effect.dist.(http|observability)./.test(id)

await rm("dist", { recursive: true, force: true })
/** The program: one entry, split where it loads something later, with everything that it needs inside. */
const program = await bundle(
  { "mcp-cli": "src/bin.ts" },
  {
    codeSplitting: {
      groups: [
        // What is begun before the rest of the program is loaded.
        {
          name: "early",
          test: /(CommandNames|KeyringStart|KeyDerivation|Prefetch|HomeFolder)\.ts$/,
          priority: 2
        },
        // One file for all that every run needs: each file costs, and so does each name that one has of another.
        { name: "main", test: isOfEveryRun, priority: 1 }
      ]
    }
  }
)
// npm does this once, when it links or installs; what was linked is built again and again.
await chmod("dist/bin/mcp-cli.cjs", 0o755)

/** A process of its own, started by the path beside the program: it loads nothing of the program's. */
const keyring = await bundle({ "chunks/KeyringChild": "src/adapters/store/keyring/KeyringChild.ts" }, {})

/** The licences of what is inside, which ask to be passed on with it. */
const folders = new Set(
  [...program.output, ...keyring.output].flatMap((chunk) =>
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
