import { appendFileSync } from "node:fs"
import { Effect } from "effect"
import * as ProcessLock from "../../../src/adapters/lock/ProcessLock.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { CredentialLock } from "../../../src/ports/CredentialLock.ts"

// A process or a worker thread that works on the lock of `notion`: it holds it for ever, visits it five times and writes down
// when, or tries once to take it and says how that went.
const [mode, directory = "", journal = ""] = process.argv.slice(2)
const write = (line: string) => Effect.sync(() => appendFileSync(journal, `${line}\n`))
const say = (line: string) => Effect.sync(() => process.stdout.write(`${line}\n`))

const hold = Effect.andThen(
  say("held"),
  // Waiting for nothing at all would not keep the process alive.
  Effect.sleep("1 hour")
)
const visit = (at: number) =>
  Effect.gen(function* () {
    yield* write(`in ${process.pid} ${at}`)
    yield* Effect.sleep("2 millis")
    yield* write(`out ${process.pid} ${at}`)
  })
const once = { refresh: "10 millis", "sign-in": "10 millis", store: "10 millis" } as const

await Effect.runPromise(
  Effect.gen(function* () {
    const lock = yield* CredentialLock
    const locked = lock.withLock(CredentialKey.of("notion"), "refresh")
    switch (mode) {
      case "hold":
        return yield* locked(hold)
      case "try":
        return yield* Effect.matchEffect(locked(Effect.void), {
          onFailure: () => say("refused"),
          onSuccess: () => say("taken")
        })
      default:
        for (let at = 0; at < 5; at++) yield* locked(visit(at))
    }
  }).pipe(Effect.provide(ProcessLock.layer({ directory, ...(mode === "try" ? { timeout: once } : {}) })))
)
