import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import type { StorageError } from "../../../ports/CredentialStore.ts"
import type { KeyValue } from "./KeyValue.ts"
import { replicaAttempts, replicaPause } from "./VaultLimits.ts"

/** How the names of test records begin. No credential has such a name. */
const prefix = "#"

/** Records that show whether an engine works. */
export interface TestRecords {
  /**
   * Writes, reads and removes a record. It is removed first as well, which shows whether that is allowed before anything is
   * there.
   */
  readonly check: Effect.Effect<void, StorageError>
  /** Removes what runs that were killed have left. */
  readonly clear: Effect.Effect<void, StorageError>
}

/**
 * The test records of an engine.
 *
 * @param altered the error if a record is not read as it was written
 */
export const testRecords = (engine: KeyValue, altered: StorageError): TestRecords => {
  const writeAndRead = Effect.fnUntraced(function* (name: string) {
    yield* engine.write(name, { canary: name }, 0)
    for (let attempt = 1; attempt <= replicaAttempts; attempt++) {
      if (attempt > 1) yield* Effect.sleep(replicaPause)
      if ((yield* engine.read(name)).fields?.["canary"] === name) return
    }
    return yield* altered
  })

  return {
    check: Effect.gen(function* () {
      const name = `${prefix}${randomUUID()}`
      yield* engine.remove(name)
      // Removed even if a signal interrupts the test.
      const written = yield* Effect.acquireUseRelease(
        Effect.void,
        () => Effect.result(writeAndRead(name)),
        () => engine.remove(name)
      )
      yield* Effect.fromResult(written)
    }),
    clear: Effect.flatMap(engine.list, (names) =>
      Effect.forEach(
        names.filter((name) => name.startsWith(prefix)),
        (name) => engine.remove(name),
        { discard: true }
      )
    )
  }
}
