import { appendFileSync } from "node:fs"
import { serveStdio, StdioServerTransport } from "@modelcontextprotocol/server/stdio"
import { makeToolServer } from "./ToolServer.ts"

const { JOURNAL } = process.env
if (JOURNAL !== undefined) appendFileSync(JOURNAL, `${process.pid}\n`)

// The program of a stdio server, in the way that its argument names.
const [kind] = process.argv.slice(2)
switch (kind) {
  case "both-eras":
    serveStdio(() => makeToolServer())
    break
  case "talks":
    process.stderr.write("listening\n")
    await makeToolServer().connect(new StdioServerTransport())
    break
  case "legacy":
    await makeToolServer({ toolsOnly: true }).connect(new StdioServerTransport())
    break
  // As servers by the Rust SDK do: whatever comes before `initialize` ends the program.
  case "strict":
    process.stdin.once("data", (first: Buffer) => {
      if (!first.toString("utf8").includes('"method":"initialize"')) process.exit(1)
      process.stdin.pause()
      process.stdin.unshift(first)
      void makeToolServer({ toolsOnly: true })
        .connect(new StdioServerTransport())
        .then(() => process.stdin.resume())
    })
    break
  default:
    process.stderr.write(`cannot reach the database with ${process.env["DATABASE_PASSWORD"]}\n`)
    process.exit(1)
}
