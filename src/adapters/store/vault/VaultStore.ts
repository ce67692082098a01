import { randomUUID } from "node:crypto"
import { Clock, Context, Duration, Effect, Layer, Option, Result, Schedule, Semaphore } from "effect"
import type { Credential } from "../../../domain/Credential.ts"
import { CredentialKey } from "../../../domain/CredentialKey.ts"
import type { VaultSettings } from "../../../ports/Configuration.ts"
import { CredentialLock, LockError } from "../../../ports/CredentialLock.ts"
import { CredentialStore, StorageError } from "../../../ports/CredentialStore.ts"
import { storageBackends } from "../../../ports/StorageBackend.ts"
import { BackendError, Superseded } from "../../../ports/StorageFailure.ts"
import { decodeRecord, encodeRecord } from "../CredentialRecord.ts"
import { type Fields, type Found, keyValue } from "./KeyValue.ts"
import { vaultHttp } from "./VaultHttp.ts"
import { vaultSession } from "./VaultToken.ts"

/** How long a lease is good for when it is not extended. */
export const leaseTime = Duration.seconds(30)
/** How often the holder extends it. */
const heartbeat = Duration.seconds(10)
/** How often somebody else's lease is looked at, and how long in all. */
const polling = Schedule.spaced("250 millis").pipe(Schedule.jittered, Schedule.upTo({ duration: "1 minute" }))
/** Vault's clock tells whole seconds, and ours in between. */
const clockGrain = 1500
/** Nothing is begun that a lease might not outlast. */
const margin = 2000
/** How often a write that nothing guards is tried over another one's. */
const writeAttempts = 20

/** A lease that this process holds on a record. */
interface Lease {
  readonly owner: string
  readonly turn: Semaphore.Semaphore
  /** The record as of our last write. */
  fields: Fields
  version: number
  /** Until when it is ours for sure, by our clock, in milliseconds since the epoch. */
  until: number
  /** Somebody else has written since. */
  isLost: boolean
}

const leaseOf = (
  fields: Fields | undefined
): { readonly owner: string; readonly seconds: number } | undefined => {
  const [owner, seconds] = (fields?.["lease"] ?? "").split(" ")
  return owner === undefined || owner === "" ? undefined : { owner, seconds: Number(seconds) }
}

const withLease = (fields: Fields | undefined, owner: string): Fields => ({
  ...fields,
  lease: `${owner} ${Duration.toSeconds(leaseTime)}`
})

const withoutLease = ({ lease: _, ...rest }: Fields): Fields => rest

class Taken {
  readonly _tag = "Taken"
}

/**
 * Credentials in Vault, and their locks. In an engine of version 2 a lock is a lease in the record itself, taken by
 * check-and-set: it holds across machines, ends by itself when its holder does, and whoever comes back from a pause
 * finds the record at another version, which no write of theirs can replace. In version 1, which has no
 * check-and-set, the lock of this machine is all there is.
 *
 * The `CredentialLock` below is the one among the processes of this machine: only one of them at a time goes on to
 * ask Vault.
 */
export const layer = (
  settings: VaultSettings
): Layer.Layer<CredentialStore | CredentialLock, never, CredentialLock> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const local = yield* CredentialLock
      const http = yield* vaultHttp(settings)
      const engine = keyValue(http, yield* vaultSession(http, settings.auth), settings)
      const leases = new Map<string, Lease>()
      const path = `${settings.mountPoint}/${settings.pathPrefix}`
      const superseded = (key: CredentialKey) =>
        new StorageError({ reason: new Superseded({ server: key.server }) })

      /**
       * Writes over a version. An answer that got lost may have been a success: whether it was is told by the name of
       * the write, which is in the record.
       */
      const writeOver = Effect.fnUntraced(function* (name: string, fields: Fields, over: number) {
        const named: Fields = { ...fields, write: randomUUID() }
        const written = yield* engine.write(name, named, over)
        if (Option.isSome(written)) return Option.some({ version: written.value, fields: named })
        const found = yield* engine.read(name)
        return found.fields?.["write"] === named["write"]
          ? Option.some({ version: found.version, fields: named })
          : Option.none()
      })

      /** Writes a record that we hold the lease on; false where the lease is lost. */
      const writeHeld = (name: string, lease: Lease, change: (fields: Fields) => Fields) =>
        Effect.gen(function* () {
          if (lease.isLost) return false
          const now = yield* Clock.currentTimeMillis
          if (now + margin >= lease.until) {
            // We were away for too long to be sure: the version alone could be the same again by chance.
            const found = yield* engine.read(name)
            if (found.version !== lease.version || leaseOf(found.fields)?.owner !== lease.owner) {
              lease.isLost = true
              return false
            }
          }
          const written = yield* writeOver(name, change(lease.fields), lease.version)
          if (Option.isNone(written)) {
            lease.isLost = true
            return false
          }
          lease.version = written.value.version
          lease.fields = written.value.fields
          lease.until = now + Duration.toMillis(leaseTime)
          return true
        }).pipe(lease.turn.withPermit)

      const take = Effect.fn("VaultStore.take")(function* (key: CredentialKey, owner: string) {
        const name = key.storageName
        const found: Found = yield* engine.read(name)
        const other = leaseOf(found.fields)
        if (other !== undefined && found.age <= other.seconds * 1000 + clockGrain) {
          return yield* Effect.fail(new Taken())
        }
        const now = yield* Clock.currentTimeMillis
        const written = yield* writeOver(name, withLease(found.fields, owner), found.version)
        if (Option.isNone(written)) return yield* Effect.fail(new Taken())
        const lease: Lease = {
          owner,
          turn: Semaphore.makeUnsafe(1),
          fields: written.value.fields,
          version: written.value.version,
          until: now + Duration.toMillis(leaseTime),
          isLost: false
        }
        leases.set(name, lease)
        yield* writeHeld(name, lease, (fields) => fields).pipe(
          Effect.ignore({ log: "Debug" }),
          Effect.delay(heartbeat),
          Effect.forever,
          Effect.interruptible,
          Effect.forkScoped
        )
        return lease
      })

      /** Removes a record that never held a credential, with the lease. No version guards a removal: the time does. */
      const removeHeld = (name: string, lease: Lease) =>
        Effect.gen(function* () {
          const left = lease.until - margin - (yield* Clock.currentTimeMillis)
          if (lease.isLost || left <= 0) return
          lease.isLost = true
          yield* engine.remove(name).pipe(Effect.interruptible, Effect.timeout(left))
        }).pipe(lease.turn.withPermit)

      /** What cannot be given back ends by itself. */
      const giveBack = Effect.fn("VaultStore.giveBack")(
        function* (name: string, lease: Lease) {
          leases.delete(name)
          yield* lease.fields["record"] === undefined
            ? removeHeld(name, lease)
            : writeHeld(name, lease, withoutLease)
        },
        Effect.ignore({ log: "Debug" })
      )

      const leased = Effect.fnUntraced(function* (key: CredentialKey) {
        const owner = randomUUID()
        const fail = (detail?: string) =>
          new LockError({ name: key.server, ...(detail === undefined ? {} : { detail }) })
        // Taken and noted as one, and given back whatever happens; the wait for it may be interrupted.
        yield* Effect.acquireRelease(
          take(key, owner).pipe(
            Effect.retry({ schedule: polling, while: (error) => error._tag === "Taken" }),
            Effect.catchTags({
              Taken: () => fail(),
              StorageError: (error) => fail(error.message.replace(/\.$/, ""))
            })
          ),
          (lease) => giveBack(key.storageName, lease),
          { interruptible: true }
        )
      })

      const lock = CredentialLock.of({
        withLock: (key, purpose) => (effect) =>
          local.withLock(
            key,
            purpose
          )(
            purpose === "refresh"
              ? Effect.scoped(
                  Effect.gen(function* () {
                    const version = yield* engine.version.pipe(
                      Effect.mapError(
                        (error) =>
                          new LockError({ name: key.server, detail: error.message.replace(/\.$/, "") })
                      )
                    )
                    if (version === 2) yield* leased(key)
                    return yield* effect
                  })
                )
              : effect
          )
      })

      const get = Effect.fn("VaultStore.get")(function* (key: CredentialKey) {
        const { fields } = yield* engine.read(key.storageName)
        const text = fields?.["record"]
        if (text === undefined) return Option.none()
        const record = decodeRecord(key, `Vault's ${path}/${key.storageName}`, text)
        if (Result.isFailure(record)) return yield* new StorageError({ reason: record.failure })
        return Option.some(record.success)
      })

      const busy = Effect.suspend(
        () =>
          new StorageError({
            reason: new BackendError({
              backend: storageBackends.vault,
              detail: "others write the same record all the time"
            })
          })
      )

      /** Puts a record in place of whatever is there, somebody else's lease left as it is. */
      const replace = Effect.fnUntraced(function* (name: string, record: string) {
        for (let attempt = 1; attempt <= writeAttempts; attempt++) {
          const { fields, version } = yield* engine.read(name)
          const written = yield* writeOver(name, { ...fields, record }, version)
          if (Option.isSome(written)) return written.value.version
        }
        return yield* busy
      })

      /** The new record is stored whatever comes of this; but old ones hold old tokens, so that is said. */
      const prune = (name: string, except: number) =>
        engine
          .prune(name, except)
          .pipe(
            Effect.catch((error) =>
              Effect.logWarning(`Older versions of ${path}/${name} could not be destroyed. ${error.message}`)
            )
          )

      const put = Effect.fn("VaultStore.put")(function* (key: CredentialKey, credential: Credential) {
        const name = key.storageName
        const record = yield* encodeRecord(key, credential)
        const lease = leases.get(name)
        if (lease === undefined) return yield* Effect.flatMap(replace(name, record), (at) => prune(name, at))
        if (!(yield* writeHeld(name, lease, (fields) => ({ ...fields, record })))) {
          return yield* superseded(key)
        }
        yield* prune(name, lease.version)
      }, Effect.uninterruptible)

      /** Puts a lease of ours in place of a record and of whoever holds that; none where another write was first. */
      const seize = Effect.fnUntraced(function* (name: string, over: number) {
        const owner = randomUUID()
        const until = (yield* Clock.currentTimeMillis) + Duration.toMillis(leaseTime)
        const written = yield* writeOver(name, withLease({}, owner), over)
        return Option.map(written, (at): Lease => ({
          owner,
          turn: Semaphore.makeUnsafe(1),
          ...at,
          until,
          isLost: false
        }))
      })

      /**
       * First the content, by check-and-set, and only then what is left of the record, within the lease: a removal that
       * comes late must not take what another machine has written by then.
       */
      const remove = Effect.fn("VaultStore.remove")(function* (key: CredentialKey) {
        const name = key.storageName
        for (let attempt = 1; attempt <= writeAttempts; attempt++) {
          const { fields, version } = yield* engine.read(name)
          const held = leases.get(name)
          if (held !== undefined && leaseOf(fields)?.owner !== held.owner) return yield* superseded(key)
          const was = fields?.["record"] !== undefined
          if ((yield* engine.version) === 1) {
            yield* engine.remove(name)
            return was
          }
          if (version === 0) return false
          if (held !== undefined && !(yield* writeHeld(name, held, ({ record: _, ...rest }) => rest))) {
            return yield* superseded(key)
          }
          const lease = held ?? Option.getOrUndefined(yield* seize(name, version))
          if (lease === undefined) continue
          yield* removeHeld(name, lease).pipe(
            // It is empty: nothing of it counts any more. Only old versions would still hold what it was.
            Effect.catch(() => prune(name, lease.version))
          )
          return was
        }
        return yield* busy
      }, Effect.uninterruptible)

      const list = Effect.map(engine.list, (names) =>
        names
          .toSorted((a, b) => (a < b ? -1 : 1))
          .flatMap((name) => Option.toArray(CredentialKey.fromStorageName(name)))
      )

      /** Writes, reads and removes a record of no meaning. Its name is none of a credential's. */
      const unlock = Effect.gen(function* () {
        const name = `#${randomUUID()}`
        yield* engine.write(name, { canary: name }, 0)
        const { fields } = yield* engine.read(name)
        yield* engine.remove(name)
        if (fields?.["canary"] !== name) {
          return yield* new StorageError({
            reason: new BackendError({
              backend: storageBackends.vault,
              detail: "it does not give back what was put there"
            })
          })
        }
      }).pipe(Effect.withSpan("VaultStore.unlock"))

      const store = CredentialStore.of({
        description: { backend: storageBackends.vault, location: `${http.address} ${path}` },
        unlock,
        get,
        put,
        remove,
        clear: Effect.flatMap(list, Effect.forEach(remove)).pipe(
          Effect.asVoid,
          Effect.withSpan("VaultStore.clear")
        ),
        list
      })
      return Context.make(CredentialStore, store).pipe(Context.add(CredentialLock, lock))
    })
  )
