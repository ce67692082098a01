import { readFileSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { build, type Plugin } from "rolldown"

/** The size of a bundle, minified and compressed, in bytes. */
export interface Size {
  /** With all that it may load later. */
  readonly gzip: number
  /** The part that comes from `src`, without what it may load later. */
  readonly ours: number
}

const entry = `${process.cwd()}/entry.ts`

const gzipOf = (code: string): number => gzipSync(code, { level: 9 }).length

/** Bundles a program for a browser: the code of packages in chunks of their own. */
export const bundle = async (source: string) => {
  const virtual: Plugin = {
    name: "virtual-entry",
    resolveId: (id) => (id === entry ? id : undefined),
    load: (id) => (id === entry ? source : undefined)
  }
  const { output } = await build({
    input: { entry },
    platform: "browser",
    plugins: [virtual],
    external: /^node:|^@napi-rs/,
    output: {
      minify: true,
      comments: false,
      codeSplitting: { groups: [{ name: "packages", test: /node_modules/ }] }
    },
    write: false,
    logLevel: "silent"
  })
  return output.filter((chunk) => chunk.type === "chunk")
}

/** The size of a program with all its modules. */
export const sizeOf = async (source: string): Promise<Size> => {
  const chunks = await bundle(source)
  const sum = (some: typeof chunks) => some.reduce((bytes, { code }) => bytes + gzipOf(code), 0)
  const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]))
  /** What the entry loads at once. Chunks that only others load are loaded later, too. */
  const loaded = new Set(chunks.filter(({ isEntry, isDynamicEntry }) => isEntry && !isDynamicEntry))
  for (const { imports } of loaded)
    for (const name of imports) {
      const chunk = byName.get(name)
      if (chunk !== undefined) loaded.add(chunk)
    }
  return {
    gzip: sum(chunks),
    ours: sum([...loaded].filter(({ name }) => !name.startsWith("packages")))
  }
}

/** The smallest useful program over `./web`: it signs in, stores in memory, refreshes, and sends requests with the token. */
export const smallestWebProgram = `
import { Layer } from "effect"
import { WebLive } from "./src/web.ts"
export { SignIn } from "./src/app/signin/SignIn.ts"
export { authorizedFetch } from "./src/http.ts"
export const stack = WebLive.services.pipe(Layer.provide(Layer.merge(WebLive.layer, WebLive.memory)))
`

const everythingOf = (name: string) => `export * from "./src/${name === "." ? "index" : name.slice(2)}.ts"`

const main = async () => {
  const { exports: entries } = JSON.parse(readFileSync("package.json", "utf8")) as {
    readonly exports: Readonly<Record<string, unknown>>
  }
  const rows = [
    ["the smallest program over ./web", smallestWebProgram] as const,
    ...Object.keys(entries)
      .filter((name) => !name.endsWith(".json"))
      .map((name) => [`everything of ${name}`, everythingOf(name)] as const)
  ]
  const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`.padStart(10)
  process.stdout.write(`${"bundle, minified, gzip".padEnd(34)}${"all".padStart(10)}${"ours".padStart(10)}\n`)
  for (const [what, source] of rows) {
    const { gzip, ours } = await sizeOf(source)
    process.stdout.write(`${what.padEnd(34)}${kilobytes(gzip)}${kilobytes(ours)}\n`)
  }
}

if (import.meta.main) await main()
