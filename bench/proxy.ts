import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import { createRequire } from "node:module"
import type { AddressInfo } from "node:net"
import { dirname, join, resolve } from "node:path"
import { compare, median, rounds, say } from "./Measure.ts"
import { startAuthorizationServer } from "../test/servers/AuthorizationServer.ts"
import { makeHome, startWorld } from "../test/e2e/World.ts"
import { followRedirects } from "../test/servers/BrowserUser.ts"
import { hasSecretService, startSecretService } from "../test/servers/SecretService.ts"

// The proxy over stdio beside mcp-remote: start, latency, a thousand calls at once, and memory.

const mcpRemote = join(
  dirname(createRequire(import.meta.url).resolve("mcp-remote/package.json")),
  "dist",
  "proxy.js"
)
const lineFeed = 0x0a

/** A proxy, and the client that has started it. */
interface Proxy {
  readonly child: ChildProcess
  /** Sends a request; the response to it as it came. */
  readonly ask: (method: string, params?: object) => Promise<Buffer>
  readonly notify: (method: string) => void
  readonly end: () => Promise<void>
}

const clientOf = (child: ChildProcess): Proxy => {
  const waiting = new Map<number, (line: Buffer) => void>()
  let parts: Array<Buffer> = []
  let last = 0
  child.stderr?.resume()
  child.once("close", (code) => {
    if (waiting.size > 0) throw new Error(`The proxy ended with ${code}, and owes ${waiting.size} answers`)
  })
  child.stdout?.on("data", (chunk: Buffer) => {
    for (let from = 0; from < chunk.length;) {
      const end = chunk.indexOf(lineFeed, from)
      parts.push(chunk.subarray(from, end < 0 ? chunk.length : end))
      if (end < 0) return
      const line = Buffer.concat(parts)
      parts = []
      from = end + 1
      const ends = [line.subarray(0, 200).toString(), line.subarray(-200).toString()]
      const id = ends.map((text) => /"id":(\d+)[,}]/.exec(text)?.[1]).find((found) => found !== undefined)
      waiting.get(Number(id))?.(line)
      waiting.delete(Number(id))
    }
  })
  const write = (message: object) => void child.stdin?.write(`${JSON.stringify(message)}\n`)
  return {
    child,
    ask: (method, params = {}) =>
      new Promise((done) => {
        const id = ++last
        waiting.set(id, done)
        write({ jsonrpc: "2.0", id, method, params })
      }),
    notify: (method) => write({ jsonrpc: "2.0", method }),
    end: async () => {
      child.removeAllListeners("close")
      const closed = once(child, "close")
      child.kill("SIGINT")
      await closed
    }
  }
}

const handshake = async (proxy: Proxy) => {
  await proxy.ask("initialize", {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "bench", version: "1" }
  })
  proxy.notify("notifications/initialized")
}

const ours =
  (home: { readonly home: string }, url: string, env: Readonly<Record<string, string>>) => (): Proxy =>
    clientOf(
      spawn(process.execPath, [resolve("dist/bin/mcp-cli.cjs"), "proxy", url], {
        cwd: home.home,
        env: { ...env, HOME: home.home },
        stdio: ["pipe", "pipe", "pipe"]
      })
    )

const theirs =
  (home: { readonly home: string }, url: string, env: Readonly<Record<string, string>>) => (): Proxy =>
    clientOf(
      spawn(process.execPath, [mcpRemote, url, "--allow-http", "--transport", "http-only"], {
        env: {
          ...env,
          HOME: home.home,
          BROWSER: "true",
          MCP_REMOTE_CONFIG_DIR: join(home.home, "mcp-remote")
        },
        stdio: ["pipe", "pipe", "pipe"]
      })
    )

const { CI: _ci, NODE_OPTIONS: _options, ...inherited } = process.env as Record<string, string>
const environment = {
  ...inherited,
  DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent",
  MCP_CLI_ENCRYPTION_KEY: "correct horse battery staple",
  XDG_CACHE_HOME: resolve("node_modules/.cache")
}

/** Runs a proxy to its end, at which Node writes its compile cache. Those that are measured are killed before. */
const warmUp = async (start: () => Proxy) => {
  const proxy = start()
  await handshake(proxy)
  await proxy.end()
}

const started = (start: () => Proxy) => async () => {
  const proxy = start()
  await handshake(proxy)
  // What follows is not part of the start.
  proxy.child.removeAllListeners("close")
  proxy.child.kill("SIGKILL")
}

/** Bytes of a process in memory: its own pages, and those that it shares. */
const residentMegabytes = (pid: number | undefined, field = "VmRSS"): number =>
  Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024

const verdict = (value: number, goal: number) => (value <= goal ? "met" : "MISSED")

const signInMcpRemote = async (start: () => Proxy) => {
  const proxy = start()
  let seen = ""
  let isVisited = false
  proxy.child.stderr?.on("data", (chunk: Buffer) => {
    seen += chunk.toString()
    const url = /^\s*(http:\/\/\S+\/authorize\?\S+)/m.exec(seen)?.[1]
    if (url === undefined || isVisited) return
    isVisited = true
    void followRedirects(url)
  })
  await handshake(proxy)
  await proxy.end()
}

/** A server that takes every token and answers at once: what is left is the way through the proxy. */
const fastServer = async () => {
  const counts = new Map<string, number>()
  const authorizationServer = await startAuthorizationServer({ autoApprove: true })
  const server = createServer(async (request, response) => {
    const origin = `http://${request.headers.host}`
    if (request.url?.startsWith("/.well-known/oauth-protected-resource") === true) {
      const authorization_servers = [authorizationServer.issuer]
      const resource = `${origin}/mcp`
      response.writeHead(200, { "content-type": "application/json" })
      return void response.end(
        JSON.stringify({ resource, authorization_servers, scopes_supported: ["mcp:read"] })
      )
    }
    if (request.url !== "/mcp") return void response.writeHead(404).end()
    if (request.headers.authorization === undefined) {
      const metadata = `${origin}/.well-known/oauth-protected-resource/mcp`
      return void response
        .writeHead(401, { "www-authenticate": `Bearer resource_metadata="${metadata}"` })
        .end()
    }
    const body = Buffer.concat(await request.toArray()).toString()
    const { id, method, params } = (body === "" ? {} : JSON.parse(body)) as {
      readonly id?: number
      readonly method?: string
      readonly params?: { readonly size?: number }
    }
    const name = method ?? request.method ?? ""
    counts.set(name, (counts.get(name) ?? 0) + 1)
    if (request.method === "GET") return void response.writeHead(405).end()
    if (id === undefined) return void response.writeHead(202).end()
    const result =
      method === "initialize"
        ? {
            protocolVersion: "2025-06-18",
            capabilities: { tools: {} },
            serverInfo: { name: "x", version: "1" }
          }
        : { content: [{ type: "text", text: "x".repeat(params?.size ?? 10) }] }
    response.writeHead(200, { "content-type": "application/json" })
    response.end(JSON.stringify({ jsonrpc: "2.0", id, result }))
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
  const home = makeHome(url)
  const { code, stderr } = await home.run(["auth", "login", "demo"])
  if (code !== 0) throw new Error(stderr)
  await signInMcpRemote(theirs(home, url, environment))
  const close = async () => {
    server.closeAllConnections()
    server.close()
    await authorizationServer.close()
    await home.close()
  }
  return { url, home, counts, close }
}

const percentile = (times: ReadonlyArray<number>, share: number): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? Number.NaN

const calls = 200
const latencies = async (call: () => Promise<unknown>) => {
  for (let warm = 0; warm < 50; warm++) await call()
  const times: Array<number> = []
  for (let at = 0; at < calls; at++) {
    const before = performance.now()
    await call()
    times.push(performance.now() - before)
  }
  return times
}

const perSecond = async (call: () => Promise<unknown>, count = 1000) => {
  const before = performance.now()
  const answers = await Promise.all(Array.from({ length: count }, call))
  return { rate: (answers.length / (performance.now() - before)) * 1000, answers: answers.length }
}

const runWays = async () => {
  const server = await fastServer()
  const { home } = server
  const direct = async () => {
    const response = await fetch(server.url, {
      method: "POST",
      headers: {
        authorization: "Bearer any",
        "content-type": "application/json",
        accept: "application/json, text/event-stream"
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "x" } })
    })
    await response.arrayBuffer()
  }
  const ways = {
    "mcp-cli": ours(home, "demo", environment),
    "mcp-remote": theirs(home, server.url, environment)
  }
  const proxies: Array<readonly [name: string, Proxy]> = []
  for (const [name, start] of Object.entries(ways)) {
    server.counts.clear()
    const proxy = start()
    await handshake(proxy)
    await proxy.ask("tools/list")
    await new Promise((done) => setTimeout(done, 100))
    const own = [...server.counts].map(([method, count]) => `${count} ${method}`).join(", ")
    say(
      `${name}: requests of a start with tools/list: ${own}; goal: the client's own, and the standing stream`
    )
    proxies.push([name, proxy])
  }
  const called = new Map<string, () => Promise<unknown>>([
    ["direct", direct],
    ...proxies.map(([name, proxy]) => [name, () => proxy.ask("tools/call", { name: "x" })] as const)
  ])
  const latencyOf = new Map<string, Array<number>>()
  const rateOf = new Map<string, Array<number>>()
  let answered = 0
  // In turns, so that other load of the machine affects all of them.
  for (let round = 0; round < 5; round++)
    for (const [name, call] of called) {
      latencyOf.set(name, [...(latencyOf.get(name) ?? []), ...(await latencies(call))])
    }
  for (let round = 0; round < rounds; round++)
    for (const [name, call] of called) {
      const { answers, rate } = await perSecond(call)
      answered += answers
      rateOf.set(name, [...(rateOf.get(name) ?? []), rate])
    }
  const times = (name: string, share: number) => percentile(latencyOf.get(name) ?? [], share)
  for (const [name, proxy] of proxies) {
    const [p50, p99] = [times(name, 0.5) - times("direct", 0.5), times(name, 0.99) - times("direct", 0.99)]
    say(
      `${name}: added to a call: p50 ${p50.toFixed(2)} ms, goal <= 0.5: ${verdict(p50, 0.5)}; p99 ${p99.toFixed(2)} ms, goal <= 2: ${verdict(p99, 2)}`
    )
    const share = median(rateOf.get(name) ?? []) / median(rateOf.get("direct") ?? [])
    say(
      `${name}: 1,000 calls at once: ${share.toFixed(2)} of the direct rate, goal >= 0.92: ${verdict(0.92, share)}`
    )
    await proxy.end()
  }
  say(`answered: ${answered} of ${called.size * rounds * 1000}`)
  await server.close()
}

const ofMemory = async () => {
  const server = await fastServer()
  const { home } = server
  const idle = async (start: () => Proxy) => {
    const proxy = start()
    await handshake(proxy)
    await proxy.ask("tools/list")
    await new Promise((done) => setTimeout(done, 500))
    return proxy
  }
  const [own, other] = [
    await idle(ours(home, "demo", environment)),
    await idle(theirs(home, server.url, environment))
  ]
  const [before, remote] = [residentMegabytes(own.child.pid), residentMegabytes(other.child.pid)]
  say(
    `memory of an idle proxy / mcp-remote: ${before.toFixed(0)} / ${remote.toFixed(0)} MB = ${(before / remote).toFixed(2)}, goal <= 0.65: ${verdict(before / remote, 0.65)}`
  )
  const result = await own.ask("tools/call", { name: "large", size: 50_000_000 })
  const over = residentMegabytes(own.child.pid, "VmHWM") - before
  say(
    `a result of ${Math.round(result.length / 1e6)} MB: ${over.toFixed(0)} MB over idle, goal <= 120: ${verdict(over, 120)}`
  )
  await own.end()
  await other.end()
  await server.close()
}

/** Compares the first answer of two proxies whose sign-ins are in the same kind of store. */
const compareStart = async (store: string, goal: number, more: Readonly<Record<string, string>> = {}) => {
  const world = await startWorld()
  const env = { ...environment, ...more }
  const { code, stderr } = await world.run(["auth", "login", "demo"], { env: more })
  if (code !== 0) throw new Error(stderr)
  const remote = theirs(world, world.mcpServer.url.href, env)
  await signInMcpRemote(remote)
  await warmUp(ours(world, "demo", env))
  await compare(
    `proxy NAME up to the answer of initialize, ${store} / mcp-remote`,
    goal,
    started(ours(world, "demo", env)),
    started(remote)
  )
  await world.close()
}

const ofStart = async () => {
  await compareStart("encrypted files", 0.5)
  if (!hasSecretService) return
  const keyring = await startSecretService()
  await compareStart("keyring", 0.4, {
    DBUS_SESSION_BUS_ADDRESS: keyring.env["DBUS_SESSION_BUS_ADDRESS"] ?? "",
    MCP_CLI_ENCRYPTION_KEY: ""
  })
  await keyring.close()
}

say(`medians of ${rounds}`)
const parts = { start: ofStart, calls: runWays, memory: ofMemory }
const [chosen] = process.argv.slice(2)
for (const [name, measure] of Object.entries(parts))
  if (chosen === undefined || chosen === name) await measure()
