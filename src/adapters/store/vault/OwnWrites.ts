import { Clock, Duration, Effect, Option } from "effect"
import type { KeyValue } from "./KeyValue.ts"
import { replicaAttempts, replicaPause } from "./VaultLimits.ts"

/** A write of this process. */
interface OwnWrite {
  readonly version: number
  /** How long a replica may be behind it, in milliseconds since the epoch. */
  readonly until: number
}

const maxLag = replicaAttempts * Duration.toMillis(replicaPause)

/**
 * An engine that is read as this process has written it. Standbys answer reads themselves, and up to OpenBao 2.6 nothing tells
 * them what a client has seen; a record at a lower version than the written one shows that they are behind.
 */
export const readingOwnWrites = (engine: KeyValue): KeyValue => {
  const written = new Map<string, OwnWrite>()
  return {
    ...engine,
    read: Effect.fnUntraced(function* (name: string) {
      for (;;) {
        const found = yield* engine.read(name)
        const own = written.get(name)
        if (own === undefined || found.version >= own.version) return found
        const left = own.until - (yield* Clock.currentTimeMillis)
        // More than that is left only if the clock was set back.
        if (left <= 0 || left > maxLag) {
          // Another machine has removed the record, and the count of versions has started over.
          written.delete(name)
          return found
        }
        yield* Effect.sleep(replicaPause)
      }
    }),
    write: Effect.fnUntraced(function* (name, fields, over) {
      const version = yield* engine.write(name, fields, over)
      if (Option.isSome(version) && version.value > 0) {
        written.set(name, { version: version.value, until: (yield* Clock.currentTimeMillis) + maxLag })
      }
      return version
    }),
    remove: (name, isOnce) =>
      Effect.suspend(() => {
        written.delete(name)
        return engine.remove(name, isOnce)
      })
  }
}
