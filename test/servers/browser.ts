import { appendFileSync } from "node:fs"
import { followRedirects } from "./BrowserUser.ts"

// A browser for `$BROWSER`, without a display: notes that it was opened, and approves by following redirects.
const url = process.argv[2] ?? ""
const log = process.env["BROWSER_LOG"]
if (log !== undefined) appendFileSync(log, `${new URL(url).origin}\n`)
await followRedirects(url)
