import { remoteFlags } from "../../domain/RemoteFlags.ts"

/** The flags of both commands that take a value in the next word. Those that mcp-remote has too are among them. */
const ownWithValue: ReadonlyArray<string> = [
  "account",
  "allow-origin",
  "auth-timeout",
  "callback-timeout",
  "color",
  "config-file",
  "port",
  "scope",
  "socket",
  "timeout",
  "trace"
]
const withValue = remoteFlags.withValue.filter((name) => !ownWithValue.includes(name))

/** How many words name a command that takes a command line of mcp-remote. */
const commandLength = ([first, second]: ReadonlyArray<string>): number =>
  first === "proxy" ? 1 : first === "auth" && second === "login" ? 2 : 0

/**
 * Reads the words after `proxy` and `auth login` as mcp-remote does, so that its command lines work: its flags follow `--`, where
 * they are the operands of the command. Other words stay as they are.
 */
export const proxyWords = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const length = commandLength(words)
  if (length === 0 || words.includes("--")) return words
  const own: Array<string> = []
  const operands: Array<string> = []
  const remote: Array<string> = []
  for (let at = length; at < words.length; at++) {
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
  return remote.length === 0 ? words : [...words.slice(0, length), ...own, "--", ...operands, ...remote]
}
