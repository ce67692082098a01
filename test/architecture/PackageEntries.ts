import { readFileSync } from "node:fs"

const { exports: entries } = JSON.parse(readFileSync("package.json", "utf8")) as {
  readonly exports: Readonly<Record<string, unknown>>
}

/** The source of each entry point of the package, by its name in "exports". */
export const entryPoints: ReadonlyMap<string, string> = new Map(
  Object.keys(entries)
    .filter((name) => !name.endsWith(".json"))
    .map((name) => [name, name === "." ? "src/index.ts" : `src/${name.slice(2)}.ts`])
)
