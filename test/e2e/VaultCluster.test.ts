import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import {
  hasVault,
  shared,
  startBalancer,
  startVaultCluster,
  type VaultNode,
  vaultProgram
} from "../servers/OpenBao.ts"
import { type Ended, startWorld, type World } from "./World.ts"

/** A reduced count in `npm test`; the full measurement: `TEST_VAULT_ROUNDS=20`. */
const rounds = Number(process.env["TEST_VAULT_ROUNDS"] ?? 1)
const processes = 12

/** A user who has two machines: two homes with the same configuration. */
interface Machines {
  readonly world: World
  readonly run: (
    machine: number,
    args: ReadonlyArray<string>,
    env?: Readonly<Record<string, string>>
  ) => Promise<Ended>
}

const machines = Effect.acquireRelease(
  Effect.promise(async () => {
    const world = await startWorld()
    const homes = [1, 2].map(() => mkdtempSync(join(tmpdir(), "mcp-cli-machine-")))
    for (const home of homes) {
      mkdirSync(join(home, ".mcp_cli"), { mode: 0o700 })
      writeFileSync(
        join(home, ".mcp_cli", "server_config.json"),
        JSON.stringify({
          mcpServers: { demo: { url: world.mcpServer.url.href } },
          tokenStorage: { backend: "vault" }
        }),
        { mode: 0o600 }
      )
    }
    const run: Machines["run"] = (machine, args, env = {}) =>
      world.run(args, { cwd: homes[machine], env: { HOME: homes[machine] ?? "", ...env } })
    return { world, homes, run }
  }),
  ({ homes, world }) =>
    Effect.promise(async () => {
      await world.close()
      for (const home of homes) rmSync(home, { recursive: true, force: true })
    })
)

const must = (ended: Ended, what: string) => {
  assert.strictEqual(ended.code, 0, `${what}: ${ended.stderr}`)
  return ended
}

describe.skipIf(vaultProgram === undefined)("three nodes of OpenBao (needs scripts/test-servers.sh)", () => {
  const cluster = shared(startVaultCluster)
  const users = shared(machines)

  const through = async (
    url: URL,
    name: string,
    trouble?: (round: number) => Promise<() => Promise<void>>
  ) => {
    const { run, world } = users()
    const env = { VAULT_ADDR: url.href, VAULT_TOKEN: cluster().nodes[0]?.rootToken ?? "" }
    must(await run(0, ["auth", "login", "demo"], env), "login")
    must(await run(1, ["ping", "demo"], env), "ping")
    const refreshes = () => world.authorizationServer.counts.get("token:refresh_token") ?? 0
    const before = refreshes()
    for (let round = 1; round <= rounds; round++) {
      world.mcpServer.rejectSeenTokens()
      const at = performance.now()
      const took: Array<number> = []
      const troubled = trouble?.(round)
      const ended = await Promise.all(
        Array.from({ length: processes }, (_, index) =>
          run(index % 2, ["call", "demo", "add", "a=19", "b=23"], env).then((end) => {
            took.push(performance.now() - at)
            return end
          })
        )
      )
      process.stdout.write(
        `${name} round ${round}: ${ended.filter(({ stdout }) => stdout === "42\n").length} right, ${refreshes() - before} refreshes, ${Math.max(...took).toFixed(0)} ms\n`
      )
      await (
        await troubled
      )?.()
      for (const { code, stderr } of ended) if (code !== 0) process.stdout.write(`${code} ${stderr}\n`)
    }
    assert.strictEqual(refreshes() - before, rounds)
  }

  it("refresh once through a standby", async () => {
    await through((await cluster().standby()).url, "standby")
  }, 600_000)
  it("refresh once through a balancer", async () => {
    await Effect.runPromise(
      Effect.scoped(
        Effect.flatMap(startBalancer(cluster().nodes.map(({ url }) => url)), ({ url }) =>
          Effect.promise(() => through(url, "balancer"))
        )
      )
    )
  }, 600_000)
  it.each(["step", "kill"])(
    "survives a %s",
    async (kind) => {
      const balancer = (use: (url: URL) => Promise<void>) =>
        Effect.runPromise(
          Effect.scoped(
            Effect.flatMap(startBalancer(cluster().nodes.map(({ url }) => url)), ({ url }) =>
              Effect.promise(() => use(url))
            )
          )
        )
      await balancer((url) =>
        through(url, kind, async (round) => {
          await new Promise((done) => setTimeout(done, Math.random() * 4000))
          const leader = await cluster().leader()
          if (kind === "step") {
            await cluster().stepDown()
            return () => cluster().settled()
          }
          await leader.kill()
          return async () => {
            await leader.restart()
            await cluster().settled()
          }
        })
      )
    },
    600_000
  )
})
