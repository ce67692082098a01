import crypto from "node:crypto"
import { syncBuiltinESMExports } from "node:module"
import { epoch } from "./Epoch.ts"
import type { Simulator } from "./Simulator.ts"

/**
 * While a process of the simulation runs, replaces the globals that would let a run depend on something other than its
 * seed: real timers fail, clocks tell virtual time, and random values are seeded. Returns what restores them.
 */
export const raiseFence = (simulator: Simulator): (() => void) => {
  const random = simulator.seed.fork("globals")
  const real = {
    random: Math.random,
    now: Date.now,
    setTimeout: globalThis.setTimeout,
    setInterval: globalThis.setInterval,
    setImmediate: globalThis.setImmediate,
    performanceNow: performance.now,
    randomUUID: crypto.randomUUID
  }
  const isInside = () => simulator.current !== undefined
  const forbidden =
    (name: string, original: (...args: ReadonlyArray<never>) => unknown) =>
    (...args: ReadonlyArray<never>): unknown => {
      if (!isInside()) return original(...args)
      throw new Error(`${name} in a simulated process`)
    }
  Math.random = () => (isInside() ? random.next() : real.random())
  Date.now = () => (isInside() ? epoch + Math.floor(simulator.now) : real.now())
  performance.now = () => (isInside() ? simulator.now : real.performanceNow.call(performance))
  Object.assign(globalThis, {
    setTimeout: forbidden("setTimeout", real.setTimeout as never),
    setInterval: forbidden("setInterval", real.setInterval as never),
    setImmediate: forbidden("setImmediate", real.setImmediate as never)
  })
  crypto.randomUUID = (options) => (isInside() ? random.uuid() : real.randomUUID(options))
  syncBuiltinESMExports()
  return () => {
    Math.random = real.random
    Date.now = real.now
    performance.now = real.performanceNow
    Object.assign(globalThis, {
      setTimeout: real.setTimeout,
      setInterval: real.setInterval,
      setImmediate: real.setImmediate
    })
    crypto.randomUUID = real.randomUUID
    syncBuiltinESMExports()
  }
}
