import { join } from "node:path"
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { startBalancer, startVaultCluster, vaultProgram } from "../servers/OpenBao.ts"
import { shared } from "../servers/shared.ts"
import { twoMachines } from "./TwoMachines.ts"

// The full counts: bench/cluster.ts.
describe.skipIf(vaultProgram === undefined)("three nodes of OpenBao (needs scripts/test-servers.sh)", () => {
  const cluster = shared(startVaultCluster)
  const user = shared(twoMachines)
  const balancer = shared(Effect.suspend(() => startBalancer(cluster().nodes.map(({ url }) => url))))
  const env = (...urls: ReadonlyArray<URL>) => ({
    VAULT_ADDR: urls.map(({ origin }) => origin).join(","),
    VAULT_TOKEN: cluster().nodes[0]?.rootToken ?? ""
  })

  it("take every command through a standby", async () => {
    const { everyCommand, world } = user()
    await everyCommand(env((await cluster().standby()).url))
    assert.strictEqual(world.browsersOpened(), 2)
  })

  it("are no safe place with key-value version 1, which storage says", async () => {
    const { must, world } = user()
    world.configure({ mcpServers: {}, tokenStorage: { backend: "vault", vaultMountPoint: "kv" } })
    const file = join(world.home, ".mcp_cli", "server_config.json")
    const { stdout } = await must(0, ["storage", "--config-file", file], env(balancer().url))
    assert.match(stdout, /^Caution +key-value version 1 has no check-and-set/m)
    assert.match(stdout, /^Caution +this Vault is a cluster/m)
  })

  it("see one refresh of many processes on two machines, through a balancer and through a standby", async () => {
    const { must, round, run } = user()
    const standby = env((await cluster().standby()).url)
    await must(0, ["auth", "login", "demo"], standby)
    await must(1, ["ping", "demo"], standby)
    for (const through of [env(balancer().url), standby]) {
      const { complaints, refreshes, right } = await round(6, through)
      assert.deepStrictEqual(complaints, [])
      assert.strictEqual(right, 6)
      assert.strictEqual(refreshes, 1)
    }
    assert.strictEqual((await run(1, ["auth", "status"], standby)).code, 0)
  })

  // The first needs the addresses in a list, since that node does not come back in time.
  it.each([
    ["is killed", async () => (await cluster().leader()).kill()],
    ["steps down", () => cluster().stepDown()]
  ])("lose no sign-in when the leader %s before the new tokens are stored", async (_, end) => {
    const { round, run, world } = user()
    const leader = await cluster().leader()
    const others = cluster().nodes.filter((node) => node !== leader)
    const through = env(leader.url, ...others.map(({ url }) => url))
    let go = () => {}
    const until = new Promise<void>((done) => {
      go = done
    })
    const held = new Promise<void>((done) => {
      world.authorizationServer.failNext({ kind: "hold the answer", until, held: done })
    })
    const ending = held.then(end).then(go)
    const { complaints, refreshes, right } = await round(3, through)
    await ending
    assert.deepStrictEqual(complaints, [])
    assert.strictEqual(right, 3)
    assert.strictEqual(refreshes, 1)
    assert.strictEqual((await run(0, ["ping", "demo"], through)).code, 0)
  })
})
