/** What the configuration says about the tools of a server. */
export interface ToolRules {
  /** True: what the server says about its tools is believed, so that `readOnlyHint` spares the question. */
  readonly isTrusted: boolean
  /** Names of tools, `*` for any part. They run without a question. */
  readonly allow: ReadonlyArray<string>
  /** Names of tools, `*` for any part. The model is not told about them. */
  readonly deny: ReadonlyArray<string>
}

/** The rules of a server whose entry has none. */
export const defaultToolRules: ToolRules = { isTrusted: false, allow: [], deny: [] }

/** True if a text fits a pattern. `*` stands for any part; everything else is compared as it is, case included. */
export const fitsPattern = (pattern: string, text: string): boolean => {
  const [first = "", ...rest] = pattern.split("*")
  if (rest.length === 0) return text === pattern
  if (!text.startsWith(first)) return false
  let at = first.length
  const last = rest.pop() ?? ""
  for (const part of rest) {
    const found = text.indexOf(part, at)
    if (found === -1) return false
    at = found + part.length
  }
  return text.length - last.length >= at && text.endsWith(last)
}
