import { randomUUID } from "node:crypto"
import { Clock, Duration, Effect, Layer, Schedule, Scope } from "effect"
import { type CredentialKey, CredentialLock, LockError, type LockPurpose } from "mcp-cli-oauth"
import { Database } from "./Database.ts"

class Taken {
  readonly _tag = "Taken"
}

/**
 * Locks by leases in the database, which exclude all replicas. The holder extends its lease while it runs. If it dies, the
 * lease expires and the next process takes the lock.
 *
 * Replicas on several machines need a database server, and its clock in place of the local one.
 *
 * @param options.lease much longer than a process can be busy without running a timer; absent: 30 seconds
 * @param options.timeout how long a lock is waited for; absent: one minute
 */
export const layer = (
  options: { readonly lease?: Duration.Input; readonly timeout?: Duration.Input } = {}
): Layer.Layer<CredentialLock, never, Database> =>
  Layer.effect(
    CredentialLock,
    Effect.gen(function* () {
      const { query } = yield* Database
      const lease = Duration.toMillis(Duration.fromInputUnsafe(options.lease ?? "30 seconds"))
      const polling = Schedule.spaced("25 millis").pipe(
        Schedule.jittered,
        Schedule.upTo({ duration: options.timeout ?? "1 minute" })
      )

      /** The owner of each lease that this replica holds. */
      const held = new Map<string, string>()

      const take = Effect.fnUntraced(function* (name: string) {
        const owner = randomUUID()
        const now = yield* Clock.currentTimeMillis
        // One statement compares and sets: of two processes that find an expired lease, one gets a row.
        const taken = yield* query(
          `INSERT INTO leases (name, owner, expires_at) VALUES (?, ?, ?)
           ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
           WHERE leases.expires_at <= ? RETURNING owner`,
          name,
          owner,
          now + lease,
          now
        )
        return taken.length === 1 ? owner : yield* Effect.fail(new Taken())
      })

      const extend = Effect.fnUntraced(
        function* (name: string, owner: string) {
          const now = yield* Clock.currentTimeMillis
          yield* query(
            "UPDATE leases SET expires_at = ? WHERE name = ? AND owner = ?",
            now + lease,
            name,
            owner
          )
        },
        Effect.ignore({ log: "Warn" })
      )

      const release = (name: string, owner: string) =>
        query("DELETE FROM leases WHERE name = ? AND owner = ?", name, owner).pipe(
          Effect.ignore({ log: "Warn" })
        )

      const hold = Effect.fnUntraced(function* (key: CredentialKey, name: string) {
        const owner = yield* Effect.acquireRelease(
          take(name).pipe(
            Effect.retry({ schedule: polling, while: (error) => error._tag === "Taken" }),
            Effect.catchTags({
              Taken: () => new LockError({ name: key.server }),
              StorageError: ({ message }) => new LockError({ name: key.server, detail: message })
            })
          ),
          (owner) =>
            Effect.andThen(
              Effect.sync(() => held.delete(name)),
              release(name, owner)
            ),
          { interruptible: true }
        )
        held.set(name, owner)
        yield* extend(name, owner).pipe(
          Effect.delay(lease / 3),
          Effect.forever,
          Effect.interruptible,
          Effect.forkScoped
        )
      })

      const nameOf = (key: CredentialKey, purpose: LockPurpose) => `${key.storageName} ${purpose}`

      return CredentialLock.of({
        // A replica that was paused for longer than its lease finds out before it sends a refresh token.
        confirm: (key, purpose) =>
          Effect.gen(function* () {
            const name = nameOf(key, purpose)
            const lost = new LockError({ name: key.server, detail: "its lease expired" })
            const found = yield* query(
              "SELECT owner FROM leases WHERE name = ? AND owner = ? AND expires_at > ?",
              name,
              held.get(name) ?? "",
              yield* Clock.currentTimeMillis
            ).pipe(Effect.mapError(({ message }) => new LockError({ name: key.server, detail: message })))
            if (found.length === 0) return yield* lost
          }),
        withLock: (key, purpose) => (effect) =>
          Effect.scopedWith((scope) =>
            hold(key, nameOf(key, purpose)).pipe(
              Effect.provideService(Scope.Scope, scope),
              Effect.andThen(effect)
            )
          )
      })
    })
  )
