import { quantile, say, timed } from "./Measure.ts"
import { startWorld } from "../test/e2e/World.ts"

// What `mcp-cli proxy NAME --port PORT` adds to a `tools/call` over loopback.

const calls = 2000

const world = await startWorld()
const run = async (...args: ReadonlyArray<string>) => {
  const { code, stderr, stdout } = await world.run(args)
  if (code !== 0) throw new Error(stderr)
  return stdout.trim()
}

const callAt = (url: string | URL, bearer: string) => async () => {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      authorization: `Bearer ${bearer}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream"
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "add", arguments: { a: 19, b: 23 } }
    })
  })
  const text = await response.text()
  if (!text.includes("42")) throw new Error(text)
}

await run("auth", "login", "demo")
const direct = callAt(world.mcpServer.url, await run("auth", "token", "demo"))
const proxy = world.start(["proxy", "demo", "--port", "0", "--json"])
const line = await new Promise<string>((done) =>
  proxy.child.stdout?.once("data", (data) => done(String(data)))
)
const { bearer, port } = JSON.parse(line) as { readonly bearer: string; readonly port: number }
const proxied = callAt(`http://127.0.0.1:${port}/mcp`, bearer)

const took = { direct: [] as Array<number>, proxied: [] as Array<number> }
for (let count = -200; count < calls; count++) {
  const pair = [await timed(proxied), await timed(direct)] as const
  // The first ones are for the compilers.
  if (count < 0) continue
  took.proxied.push(pair[0])
  took.direct.push(pair[1])
}
for (const [name, part, goal] of [
  ["p50", 0.5, 0.5],
  ["p99", 0.99, 2]
] as const) {
  const [ours, theirs] = [quantile(took.proxied, part), quantile(took.direct, part)]
  const added = ours - theirs
  say(
    `tools/call through proxy --port, ${name}: ${added.toFixed(2)} ms added, goal <= ${goal}: ${added <= goal ? "met" : "MISSED"}; ${ours.toFixed(2)} ms against ${theirs.toFixed(2)} ms`
  )
}
proxy.child.kill()
await proxy.ended
await world.close()
