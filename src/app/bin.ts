import { readFileSync } from "node:fs"
import { enableCompileCache } from "node:module"
import { homedir } from "node:os"
import { join } from "node:path"
import * as KeyDerivation from "../adapters/store/encrypted-file/KeyDerivation.ts"
import * as KeyringStart from "../adapters/store/keyring/KeyringStart.ts"

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

if (process.argv.length > 2 && !process.argv.slice(2).some((word) => withoutStore.test(word))) {
  const folder = join(homedir(), ".mcp_cli")
  const backend = chosen(folder)
  if (backend === "secretservice" || backend === "keychain" || backend === "windows") {
    KeyringStart.beginEarly(backend)
  } else if (backend !== "vault") {
    KeyDerivation.beginEarly(join(folder, "tokens", ".salt"), process.env["MCP_CLI_ENCRYPTION_KEY"])
  }
}
enableCompileCache()
await import("./main.ts")
