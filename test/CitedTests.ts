import { globSync, readFileSync } from "node:fs"

/** A test that a document names, by the file and the title. */
export interface Citation {
  readonly file: string
  readonly title: string
}

/** The tests that a text cites, as `[Name](../test/Name.test.ts): "title"`. */
export const citationsIn = (text: string): ReadonlyArray<Citation> =>
  Array.from(text.matchAll(/\]\(\.\.\/(test\/[^)]+)\): "([^"]+)"/g), ([, file = "", title = ""]) => ({
    file,
    title: title.replaceAll("\\|", "|")
  }))

const tests = new Set(globSync("test/**/*.test.ts").map((file) => file.replaceAll("\\", "/")))

/** A title as the first argument of a call. Titles of `each` and templates are cited as they are written. */
const titleOfCall = /\(\s*(?:"((?:[^"\\\n]|\\.)*)"|`([^`]*)`)\s*,/g

/** The citations whose file or title does not exist. */
export const staleCitations = (citations: ReadonlyArray<Citation>): ReadonlyArray<Citation> =>
  citations.filter(({ file, title }) => {
    if (!tests.has(file)) return true
    const titles = Array.from(
      readFileSync(file, "utf8").matchAll(titleOfCall),
      ([, plain, template]) => plain?.replaceAll('\\"', '"') ?? template
    )
    return !titles.includes(title)
  })
