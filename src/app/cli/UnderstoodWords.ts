import { proxyWords } from "./ProxyWords.ts"

/** The commands that have others below them. */
const isGroup = /^(auth|storage)$/

/** Reads `help` and `version` as the flags of that name, as most programs have both. */
export const understood = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const [first, second] = words
  if (first === "version" && words.length === 1) return ["--version"]
  if (first === "help") return [...words.slice(1), "--help"]
  return second === "help" && isGroup.test(first ?? "")
    ? [...words.filter((_, index) => index !== 1), "--help"]
    : proxyWords(words)
}
