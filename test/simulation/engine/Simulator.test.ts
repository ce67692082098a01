import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { Machine } from "./Machine.ts"
import { Simulator } from "./Simulator.ts"

const makeSimulator = (seed: string) =>
  new Simulator({ seed, preemption: 0.2, drift: 0.1, maxSteps: 100_000 })

describe("a virtual process", () => {
  it("runs nothing after its crash, and no finalizer", async () => {
    const simulator = makeSimulator("crash")
    const process = simulator.process("p1", new Machine("m1", 0))
    const seen: Array<string> = []
    process.run(
      Effect.sync(() => seen.push("began")).pipe(
        Effect.andThen(Effect.sleep("1 second")),
        Effect.ensuring(Effect.sync(() => seen.push("finalizer"))),
        Effect.uninterruptible
      )
    )
    simulator.after(500, () => process.crash())
    await simulator.run()
    assert.deepStrictEqual(seen, ["began"])
  })

  it("crashes between two operations of an uninterruptible region", async () => {
    const simulator = makeSimulator("crash inside")
    const process = simulator.process("p1", new Machine("m1", 0))
    process.operationsLeft = 500
    let done = 0
    const work = Effect.forEach(
      Array.from({ length: 1000 }, (_, index) => index),
      () =>
        Effect.andThen(
          Effect.yieldNow,
          Effect.sync(() => (done += 1))
        )
    )
    process.run(Effect.uninterruptible(work))
    await simulator.run()
    assert.isTrue(process.isDead)
    assert.isAbove(done, 10)
    assert.isBelow(done, 1000)
  })

  it("continues after a pause, with its timers late", async () => {
    const simulator = makeSimulator("pause")
    const process = simulator.process("p1", new Machine("m1", 0))
    let woke = 0
    process.run(
      Effect.andThen(
        Effect.sleep("1 second"),
        Effect.sync(() => (woke = simulator.now))
      )
    )
    simulator.after(500, () => process.pause(10_000))
    await simulator.run()
    assert.strictEqual(woke, 10_500)
  })

  it("continues in the order of the seed after a promise", async () => {
    const simulator = makeSimulator("promise")
    const process = simulator.process("p1", new Machine("m1", 0))
    let inside: unknown
    process.run(
      Effect.andThen(
        Effect.promise(async () => undefined),
        Effect.sync(() => (inside = simulator.current))
      )
    )
    await simulator.run()
    assert.strictEqual(inside, process)
  })

  it("has the clock of its machine", async () => {
    const simulator = makeSimulator("clock")
    const times: Array<number> = []
    const note = Effect.map(Clock.currentTimeMillis, (now) => times.push(now))
    simulator.process("p1", new Machine("m1", 0)).run(note)
    simulator.process("p2", new Machine("m2", 60_000)).run(note)
    await simulator.run()
    assert.strictEqual(Math.abs(times[0]! - times[1]!), 60_000)
  })
})

describe("the simulator", () => {
  it("chooses among the orders of ready fibers", async () => {
    const orders = new Set<string>()
    for (let seed = 0; seed < 20; seed++) {
      const simulator = makeSimulator(String(seed))
      const process = simulator.process("p1", new Machine("m1", 0))
      const order: Array<number> = []
      process.run(
        Effect.gen(function* () {
          const fibers = yield* Effect.forEach([1, 2, 3], (number) =>
            Effect.forkChild(Effect.sync(() => order.push(number)))
          )
          yield* Fiber.awaitAll(fibers)
        })
      )
      await simulator.run()
      orders.add(order.join(""))
    }
    assert.isAbove(orders.size, 1)
  })
})
