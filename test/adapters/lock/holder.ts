import { appendFileSync } from "node:fs"
import { Effect } from "effect"
import * as ProcessLock from "../../../src/adapters/lock/ProcessLock.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { CredentialLock } from "../../../src/ports/CredentialLock.ts"

// A process that holds the lock of `notion` for ever, or visits it five times and writes down when.
const [mode, directory = "", journal = ""] = process.argv.slice(2)
const write = (line: string) => Effect.sync(() => appendFileSync(journal, `${line}\n`))

const hold = Effect.andThen(
  Effect.sync(() => process.stdout.write("held\n")),
  // Waiting for nothing at all would not keep the process alive.
  Effect.sleep("1 hour")
)
const visit = (at: number) =>
  Effect.gen(function* () {
    yield* write(`in ${process.pid} ${at}`)
    yield* Effect.sleep("2 millis")
    yield* write(`out ${process.pid} ${at}`)
  })

await Effect.runPromise(
  Effect.gen(function* () {
    const lock = yield* CredentialLock
    const locked = lock.withLock(CredentialKey.of("notion"), "refresh")
    if (mode === "hold") return yield* locked(hold)
    for (let at = 0; at < 5; at++) yield* locked(visit(at))
  }).pipe(Effect.provide(ProcessLock.layer({ directory })))
)
