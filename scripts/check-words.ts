import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"

/** Words that the project does not use, each with the usual word. */
const banned: ReadonlyArray<readonly [RegExp, string]> = [
  [/\bwhoever\b/i, "the caller, the process, the server"],
  [/\bwhom\b/i, "name the user, server or account"],
  [/\banew\b/i, "again"],
  [/\bsomebody\b/i, "the user"],
  [/\bnobody\b/i, "no user, no process"],
  [/\bmend(s|ed|ing)?\b/i, "fix"],
  [/\b(come|comes|came) by\b/i, "get"],
  [/\bis none\b/i, "without, absent"],
  [/\bletter by letter\b/i, "exactly"],
  [/\bfarewell\b/i, "shutdown"]
]

/** The lines of a text that use a banned word, as `line: word -> usual word`. */
export const bannedIn = (text: string): ReadonlyArray<string> =>
  text.split("\n").flatMap((line, at) =>
    banned.flatMap(([pattern, instead]) => {
      const found = pattern.exec(line)
      return found === null ? [] : `${at + 1}: "${found[0]}" (write: ${instead})`
    })
  )

if (import.meta.main) {
  const files = execFileSync("git", ["ls-files", "src", "docs", "README.md", "CONTRIBUTING.md"], {
    encoding: "utf8"
  })
  const found = files
    .split("\n")
    .filter((file) => /\.(ts|md)$/.test(file))
    .flatMap((file) => bannedIn(readFileSync(file, "utf8")).map((line) => `${file}:${line}`))
  for (const line of found) process.stderr.write(`${line}\n`)
  if (found.length > 0) process.exitCode = 1
}
