import { rm } from "node:fs/promises"
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
await rm("dist/bin", { recursive: true, force: true })
await build({
  input: { "mcp-cli": "src/app/bin.ts" },
  platform: "node",
  plugins: [lazySegmenter],
  output: {
    dir: "dist/bin",
    format: "esm",
    minify: true,
    comments: false,
    banner: (chunk) => (chunk.isEntry ? "#!/usr/bin/env node" : ""),
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name]-[hash].js"
  }
})
