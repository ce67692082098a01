import { globSync, readFileSync } from "node:fs"
import { basename } from "node:path"

/** `docs/decisions/README.md`: every decision by its number and title. */
export const decisionIndex = (): string => {
  const lines = globSync("docs/decisions/[0-9]*.md")
    .toSorted()
    .map((file) => {
      const [, number, title] = /^# (\d+)\. (.+)$/m.exec(readFileSync(file, "utf8")) ?? []
      if (number === undefined) throw new Error(`${file} has no title such as "# 12. What was decided"`)
      return `- [${number}. ${title}](${basename(file)})`
    })
  return `# Decisions\n\nWhy it is as it is: one page each, with the measurement or the source. \`npm run docs\` writes this list.\n\n${lines.join("\n")}\n`
}
