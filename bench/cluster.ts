// @effect-diagnostics globalRandom:off
import { setTimeout } from "node:timers/promises"
import { Effect } from "effect"
import { twoMachines } from "../test/e2e/TwoMachines.ts"
import { startBalancer, startVaultCluster } from "../test/servers/OpenBao.ts"

// One sign-in that processes on two machines share, over three nodes of OpenBao. Arguments: `--rounds N` (20), `--processes N`
// (12), and any of `standby`, `balancer`, `step-down`, `kill`, `addresses` (`kill` with a list of all nodes instead of a balancer)
// and `commands`; absent: all. Takes minutes.

const say = (line: string) => process.stdout.write(`${line}\n`)
const given = process.argv.slice(2)
const valueOf = (flag: string, otherwise: number) =>
  given.includes(flag) ? Number(given[given.indexOf(flag) + 1]) : otherwise
const [rounds, processes] = [valueOf("--rounds", 20), valueOf("--processes", 12)]
const parts = ["standby", "balancer", "step-down", "kill", "addresses", "commands"]
const wanted = parts.some((part) => given.includes(part)) ? given : parts

const run = Effect.gen(function* () {
  const cluster = yield* startVaultCluster
  const user = yield* twoMachines
  const balancer = yield* startBalancer(cluster.nodes.map(({ url }) => url))
  const through = (url: URL) => ({
    VAULT_ADDR: url.origin,
    VAULT_TOKEN: cluster.nodes[0]?.rootToken ?? ""
  })
  const balanced = through(balancer.url)

  /** Ends the leader at a random time within a round, and then waits until the cluster is whole again. */
  const endLeader = async (kind: string) => {
    await setTimeout(Math.random() * 5000)
    const leader = await cluster.leader()
    const isKilled = kind !== "step-down"
    await (isKilled ? leader.kill() : cluster.stepDown())
    return async () => {
      if (isKilled) await leader.restart()
      await cluster.settled()
    }
  }

  const measure = async (name: string, env: Readonly<Record<string, string>>, hasTrouble = false) => {
    await user.must(0, ["auth", "login", "demo"], env)
    await user.must(1, ["ping", "demo"], env)
    let [right, refreshes, slowest, lost] = [0, 0, 0, 0]
    for (let round = 0; round < rounds; round++) {
      const trouble = hasTrouble ? endLeader(name) : undefined
      const found = await user.round(processes, env)
      await (
        await trouble
      )?.()
      right += found.right
      refreshes += found.refreshes
      slowest = Math.max(slowest, found.slowest)
      for (const complaint of found.complaints) say(`  ${name}, round ${round + 1}: ${complaint.trim()}`)
      if ((await user.run(1, ["ping", "demo"], env)).code === 0) continue
      lost++
      await user.must(0, ["auth", "login", "demo"], env)
    }
    say(
      `${name}: ${right} of ${rounds * processes} right answers, ${refreshes} refreshes in ${rounds} rounds, ${lost} sign-ins lost, slowest process ${(slowest / 1000).toFixed(1)} s`
    )
  }

  const standby = async () => through((await cluster.standby()).url)
  yield* Effect.promise(async () => {
    if (wanted.includes("standby")) await measure("standby", await standby())
    if (wanted.includes("balancer")) await measure("balancer", balanced)
    if (wanted.includes("step-down")) await measure("step-down", balanced, true)
    if (wanted.includes("kill")) await measure("kill", balanced, true)
    const all = { ...balanced, VAULT_ADDR: cluster.nodes.map(({ url }) => url.origin).join(",") }
    if (wanted.includes("addresses")) await measure("addresses", all, true)
    if (!wanted.includes("commands")) return
    for (let round = 0; round < rounds; round++) await user.everyCommand(await standby())
    say(`commands through a standby: ${rounds} of ${rounds}`)
  })
})

await Effect.runPromise(Effect.scoped(run))
