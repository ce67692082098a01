import { spawnSync } from "node:child_process"
import { globSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { runScenario } from "./RunScenario.ts"
import { noFaults, type Scenario, scenarioOf } from "./Scenario.ts"
import { sweep } from "./Sweep.ts"

/** Seeds of a sweep, and those in which proxies need a sign-in. Both take less than a minute on two cores. */
const seeds = 1_700
const electionSeeds = 300
/** Seeds over Vault, which take several times as long. */
const vaultSeeds = 200

describe("a simulated world", () => {
  it("gives the same trace for the same seed", async () => {
    const one = await runScenario(scenarioOf("5"))
    const again = await runScenario(scenarioOf("5"))
    assert.isAbove(one.lines.length, 20)
    assert.deepStrictEqual(one.lines, again.lines)
    assert.notDeepEqual(one.lines, (await runScenario(scenarioOf("6"))).lines)
  })

  it("gives the same trace over Vault", async () => {
    const scenario = scenarioOf("5", { store: "vault", replicaLag: 50 })
    const one = await runScenario(scenario)
    assert.deepStrictEqual(one.lines, (await runScenario(scenario)).lines)
  })

  it("keeps every rule over files, keyrings, and a store of many machines", async () => {
    const found = await sweep({ first: 1, count: seeds, changes: {} })
    assert.strictEqual(found.seeds, seeds)
    assert.deepStrictEqual(found.failures, [])
  }, 900_000)

  it("keeps every rule where several proxies need a sign-in at the same time", async () => {
    const found = await sweep({ first: 1, count: electionSeeds, changes: {}, isElection: true })
    assert.strictEqual(found.seeds, electionSeeds)
    assert.deepStrictEqual(found.failures, [])
  }, 900_000)

  it("keeps every rule over a Vault whose replicas lag", async () => {
    const { failures } = await sweep({
      first: 1,
      count: vaultSeeds,
      changes: { store: "vault", replicaLag: 2000 }
    })
    assert.deepStrictEqual(failures, [])
  }, 900_000)

  it.each<[string, Partial<Scenario>, ReadonlyArray<number>]>([
    ["a used refresh token was sent while the first request was under way", {}, [122, 300, 323, 360, 376]],
    ["a second browser opened for a sign-in that needed a refresh", {}, [207, 277, 476, 997]],
    ["a lease that was lost was not noticed", { store: "vault" }, [72, 391, 421, 548, 645, 742]],
    [
      "a replica that was behind was believed",
      { store: "vault", replicaLag: 2000 },
      [5, 18, 22, 49, 73, 74, 82]
    ],
    ["an approval was thrown away", { store: "vault", replicaLag: 2000 }, [83]],
    ["a record that was refreshed already won", { store: "vault", replicaLag: 2000 }, [552]],
    ["a lease was taken for held after it had expired", { store: "vault", replicaLag: 2000 }, [1670]],
    ["a retry did not look at the lease again", { store: "vault", replicaLag: 2000 }, [1093]]
  ])("keeps every rule where %s", async (_, changes, seeds) => {
    for (const seed of seeds) {
      const { violations } = await runScenario(scenarioOf(String(seed), changes))
      assert.deepStrictEqual(violations, [], `seed ${seed}`)
    }
  })

  it("refreshes once per expiry where nothing fails", async () => {
    const { failures } = await sweep({ first: 1, count: 100, changes: { faults: noFaults } })
    assert.deepStrictEqual(failures, [])
  })
})

describe("what once failed", () => {
  const kept = globSync("test/simulation/regressions/*.json").toSorted()

  it.each(kept)("holds: %s", async (file) => {
    const scenario = JSON.parse(readFileSync(file, "utf8")) as Scenario
    const { lines, violations } = await runScenario(scenario)
    assert.deepStrictEqual(violations, [], lines.join("\n"))
  })
})

describe("the mutations", () => {
  const patches = globSync("test/simulation/mutations/*.patch").toSorted()

  it("are at least twelve", () => {
    assert.isAtLeast(patches.length, 12)
  })

  it.each(patches)("applies to the tree: %s", (patch) => {
    const { status, stderr } = spawnSync("git", ["apply", "--check", patch], { encoding: "utf8" })
    assert.strictEqual(status, 0, stderr)
  })
})
