import { enableCompileCache } from "node:module"
import { homedir } from "node:os"
import { join } from "node:path"
import { beginEarly } from "../adapters/store/encrypted-file/KeyDerivation.ts"

/** Commands that open no store. */
const withoutStore = /^(servers|--?h(elp)?|-V|--version|--completions(=.*)?)$/

if (process.argv.length > 2 && !process.argv.slice(2).some((word) => withoutStore.test(word))) {
  beginEarly(join(homedir(), ".mcp_cli", "tokens", ".salt"), process.env["MCP_CLI_ENCRYPTION_KEY"])
}
enableCompileCache()
await import("./main.ts")
