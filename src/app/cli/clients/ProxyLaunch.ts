import type { ClientPlatform, Launch } from "../../../domain/McpClient.ts"

/** The package that has this program. */
const packageName = "mcp-cli-oauth"

/** What starts the proxy of a server. */
export interface ProxyStart {
  /** Starts this program by absolute paths. Absent: its files do not last, or it is not installed everywhere. */
  readonly program: Launch | undefined
  readonly os: ClientPlatform["os"]
  readonly server: string
  /** Absolute. Absent: the file that this program finds in every folder. */
  readonly configFile: string | undefined
}

const runner = (os: ClientPlatform["os"]): Launch =>
  os === "win32"
    ? // npx is a script there, and only a shell starts scripts.
      { command: "cmd", args: ["/c", "npx", "-y", packageName] }
    : { command: "npx", args: ["-y", packageName] }

/** The program and arguments that start the proxy of a server. Each path is one argument, whatever is in it. */
export const proxyLaunch = ({ configFile, os, program, server }: ProxyStart): Launch => {
  const { args, command } = program ?? runner(os)
  const options = configFile === undefined ? [] : ["--config-file", configFile]
  // After `--` nothing is read as an option.
  const operands = server.startsWith("-") ? [...options, "--", server] : [server, ...options]
  return { command, args: [...args, "proxy", ...operands] }
}

/** A file or a package of this program: `mcp-cli`, `C:\...\mcp-cli.cjs`, `mcp-cli-oauth@0.2.0`. */
const isOwn = (word: string): boolean =>
  /^mcp-cli(-oauth)?(@[\w.^~*+-]+)?(\.(cjs|cmd|exe|ps1))?$/i.test(word.replace(/^.*[/\\]/, ""))

/** The server of a command line that {@link proxyLaunch} wrote, here or on another machine. Undefined: it wrote another one. */
export const proxiedBy = ({ args, command }: Launch): string | undefined => {
  const words = [command, ...args]
  const at = words.findIndex((word, index) => word === "proxy" && isOwn(words[index - 1] ?? ""))
  if (at === -1) return undefined
  const operands: Array<string> = []
  const rest = words.slice(at + 1)
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index] ?? ""
    if (word === "--config-file") index++
    else if (word === "--") {
      operands.push(...rest.slice(index + 1))
      break
    } else if (word.startsWith("-")) return undefined
    else operands.push(word)
  }
  return operands.length === 1 ? operands[0] : undefined
}
