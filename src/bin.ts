import { mkdirSync, readFileSync, statSync } from "node:fs"
import { enableCompileCache } from "node:module"
import { homedir } from "node:os"
import { isAbsolute, join } from "node:path"

const words = process.argv.slice(2)

/** The oldest Node that this runs on: `engines` in package.json. */
const oldest = [22, 19] as const

/** Nothing below is known to an older one: it would end with a stack trace. */
const isOldNode = () => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
  return major < oldest[0] || (major === oldest[0] && minor < oldest[1])
}

/** Commands that open no store. */
const withoutStore = /^(servers|--?h(elp)?|-V|--version|--completions(=.*)?)$/

/** The backend that was chosen, as far as can be told at a glance; it decides nothing but what is begun early. */
const chosen = (folder: string): unknown => {
  try {
    return (JSON.parse(readFileSync(join(folder, "storage", "choice.json"), "utf8")) as { backend?: unknown })
      .backend
  } catch {
    // Nothing is chosen yet, or the store itself will have something to say about it.
    return undefined
  }
}

/**
 * The server that this is probably about, for what is begun early alone: the first word that is neither a command nor a
 * flag, where its name is kept as it is written. With an account it is kept under another.
 */
const probableServer = () => {
  if (words.some((word) => word.startsWith("--account"))) return undefined
  const commands = /^(auth|login|token|status|logout|reset|doctor|tools|resources|prompts|call|ping|-.*)$/
  const word = words.find((candidate) => !commands.test(candidate))
  return word !== undefined && /^[a-z0-9_-]+$/.test(word) ? word : undefined
}

/** Begins what the store will take longest for, before the rest of the program is loaded. */
const prefetch = async () => {
  if (words.length === 0 || words.some((word) => withoutStore.test(word))) return
  const folder = join(homedir(), ".mcp_cli")
  const backend = chosen(folder)
  if (backend === "secretservice" || backend === "keychain" || backend === "windows") {
    const KeyringStart = await import("./adapters/store/keyring/KeyringStart.ts")
    KeyringStart.prefetch(backend, probableServer())
  } else if (backend !== "vault") {
    const KeyDerivation = await import("./adapters/store/encrypted-file/KeyDerivation.ts")
    KeyDerivation.prefetch(join(folder, "tokens", ".salt"), process.env["MCP_CLI_ENCRYPTION_KEY"])
  }
}

/** Where this user's caches are, by the custom of the system. */
const caches = () => {
  const { LOCALAPPDATA, XDG_CACHE_HOME } = process.env
  switch (process.platform) {
    case "darwin":
      return join(homedir(), "Library", "Caches")
    case "win32":
      return LOCALAPPDATA ?? join(homedir(), "AppData", "Local")
    default:
      return XDG_CACHE_HOME !== undefined && isAbsolute(XDG_CACHE_HOME)
        ? XDG_CACHE_HOME
        : join(homedir(), ".cache")
  }
}

/**
 * What this run is for. Node keeps the code that the first run compiled, and no more: each purpose has its own, so that
 * a first `--version` does not slow every token after it.
 */
const purpose = () => {
  if (words.includes("token")) return "token"
  return words.some((word) => /^(tools|resources|prompts|call|ping|-s|--server(=.*)?)$/.test(word))
    ? "session"
    : "other"
}

/**
 * Keeps compiled code where nobody but this user can write: what is found there is run. Node's own place for it is in
 * the system's temporary folder, where whoever comes first may leave some for others.
 */
const keepCompiledCode = () => {
  const folder = join(caches(), "mcp-cli", "code", purpose())
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const { mode, uid } = statSync(folder)
    if (process.getuid !== undefined && (uid !== process.getuid() || (mode & 0o022) !== 0)) return
  } catch {
    // A home that cannot be written to: the program is as slow as in its first run.
    return
  }
  enableCompileCache(folder)
}

const main = async () => {
  if (isOldNode()) {
    process.exitCode = 2
    process.stderr.write(
      `mcp-cli: This is Node ${process.versions.node}, and mcp-cli needs ${oldest.join(".")} or newer. Install one (https://nodejs.org), or run it by one that npx fetches: npx -p node@24 mcp-cli ...\n`
    )
    return
  }
  await prefetch()
  keepCompiledCode()
  await import("./main.ts")
}

void main()
