import { globSync, readFileSync } from "node:fs"

/** The documents for users: README.md and docs, without the decisions. */
export const documents = ["README.md", ...globSync("docs/*.md")]
  .map((file) => readFileSync(file, "utf8"))
  .join("\n")
