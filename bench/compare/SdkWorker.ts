import { once } from "node:events"
import { fileShelf, SdkHost } from "./SdkHost.ts"

// One of several processes with the SDK, which share what they keep in a file: the server's URL, the file. It connects,
// waits for a line, and calls.
const [url = "", file = ""] = process.argv.slice(2)
const host = new SdkHost(fileShelf(file))
const client = await host.connect(new URL(url))
process.stderr.write("Connected\n")
await once(process.stdin, "data")
const before = host.opened.length
const done = await client.listTools().then(
  () => true,
  () => false
)
process.stdout.write(JSON.stringify({ done, opened: host.opened.length - before }))
process.exit(0)
