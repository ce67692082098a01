import { Redacted } from "effect"

/**
 * Makes a function that takes secrets out of text that a server repeats: the given ones, each word of them, and what
 * follows `Bearer` and the like. Words under six characters are left: they are no secrets, but would be found
 * anywhere.
 */
export const concealer = (secrets: ReadonlyArray<Redacted.Redacted>): ((text: string) => string) => {
  const words = secrets
    .flatMap((secret) => [Redacted.value(secret), ...Redacted.value(secret).split(/\s+/)])
    .filter((word) => word.length >= 6)
  return (text) =>
    words
      .reduce((concealed, word) => concealed.replaceAll(word, "…"), text)
      .replace(/\b(Bearer|Basic|DPoP)\s+[\w.~+/=-]{6,}/gi, "$1 …")
}
