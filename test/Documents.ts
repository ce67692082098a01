import { globSync, readFileSync } from "node:fs"

/** The documents for users, by file: README.md and docs, without the decisions. */
const documentFiles: ReadonlyArray<string> = ["README.md", ...globSync("docs/*.md").toSorted()]

/** All of them as one text. */
export const documents = documentFiles.map((file) => readFileSync(file, "utf8")).join("\n")

/** A fenced block of a document. */
export interface Block {
  readonly file: string
  /** The heading that it is below. */
  readonly section: string
  readonly text: string
}

/** The fenced blocks in a language, in order. */
export const blocksIn = (language: string, files = documentFiles): ReadonlyArray<Block> =>
  files.flatMap((file) => {
    let section = ""
    const found = readFileSync(file, "utf8").matchAll(/^(?:#+ (.+)|```(\w*)\n([\s\S]*?)^```)$/gm)
    return Array.from(found).flatMap(([, heading, ofLanguage, text = ""]) => {
      section = heading ?? section
      return ofLanguage === language ? [{ file, section, text }] : []
    })
  })

/** The commands of a block for a shell, without their comments. */
export const shellLinesOf = ({ text }: Pick<Block, "text">): ReadonlyArray<string> =>
  text
    .split("\n")
    .map((line) => line.replace(/(^|\s)#.*$/, "").trim())
    .filter((line) => line !== "")

/** What stands for a value of the user, and a value. */
const values: ReadonlyArray<readonly [RegExp, string]> = [
  [/\[(NAME|FILE)\]/g, "$1"],
  [/ \.\.\.$/, ""],
  [/\bURL\b/g, "https://mcp.example.com/mcp"],
  [/\bBACKEND\b/g, "encrypted"],
  [/\bSHELL\b/g, "zsh"],
  [/\bSECONDS\b/g, "5"],
  [/\bPORT\b/g, "8700"]
]

const valued = (line: string): string =>
  values.reduce((text, [placeholder, value]) => text.replace(placeholder, value), line)

/** The words of a line as a shell reads them. */
const wordsOf = (line: string): ReadonlyArray<string> =>
  Array.from(line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g), ([word]) => word.replaceAll(/["']/g, ""))

/** A command of the program that a document shows. */
export interface DocumentedCommand {
  /** As it is written there. */
  readonly line: string
  /** What the program gets, with an example for each value of the user. */
  readonly args: ReadonlyArray<string>
}

/** Every command of the program in the documents: in blocks for a shell, and in code within a sentence. */
export const documentedCommands: ReadonlyArray<DocumentedCommand> = (() => {
  // docs/json.md leaves out the operands, and its own test runs what it shows.
  const files = documentFiles.filter((file) => file !== "docs/json.md")
  const texts = files.map((file) => readFileSync(file, "utf8")).join("\n")
  const code = Array.from(texts.matchAll(/`([^`\n]+)`/g), ([, text = ""]) => text)
  const found = [...blocksIn("sh", files).flatMap(shellLinesOf), ...code].flatMap((text) =>
    Array.from(
      text.matchAll(
        /(?:^|[;(&] ?|npx )(?:(?:-p \S+ )*mcp-cli|mcp-cli-oauth)( (?:"[^"]*"|\$\([^)]*\)|[^)"$])*|)/g
      ),
      // What the shell does with the output is no argument.
      ([, rest = ""]) => rest.replace(/ \| .*$/, "").trim()
    )
  )
  return [...new Set(found)].map((rest) => ({ line: `mcp-cli ${rest}`.trim(), args: wordsOf(valued(rest)) }))
})()
