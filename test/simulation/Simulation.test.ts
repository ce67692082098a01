import { assert, describe, it } from "@effect/vitest"
import { runScenario } from "./RunScenario.ts"
import { noFaults, scenarioOf } from "./Scenario.ts"
import { sweep } from "./Sweep.ts"

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

  it("keeps every rule over a store and a lock that keep their promises", async () => {
    const { failures, seeds } = await sweep({ first: 1, count: 300, changes: {} })
    assert.strictEqual(seeds, 300)
    assert.deepStrictEqual(failures, [])
  }, 120_000)

  it("refreshes once per expiry where nothing fails", async () => {
    const { failures } = await sweep({ first: 1, count: 50, changes: { faults: noFaults } })
    assert.deepStrictEqual(failures, [])
  }, 60_000)
})
