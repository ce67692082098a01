import type { Check } from "./Cursor.ts"

/** A path as it is used: without a slash at its end. */
export const vaultPath = (text: string): string => text.replace(/\/$/, "")

/**
 * What is wrong with a path in Vault, before {@link vaultPath}. Vault refuses segments that end in a dot. URLs cannot
 * contain lone surrogates (which `\p{C}` has), and a path is shown on terminals.
 */
export const vaultPathProblem: Check = (text) =>
  /^[^/]*[^/.](\/[^/]*[^/.])*$/.test(vaultPath(text)) && !/[\p{C}\p{Zl}\p{Zp}]/u.test(text)
    ? undefined
    : "must be names with single slashes between them, as in team/mcp: none empty, ending in a dot or with control characters"
