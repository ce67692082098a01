import { remoteFlags } from "../../domain/RemoteCommandLine.ts"

/** The flags of `mcp-cli proxy` that take a value in the next word. Those that mcp-remote has too are among them. */
const ownWithValue: ReadonlyArray<string> = [
  "account",
  "allow-origin",
  "auth-timeout",
  "callback-timeout",
  "color",
  "config-file",
  "port",
  "socket"
]
const withValue = remoteFlags.withValue.filter((name) => !ownWithValue.includes(name))

/**
 * Reads the words after `proxy` as mcp-remote does, so that its command lines work: its flags follow `--`, where they are the
 * operands of the command. Other words stay as they are.
 */
export const proxyWords = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (words[0] !== "proxy" || words.includes("--")) return words
  const own: Array<string> = []
  const operands: Array<string> = []
  const remote: Array<string> = []
  for (let at = 1; at < words.length; at++) {
    const word = words[at] ?? ""
    const [, name, attached] = /^--([^=]+)(=.*)?$/s.exec(word) ?? []
    if (name === undefined) (word.startsWith("-") ? own : operands).push(word)
    else {
      const isRemote = withValue.includes(name as never) || remoteFlags.withoutValue.includes(name as never)
      const target = isRemote ? remote : own
      target.push(word)
      const takesNext =
        attached === undefined && (isRemote ? withValue.includes(name as never) : ownWithValue.includes(name))
      const next = words[at + 1]
      if (takesNext && next !== undefined) {
        target.push(next)
        at++
      }
    }
  }
  return remote.length === 0 ? words : ["proxy", ...own, "--", ...operands, ...remote]
}
