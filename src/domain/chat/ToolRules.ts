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

/**
 * True if a tool fits `server:tool`. The two are compared apart: a server named `a` cannot have a tool that fits `a:b:c` as the
 * tool `c` of the server `a:b`, and a `*` of one does not reach into the other. `*` alone is every tool.
 *
 * @param servers the names of all servers. The longest one that the pattern starts with is meant
 */
export const fitsTool = (
  pattern: string,
  { server, tool }: { readonly server: string; readonly tool: string },
  servers: ReadonlyArray<string>
): boolean => {
  if (pattern === "*") return true
  const [named] = servers
    .filter((name) => pattern.startsWith(`${name}:`))
    .toSorted((one, other) => other.length - one.length)
  const at = named?.length ?? pattern.indexOf(":")
  return at !== -1 && fitsPattern(pattern.slice(0, at), server) && fitsPattern(pattern.slice(at + 1), tool)
}

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
