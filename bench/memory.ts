import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { spawn } from "node:child_process"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { createGzip } from "node:zlib"
import { say } from "./Measure.ts"

// Measures the peak memory of `call` and `read` against servers whose answers do not end, or are far larger than they look.

/** Goal of each, in MiB. A program that loads the SDK and does nothing else has about 100. */
const goal = 200
/** Bytes after which a server that is not stopped gives up. */
const enough = 2 ** 31

type Write = (text: string | Buffer) => Promise<boolean>

const block = (text: string): Buffer =>
  Buffer.from(text.repeat(Math.ceil(65_536 / Math.max(1, Buffer.byteLength(text)))))

/** A valid answer with a long text. */
const long = {
  type: "json",
  start: '{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"',
  repeat: "x",
  end: '"}]}}',
  bytes: 60 * 2 ** 20
} as const

/** What a server answers to `tools/call` or `resources/read`: the type of the content, how it begins, and what it repeats. */
const answers: Readonly<
  Record<
    string,
    {
      type: "json" | "event-stream"
      start: string
      repeat: string
      end?: string
      gzip?: true
      bytes?: number
      /** Words of the command line behind the name of the server; absent: those of a call. */
      words?: ReadonlyArray<string>
      /** Answers as a program. */
      isProgram?: true
    }
  >
> = {
  "a short answer": {
    type: "json",
    start: '{"jsonrpc":"2.0","id":ID,"result":{"content":[]}}',
    repeat: "",
    bytes: 0
  },
  "endless JSON": {
    type: "json",
    start: '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"',
    repeat: "x"
  },
  "endless JSON, gzip": {
    type: "json",
    start: '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"',
    repeat: "x",
    gzip: true
  },
  "endless event of one line": { type: "event-stream", start: "data: ", repeat: "x" },
  "endless event of many lines": { type: "event-stream", start: "", repeat: "data: x\n" },
  "endless event of many lines, gzip": { type: "event-stream", start: "", repeat: "data: x\n", gzip: true },
  "endless fields": { type: "event-stream", start: "", repeat: "id: 1\r\n" },
  "endless small events": {
    type: "event-stream",
    start: "",
    repeat: `data: ${JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "x" } })}\n\n`
  },
  "JSON of 60 MiB, gzip": { ...long, gzip: true },
  "JSON of 60 MiB, --json": { ...long, words: ["call", "tool", "--json"] },
  "JSON of 60 MiB with escapes and two-byte letters": { ...long, repeat: "\\u00e9 \\n é " },
  "JSON of 60 MiB in texts of 9 KiB": {
    ...long,
    start: '{"jsonrpc":"2.0","id":ID,"result":{"content":[',
    repeat: `{"type":"text","text":"${"x".repeat(9 * 1024)}"},`,
    end: '{"type":"text","text":""}]}}'
  },
  "event of 60 MiB": {
    ...long,
    type: "event-stream",
    start: `data: ${long.start}`,
    end: `${long.end}\n\n`
  },
  "line of 60 MiB from a program": { ...long, isProgram: true },
  "file of 45 MiB, read --output": {
    ...long,
    start: '{"jsonrpc":"2.0","id":ID,"result":{"contents":[{"uri":"a:b","blob":"',
    repeat: "QUJD",
    words: ["read", "a:b", "--output", "file"]
  },
  "60 MiB of empty lists, gzip": {
    type: "json",
    start: '{"jsonrpc":"2.0","id":ID,"result":{"content":[],"structuredContent":{"a":[[]',
    repeat: ",[]",
    end: "]}}}",
    gzip: true,
    bytes: 60 * 2 ** 20
  }
}

const respond = async (name: string, id: unknown, response: ServerResponse) => {
  const {
    bytes = enough,
    end = "",
    gzip,
    repeat,
    start,
    type
  } = answers[name] ?? { type: "json", start: "", repeat: " " }
  response.writeHead(200, {
    "content-type": type === "json" ? "application/json" : "text/event-stream",
    ...(gzip ? { "content-encoding": "gzip" } : {})
  })
  const sink = gzip ? createGzip() : response
  if (gzip) sink.pipe(response)
  response.once("close", () => sink.emit("drain"))
  const write: Write = (text) =>
    new Promise((done) => {
      if (response.destroyed) return done(false)
      const finish = () => done(!response.destroyed)
      if (sink.write(text)) return setImmediate(finish)
      sink.once("drain", finish)
    })
  await write(start.replace("ID", JSON.stringify(id)))
  const chunk = block(repeat)
  for (let sent = 0; sent < bytes && (await write(chunk)); sent += chunk.length);
  sink.end(end)
}

const bodyOf = async (request: IncomingMessage): Promise<{ id?: unknown; method?: string }> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString())
}

/** How many calls have arrived: a peak without one measures nothing. */
let calls = 0

const http = createServer(async (request, response) => {
  const { id, method } = await bodyOf(request)
  const result = (value: unknown) =>
    response
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify({ jsonrpc: "2.0", id, result: value }))
  if (request.method !== "POST") response.writeHead(405).end()
  else if (method === "initialize")
    result({
      protocolVersion: "2025-06-18",
      capabilities: { tools: {}, resources: {} },
      serverInfo: { name: "endless", version: "1" }
    })
  else if (method === "tools/list") result({ tools: [{ name: "tool", inputSchema: { type: "object" } }] })
  else if (method === "tools/call" || method === "resources/read") {
    calls++
    await respond(decodeURIComponent((request.url ?? "").slice(1)), id, response)
  } else if (method === "server/discover") response.writeHead(400).end()
  else response.writeHead(202).end()
})
await new Promise<void>((done) => http.listen(0, "127.0.0.1", done))
const { port } = http.address() as AddressInfo
const home = mkdtempSync(join(tmpdir(), "mcp-cli-memory-"))
const log = join(home, "peak.log")
const program = resolve("dist/bin/mcp-cli.cjs")

/** A stdio server that passes the messages on to the server of this bench, and says its answers on one line. */
const relay = (url: string) => `
require("node:readline").createInterface({ input: process.stdin }).on("line", async (body) => {
  const response = await fetch(${JSON.stringify(url)}, { method: "POST", body })
  if (!response.ok || response.status === 202)
    return JSON.parse(body).id !== undefined &&
      console.log(JSON.stringify({ jsonrpc: "2.0", id: JSON.parse(body).id, error: { code: -32601, message: "no" } }))
  for await (const chunk of response.body) process.stdout.write(chunk)
  process.stdout.write("\\n")
})`

writeFileSync(
  join(home, "server_config.json"),
  JSON.stringify({
    mcpServers: Object.fromEntries(
      Object.entries(answers).map(([name, { isProgram }]) => {
        const url = `http://127.0.0.1:${port}/${encodeURIComponent(name)}`
        const program = { command: process.execPath, args: ["-e", relay(url)] }
        return [name, isProgram ? program : { url, headers: { Authorization: "Bearer x" } }]
      })
    )
  })
)

const only = process.argv[2]
for (const [name, { words: [command = "", ...words] = ["call", "tool"] }] of Object.entries(answers)) {
  if (only !== undefined && name !== only) continue
  writeFileSync(log, "")
  calls = 0
  const began = performance.now()
  const stderr = await new Promise<string>((done) => {
    const child = spawn(
      process.execPath,
      ["--require", resolve("bench/PeakMemory.cjs"), program, command, name, ...words],
      {
        cwd: home,
        env: {
          PATH: process.env["PATH"],

          HOME: home,
          PEAK_LOG: log,
          MCP_CLI_ENCRYPTION_KEY: "x",
          XDG_CACHE_HOME: resolve("node_modules/.cache")
        },
        stdio: ["ignore", "ignore", "pipe"]
      }
    )
    let text = ""
    child.stderr.on("data", (chunk: Buffer) => {
      text += chunk.toString()
    })
    child.once("close", (code, signal) => done(`exit ${code ?? signal}: ${text.split("\n")[0]}`))
  })
  const peak = Math.round(Number(readFileSync(log, "utf8")) || Infinity)
  say(
    `${name}: ${peak} MiB, goal <= ${goal}: ${calls > 0 && peak <= goal ? "met" : "MISSED"}; ${Math.round((performance.now() - began) / 100) / 10} s; ${stderr}`
  )
}
http.closeAllConnections()
await new Promise((done) => http.close(done))
rmSync(home, { recursive: true, force: true })
