import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { type Account, followRedirects } from "./BrowserUser.ts"

// A browser for `$BROWSER`, without a display: notes that it was opened, and approves by following redirects.
const url = process.argv[2] ?? ""
const log = process.env["BROWSER_LOG"]
if (log !== undefined) appendFileSync(log, `${new URL(url).origin}\n`)
const jar = process.env["BROWSER_COOKIES"]
const kept = jar !== undefined && existsSync(jar) ? readFileSync(jar, "utf8") : "[]"
const cookies = new Map(JSON.parse(kept) as ReadonlyArray<[string, string]>)
const account = process.env["BROWSER_ACCOUNT"]
await followRedirects(
  url,
  undefined,
  cookies,
  account === undefined ? undefined : (JSON.parse(account) as Account)
)
// A browser with a session at the authorization server, from one sign-in to the next.
if (jar !== undefined) writeFileSync(jar, JSON.stringify([...cookies]))
