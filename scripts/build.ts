import { rm } from "node:fs/promises"
import { build } from "rolldown"

/** Bundles the program: one entry, split where it loads something later, with everything that it needs inside. */
await rm("dist/bin", { recursive: true, force: true })
await build({
  input: { "mcp-cli": "src/app/bin.ts" },
  platform: "node",
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
