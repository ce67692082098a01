import { existsSync, globSync, readFileSync, statSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { decisionIndex } from "../../scripts/docs/DecisionIndex.ts"

const files = globSync(["*.md", ".github/**/*.md", "docs/**/*.md", "examples/**/*.md"]).toSorted()

/** A document without its blocks and code, in which brackets are no links. */
const proseOf = (file: string): string =>
  readFileSync(file, "utf8")
    .replace(/^```[\s\S]*?^```$/gm, "")
    .replace(/(?<!\[)`[^`\n]*`(?!\])/g, "")

/** The anchors that GitHub gives the headings of a document. */
const anchorsOf = (file: string): ReadonlySet<string> =>
  new Set(
    Array.from(readFileSync(file, "utf8").matchAll(/^#{1,6} (.+)$/gm), ([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-")
    )
  )

const problemOf = (file: string, target: string): string | undefined => {
  if (/^[a-z]+:/.test(target))
    return URL.canParse(target) && target.startsWith("https://") ? undefined : "is no https URL"
  const [path = "", anchor] = target.split("#")
  const to = path === "" ? file : normalize(join(dirname(file), path))
  if (!existsSync(to)) return "leads to no file"
  if (anchor === undefined) return undefined
  return anchorsOf(to).has(anchor) ? undefined : "leads to no heading"
}

const linksOf = (file: string): ReadonlyArray<string> =>
  Array.from(
    proseOf(file).matchAll(/\]\(([^)\s]+)\)|<(https?:[^>\s]+)>/g),
    ([, target, url]) => target ?? url ?? ""
  )

describe("the documents", () => {
  it.each(files)("have links that lead somewhere: %s", (file) => {
    const broken = linksOf(file).flatMap((target) => {
      const problem = problemOf(file, target)
      return problem === undefined ? [] : [`${target} ${problem}`]
    })
    assert.deepStrictEqual(broken, [])
  })

  it.each([
    ["gone.md", "leads to no file"],
    ["docs/errors.md#gone", "leads to no heading"],
    ["http://example.com", "is no https URL"],
    ["docs/errors.md#signinrequired", undefined]
  ])("would notice %s", (target, problem) => {
    assert.strictEqual(problemOf("README.md", target), problem)
  })

  it("are in the index", () => {
    const index = linksOf("docs/README.md")
    const missing = globSync("docs/*.md").filter((file) => !index.includes(file.slice("docs/".length)))
    assert.deepStrictEqual(missing, ["docs/README.md"])
  })

  it("are short where users start: README.md has at most 150 lines", () => {
    assert.isAtMost(readFileSync("README.md", "utf8").split("\n").length, 151)
  })

  it("have small pictures", () => {
    const large = globSync("docs/pictures/*").filter((file) => statSync(file).size > 150_000)
    assert.deepStrictEqual(large, [])
  })

  it("list every decision: npm run docs -- decisions", () => {
    assert.strictEqual(readFileSync("docs/decisions/README.md", "utf8"), decisionIndex())
  })
})
