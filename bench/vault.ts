import { spawn } from "node:child_process"
import { createServer, request } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout } from "node:timers/promises"
import { Effect } from "effect"
import { median, rounds, say, timed } from "./Measure.ts"
import { startWorld } from "../test/e2e/World.ts"
import { hasVault, liveVault } from "../test/servers/OpenBao.ts"

// `auth token` with its sign-in in Vault, beside a Node process that sends as many requests, one after the other.

/** Forwards to a server, and counts. */
const startCounter = async (to: URL) => {
  let count = 0
  const server = createServer((incoming, outgoing) => {
    count += 1
    const forwarded = request(
      new URL(incoming.url ?? "/", to),
      { method: incoming.method, headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      }
    )
    forwarded.once("error", () => outgoing.destroy())
    incoming.pipe(forwarded)
  })
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    take: () => {
      const taken = count
      count = 0
      return taken
    },
    close: () => {
      server.closeAllConnections()
      server.close()
    }
  }
}

/** A Node process that sends this many requests over one connection. */
const bare = (url: URL, count: number) =>
  new Promise<void>((done, reject) => {
    const program = `
      import { Agent, get } from "node:http"
      const agent = new Agent({ keepAlive: true })
      for (let left = ${count}; left > 0; left--) {
        await new Promise((done) => get("${url.origin}/v1/sys/health", { agent }, (answer) => answer.resume().once("end", done)))
      }
      agent.destroy()`
    spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "ignore" }).once(
      "close",
      (code) => (code === 0 ? done() : reject(new Error("the bare requests failed")))
    )
  })

const measure = Effect.gen(function* () {
  const vault = yield* liveVault
  const counter = yield* Effect.acquireRelease(
    Effect.promise(() => startCounter(vault.url)),
    ({ close }) => Effect.sync(close)
  )
  const env = { VAULT_ADDR: counter.url.origin, VAULT_TOKEN: vault.rootToken }
  for (const [what, accessTokenSeconds, wait] of [
    ["fresh", 3600, 0],
    ["expired", 1, 1100]
  ] as const) {
    const world = yield* Effect.acquireRelease(
      Effect.promise(() => startWorld({ accessTokenSeconds })),
      ({ close }) => Effect.promise(close)
    )
    const run = async (...args: ReadonlyArray<string>) => {
      const { code, stderr } = await world.run(args, { env })
      if (code !== 0) throw new Error(`mcp-cli ${args.join(" ")}: ${stderr}`)
    }
    yield* Effect.promise(async () => {
      await run("auth", "login", "demo")
      const [ours, floor, counts] = [[] as Array<number>, [] as Array<number>, [] as Array<number>]
      for (let round = 0; round < rounds; round++) {
        await setTimeout(wait)
        counter.take()
        ours.push(await timed(() => run("auth", "token", "demo")))
        counts.push(counter.take())
        floor.push(await timed(() => bare(counter.url, counts.at(-1) ?? 0)))
      }
      say(
        `auth token, ${what}: ${median(counts)} requests to Vault, ${median(ours).toFixed(0)} ms; as many bare requests: ${median(floor).toFixed(0)} ms`
      )
      await run("auth", "reset", "demo")
    })
  }
})

if (hasVault) await Effect.runPromise(Effect.scoped(measure))
else say("no Vault to measure: bash scripts/test-servers.sh installs one")
