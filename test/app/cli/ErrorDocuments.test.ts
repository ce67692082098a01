import { globSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { exitCodes } from "../../../src/app/cli/ExitCode.ts"

const source = globSync("src/**/*.ts")
  .map((file) => readFileSync(file, "utf8"))
  .join("\n")

const text = readFileSync("docs/errors.md", "utf8")
const sections = text.split(/^### /m).slice(1)
const codeOf = (section: string): string => section.split("\n", 1)[0] ?? ""

const tagsIn = (pattern: string): ReadonlyArray<string> =>
  globSync(pattern).flatMap((file) =>
    Array.from(
      readFileSync(file, "utf8").matchAll(/TaggedError<\w+>\(\)\(\s*"(\w+)"/g),
      ([, tag = ""]) => tag
    )
  )

/** The tags of errors that are the `reason` of another one. */
const reasons = [
  "src/ports/StorageFailure.ts",
  "src/ports/Superseded.ts",
  "src/domain/TokenFailure.ts"
].flatMap(tagsIn)
/** The tags of every other error that a user of the program or of the library can get. */
const tags = tagsIn("src/{domain,ports,app}/**/*.ts").filter((tag) => !reasons.includes(tag))

/** The constant parts of a message: what a reader may give a name, and what is left out, is not part of it. */
const constantParts = (message: string): ReadonlyArray<string> =>
  message
    .split(/\.\.\.|\b(?:NAME|ORIGIN|X|Y|N|M)\b|\$\{|\}|:-|"/)
    .map((part) => part.trim().replace(/\.$/, ""))
    .filter((part) => /\w{2}/.test(part))

/** What a section quotes as a message. The first column of a table of messages, else the text before a colon. */
const messagesOf = (section: string): ReadonlyArray<string> =>
  section
    .split("\n")
    .flatMap((line) => {
      if (line.startsWith("| **")) return [line.split("|")[2] ?? ""]
      if (line.startsWith("|")) return [line.split("|")[1] ?? ""]
      return [/^(?:Exit code \d|Of the library only|A warning)[^`]*?[.:] (`[^`]+`)/.exec(line)?.[1] ?? ""]
    })
    .flatMap((cell) => Array.from(cell.matchAll(/`([^`]+)`/g), ([, message = ""]) => message))

describe("docs/errors.md", () => {
  it("has one section for every error, and no other", () => {
    const codes = sections.map(codeOf)
    assert.deepStrictEqual(codes.toSorted(), tags.toSorted())
    const listed = Array.from(text.matchAll(/\*\*(\w+)\*\*/g), ([, code = ""]) => code)
    assert.deepStrictEqual(listed.toSorted(), reasons.toSorted())
  })

  it.each(Object.entries(exitCodes))("says with which code the program ends: %s", (tag, code) => {
    const section = sections.find((candidate) => codeOf(candidate) === tag)
    assert.include(section, `\n\nExit code ${code}`)
  })

  const messages = sections.flatMap((section) =>
    messagesOf(section).map((message) => [codeOf(section), message])
  )

  it("quotes messages", () => {
    assert.isAbove(messages.length, 60)
  })

  it.each(messages)("quotes a message of %s that the program has: %s", (_, message = "") => {
    const parts = constantParts(message)
    assert.isNotEmpty(parts)
    for (const part of parts) assert.include(source, part)
  })
})
