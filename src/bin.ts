import { statSync, writeFileSync } from "node:fs"
import * as nodeModule from "node:module"
import { isAbsolute, join } from "node:path"
import { dataFolder, homeFolder } from "./adapters/platform/HomeFolder.ts"
import { makeFolder } from "./adapters/platform/MakeFolder.ts"
import { withHome } from "./adapters/platform/HomePath.ts"
import { allCommandNames, commandNames, hiddenCommand } from "./app/cli/CommandNames.ts"
import { chosenBackend, prefetchOf } from "./live/Prefetch.ts"

const words = process.argv.slice(2)
const home = homeFolder((name) => process.env[name])

/** The oldest supported Node: `engines` in package.json. */
const minNode = [22, 19] as const

/** An older Node lacks what the program imports, and would end with a stack trace. */
const isOldNode = () => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
  return major < minNode[0] || (major === minNode[0] && minor < minNode[1])
}

const isOneOf = (names: ReadonlyArray<string>) => (word: string) => names.includes(word)

/** True if this run opens no store. A tool or a server may have the name of a command, so the first one counts. */
const isWithoutStore = () =>
  words.length === 0 ||
  words[0] === hiddenCommand ||
  isOneOf(commandNames.withoutStore)(
    words.find((word) => word !== "auth" && isOneOf(allCommandNames)(word)) ?? ""
  ) ||
  /^(help|version)$/.test(words[0] ?? "") ||
  words.some((word) => /^(--?h(elp)?|-V|--version)$/.test(word))

/**
 * The server that this run is probably about: the first word that is neither a command nor a flag, if its storage name
 * is the same. Absent with an account, which has another storage name.
 */
const probableServer = () => {
  if (words.some((word) => word.startsWith("--account"))) return undefined
  const word = words.find((candidate) => !candidate.startsWith("-") && !allCommandNames.includes(candidate))
  return word !== undefined && /^[a-z0-9_-]+$/.test(word) ? word : undefined
}

/** Starts the slow first step of the store before the rest of the program is loaded. */
const prefetch = async () => {
  if (isWithoutStore()) return
  const folder = dataFolder(home)
  const found = prefetchOf(chosenBackend(folder))
  if (found.step === "start-keyring") {
    const KeyringStart = await import("./adapters/store/keyring/KeyringStart.ts")
    KeyringStart.prefetch(found.backend)
  } else if (found.step === "connect-bus") {
    const SecretServiceReader = await import("./adapters/store/keyring/SecretServiceReader.ts")
    SecretServiceReader.prefetch(probableServer())
  } else if (found.step === "derive-key") {
    const KeyDerivation = await import("./adapters/store/encrypted-file/KeyDerivation.ts")
    const { MCP_CLI_ENCRYPTION_KEY: password, MCP_CLI_ENCRYPTION_KEY_FILE: file } = process.env
    KeyDerivation.prefetch(join(folder, "tokens", ".salt"), {
      password,
      file: file === undefined ? undefined : withHome(file, home)
    })
  }
}

/** The folder for caches, by the convention of the operating system. */
const caches = () => {
  const { LOCALAPPDATA, XDG_CACHE_HOME } = process.env
  switch (process.platform) {
    case "darwin":
      return join(home, "Library", "Caches")
    case "win32":
      return LOCALAPPDATA ?? join(home, "AppData", "Local")
    default:
      return XDG_CACHE_HOME !== undefined && isAbsolute(XDG_CACHE_HOME)
        ? XDG_CACHE_HOME
        : join(home, ".cache")
  }
}

/**
 * What this run is for. Node's compile cache holds only what the first run compiled. Each purpose has its own cache, so
 * that a first `--version` does not slow down every `auth token` after it.
 */
const purpose = () => {
  if (words[0] === hiddenCommand) return "other"
  if (words.some(isOneOf(commandNames.token))) return "token"
  if (words.some(isOneOf(commandNames.proxy))) return "proxy"
  const opensSession =
    words.some(isOneOf(commandNames.session)) || words.some((word) => /^(-s|--server(=.*)?)$/.test(word))
  return opensSession ? "session" : "other"
}

/**
 * Enables the compile cache in a folder that only this user can write to, because Node runs what it finds there. Node's
 * default is in the system's temporary folder, where another user may have put code first.
 */
const cacheCompiledCode = () => {
  const folder = join(caches(), "mcp-cli", "code", purpose())
  try {
    makeFolder(folder, 0o700)
    const { mode, uid } = statSync(folder)
    if (process.getuid !== undefined && (uid !== process.getuid() || (mode & 0o022) !== 0)) return
  } catch {
    // The home folder is not writable: the program is as slow as in its first run.
    return
  }
  // Deno does not have it.
  ;(nodeModule as Partial<typeof nodeModule>).enableCompileCache?.(folder)
}

/**
 * Leaves the memory out of core files, because it holds tokens. Linux lets a process set this for itself and for the programs
 * that it starts; Node cannot set the limit of core files.
 */
const emptyCoreFiles = () => {
  if (process.platform !== "linux") return
  try {
    writeFileSync("/proc/self/coredump_filter", "0")
  } catch {
    // A sandbox without /proc, or one that is not writable.
  }
}

const main = async () => {
  if (isOldNode()) {
    process.exitCode = 2
    process.stderr.write(
      `mcp-cli: This is Node ${process.versions.node}, and mcp-cli needs ${minNode.join(".")} or newer. Install a newer one (https://nodejs.org), or let npx fetch it: npx -p node@24 -p mcp-cli-oauth mcp-cli ...\n`
    )
    return
  }
  emptyCoreFiles()
  await prefetch()
  cacheCompiledCode()
  await import("./main.ts")
}

void main()
