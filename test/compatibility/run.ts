// @effect-diagnostics globalDate:off
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { makeMcpRemote, makeOurs, mcpRemoteVersion } from "./Clients.ts"
import { servers } from "./Servers.ts"
import { type Result, runSteps, stepNames } from "./Steps.ts"

// Runs every server that is installed, with this program and with mcp-remote, and writes docs/compatibility.md. The rows of
// servers that are not installed stay as they are. Fails where a step of ours is worse.
const document = "docs/compatibility.md"
const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly version: string }
const old = existsSync(document) ? readFileSync(document, "utf8").split("\n") : []
const today = new Date().toISOString().slice(0, 10)
const programs = [
  { name: "mcp-cli", make: makeOurs },
  { name: "mcp-remote", make: makeMcpRemote }
]
const only = process.argv.slice(2)

const lines: Array<string> = []
let isWorse = false
for (const { isInstalled, name, start } of servers) {
  if (!isInstalled || (only.length > 0 && !only.some((part) => name.includes(part)))) {
    process.stdout.write(`not run: ${name}\n`)
    lines.push(...old.filter((line) => line.startsWith(`| ${name} `)))
    continue
  }
  const results: Array<ReadonlyArray<Result>> = []
  for (const { make, name: program } of programs) {
    // Each program meets a server that is as good as new.
    const server = await start()
    const client = make(server)
    const row = await runSteps(server, client)
    await Promise.all([client.close(), server.close()])
    results.push(row)
    const cells = [name, program, ...row.map(({ text }) => text.replaceAll(/http:\S+:\d+/g, "URL")), today]
    lines.push(`| ${cells.join(" | ")} |`)
    process.stdout.write(`${cells.join(" | ")}\n`)
  }
  const [ours = [], theirs = []] = results
  for (const [index, { score }] of ours.entries()) {
    if (score >= (theirs[index]?.score ?? 0)) continue
    isWorse = true
    process.stdout.write(`WORSE: ${name}, ${stepNames[index] ?? ""}\n`)
  }
}

const heading = ["server", "program", ...stepNames, "date"]
const text = `# Compatibility

What happens at real servers, with mcp-cli ${version} and mcp-remote ${mcpRemoteVersion}. \`npm run test:servers\` writes this page.

- The user knows the URL of the MCP server and nothing else. The program registers itself.
- A token has expired for both sides: the server refuses it, and the clock of the program is an hour later.
- A server that lost its memory knows neither clients nor tokens. The user signs in again.
- Answers are of a tool that was called. Refreshes are requests to the token endpoint, sign-ins are browsers opened.

| ${heading.join(" | ")} |
| ${heading.map(() => "---").join(" | ")} |
${lines.join("\n")}
`
writeFileSync(document, text)
process.exitCode = isWorse ? 1 : 0
