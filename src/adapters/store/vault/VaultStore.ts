import { Context, Effect, Layer, Option, Result } from "effect"
import { type Credential, hasSameTokens } from "../../../domain/Credential.ts"
import { CredentialKey } from "../../../domain/CredentialKey.ts"
import type { VaultSettings } from "../../../ports/Configuration.ts"
import { CredentialLock } from "../../../ports/CredentialLock.ts"
import { CredentialStore, StorageError } from "../../../ports/CredentialStore.ts"
import { storageBackends } from "../../../ports/StorageBackend.ts"
import { BackendError } from "../../../ports/StorageFailure.ts"
import { Superseded } from "../../../ports/Superseded.ts"
import { decodeRecord, encodeRecord } from "../CredentialRecord.ts"
import { type KeyValue, keyValue } from "./KeyValue.ts"
import { atomicChanges, tidying } from "./AtomicChanges.ts"
import { cautionsOf } from "./Cautions.ts"
import { cannotLock, type Leases, makeLeases } from "./Leases.ts"
import { type HasSameContent, type Lease, hasStored, withRecord } from "./LeaseWrites.ts"
import { readingOwnWrites } from "./OwnWrites.ts"
import { withSealStatus } from "./SealStatus.ts"
import { testRecords } from "./TestRecords.ts"
import { vaultHttp } from "./VaultHttp.ts"
import { type VaultSession, vaultSession } from "./VaultSession.ts"
import { replicaPause, writeAttempts } from "./VaultLimits.ts"
import { type Tell, tellIfSlow } from "./WaitNotice.ts"

const waitsForProcess = ({ server }: CredentialKey) =>
  `Waiting for another mcp-cli process that uses the sign-in to ${server}.`

const superseded = ({ server }: CredentialKey) => new StorageError({ reason: new Superseded({ server }) })

const failed = (detail: string) =>
  new StorageError({ reason: new BackendError({ backend: storageBackends.vault, detail }) })

/** Whether two records have the same tokens. */
const hasSameContent =
  (path: string): HasSameContent =>
  (name, one, other) => {
    if (one === other) return true
    const [a, b] = [one, other].map((text) => {
      const key = Option.getOrUndefined(CredentialKey.fromStorageName(name))
      if (key === undefined || text === undefined) return undefined
      return Option.getOrUndefined(Result.getSuccess(decodeRecord(key, path, text)))
    })
    return a !== undefined && b !== undefined && hasSameTokens(a, b)
  }

/** True if a record has an access token that the record before it does not have: it comes from a refresh or a sign-in. */
const hasNewTokens = ({ tokens }: Credential, before: Credential | undefined): boolean =>
  tokens !== undefined && before?.tokens?.holds(tokens.accessToken) !== true

/**
 * The records under the locks of the caller. Other callers in the same process read as those in other processes do: they would
 * extend the lease of the lock, and new tokens would wait for that.
 */
const LockedRecords = Context.Reference<ReadonlyArray<string>>(
  "mcp-cli-oauth/adapters/store/vault/LockedRecords",
  { defaultValue: () => [] }
)

const holdingLock = <A, E, R>(key: CredentialKey, effect: Effect.Effect<A, E, R>) =>
  Effect.updateService(effect, LockedRecords, (names) => [...names, key.storageName])

/** Confirms the lock of this machine. A lease excludes other processes without it. */
const confirmUnlessLeased =
  (confirm: NonNullable<CredentialLock["Service"]["confirm"]>, { heldOn }: Leases): typeof confirm =>
  (key, purpose) =>
    purpose === "refresh" && heldOn(key.storageName) !== undefined ? Effect.void : confirm(key, purpose)

const currentOf = ({ current }: Leases, key: CredentialKey, lease: Lease) =>
  Effect.catchTag(current(key, lease), "LockError", ({ message }) => failed(message.replace(/\.$/, "")))

/** Looks at what is left of the token, and then at the lease: the look may have taken long. */
const reserving = ({ check }: VaultSession, engine: KeyValue, leases: Leases) =>
  Effect.fn("VaultStore.reserve")(function* (key: CredentialKey) {
    if (!(yield* check("refresh"))) yield* engine.read(key.storageName)
    const lease = leases.heldOn(key.storageName)
    if (lease === undefined) return
    const { base } = lease
    yield* currentOf(leases, key, lease)
    if (lease.base !== base) return yield* superseded(key)
  })

/**
 * Stores credentials in Vault, with their locks.
 *
 * **Details**
 *
 * In a key-value engine of version 2 a lock is a lease in the record itself, taken by check-and-set. It holds across
 * machines and expires if its holder dies. A holder that was paused finds the record at another version, which its
 * writes cannot replace. Version 1 has no check-and-set: there the lock of this machine is the only one.
 *
 * The `CredentialLock` that the layer requires is the one of this machine, so that only one of its processes at a
 * time asks Vault for the lease.
 *
 * @param tell shows the user what is waited for
 */
export const layer = (
  settings: VaultSettings,
  tell?: Tell
): Layer.Layer<CredentialStore | CredentialLock, never, CredentialLock> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const local = yield* CredentialLock
      const http = withSealStatus(yield* vaultHttp(settings, tell))
      const session = yield* vaultSession(http, settings.auth)
      const engine = readingOwnWrites(keyValue(http, session, settings))
      const path = `${settings.mountPoint}/${settings.pathPrefix}`
      const inNamespace = settings.namespace === undefined ? "" : ` (namespace ${settings.namespace})`
      const leases = makeLeases(engine, hasSameContent(path), tell)
      const overtaken = Effect.suspend(() => failed("other processes keep writing the same record"))

      const acquire = Effect.fnUntraced(function* (key: CredentialKey) {
        const version = yield* Effect.mapError(engine.version, (error) => cannotLock(key, error))
        if (version === 2) yield* leases.acquire(key, local.identify?.(key, "refresh"))
      })

      const lock = CredentialLock.of({
        withLock: (key, purpose) => (effect) =>
          purpose === "refresh"
            ? tellIfSlow(tell, () => waitsForProcess(key))((endWait) =>
                endWait.pipe(
                  Effect.andThen(acquire(key)),
                  Effect.andThen(holdingLock(key, effect)),
                  Effect.scoped,
                  local.withLock(key, purpose)
                )
              )
            : local.withLock(key, purpose)(effect),
        ...(local.confirm === undefined ? {} : { confirm: confirmUnlessLeased(local.confirm, leases) }),
        ...(local.identify === undefined ? {} : { identify: local.identify })
      })

      const recordOf = (key: CredentialKey, text: string) =>
        Effect.fromResult(decodeRecord(key, `Vault's ${path}/${key.storageName}`, text)).pipe(
          Effect.mapError((reason) => new StorageError({ reason }))
        )

      const get = Effect.fn("VaultStore.get")(function* (key: CredentialKey) {
        const isLocked = (yield* LockedRecords).includes(key.storageName)
        const lease = isLocked ? leases.heldOn(key.storageName) : undefined
        const fields =
          lease === undefined
            ? (yield* engine.read(key.storageName)).fields
            : yield* currentOf(leases, key, lease)
        const text = fields?.["record"]
        if (text === undefined) return Option.none()
        return Option.some(yield* recordOf(key, text))
      })

      /** Replaces a record, unless only the answer to that was lost. Leaves another process's lease on it as it is. */
      const replace = Effect.fnUntraced(function* (name: string, record: string) {
        for (let attempt = 1; attempt <= writeAttempts; attempt++) {
          const found = yield* engine.read(name)
          if (attempt > 1 && hasStored(found.fields, record)) return found.version
          const written = yield* leases.writeBeside(name, found, (fields) => withRecord(fields, record))
          if (Option.isSome(written)) return written.value.version
          yield* Effect.sleep(replicaPause)
        }
        return yield* overtaken
      })

      /** Destroys older versions, which hold old tokens. The new record is stored in any case, so a failure is logged. */
      const prune = (name: string, except: number) =>
        engine
          .prune(name, except)
          .pipe(
            Effect.catch((error) =>
              Effect.logWarning(`Older versions of ${path}/${name} could not be destroyed. ${error.message}`)
            )
          )

      const tidy = tidying(leases, prune)

      const put = Effect.fn("VaultStore.put")(function* (key: CredentialKey, credential: Credential) {
        const name = key.storageName
        const record = yield* encodeRecord(key, credential)
        const lease = leases.heldOn(name)
        if (lease === undefined) return yield* Effect.flatMap(replace(name, record), (at) => prune(name, at))
        // The first version holds nothing but the lease.
        const isFirst = lease.version === 1 && lease.fields["record"] === undefined
        const base = yield* Effect.option(recordOf(key, lease.base ?? ""))
        const isNew = hasNewTokens(credential, Option.getOrUndefined(base))
        if (!(yield* leases.write(name, lease, (fields) => withRecord(fields, record), isNew))) {
          return yield* superseded(key)
        }
        if (!isFirst) yield* prune(name, lease.version)
      }, Effect.uninterruptible)

      /**
       * Removes the content by check-and-set first, and then the empty record, within the lease: a late removal must
       * not remove what another machine has written by then.
       */
      const remove = Effect.fn("VaultStore.remove")(function* (key: CredentialKey) {
        const name = key.storageName
        for (let attempt = 1; attempt <= writeAttempts; attempt++) {
          const held = leases.heldOn(name)
          const found = held ?? (yield* engine.read(name))
          const existed = found.fields?.["record"] !== undefined
          if ((yield* engine.version) === 1) return yield* Effect.as(engine.remove(name), existed)
          if (found.version === 0) return false
          if (held !== undefined && !(yield* leases.empty(name, held))) return yield* superseded(key)
          const lease = held ?? Option.getOrUndefined(yield* leases.seize(name, found))
          if (lease === undefined) {
            yield* Effect.sleep(replicaPause)
            continue
          }
          yield* tidy(name, lease)
          return existed
        }
        return yield* overtaken
      }, Effect.uninterruptible)

      const list = Effect.map(engine.list, (names) =>
        names
          .toSorted((a, b) => (a < b ? -1 : 1))
          .flatMap((name) => Option.toArray(CredentialKey.fromStorageName(name)))
      )

      const tests = testRecords(engine, failed("it returned other data than was stored"))

      const clear = Effect.gen(function* () {
        yield* Effect.forEach(yield* list, remove)
        yield* tests.clear
      }).pipe(Effect.withSpan("VaultStore.clear"))

      const store = CredentialStore.of({
        description: {
          backend: storageBackends.vault,
          location: `${http.address}${inNamespace} ${path}`,
          cautions: cautionsOf(engine, session)
        },
        unlock: Effect.andThen(session.check("sign-in"), tests.check).pipe(
          Effect.withSpan("VaultStore.unlock")
        ),
        get,
        put,
        reserve: reserving(session, engine, leases),
        remove,
        atomic: atomicChanges({ engine, leases, recordOf, tidy }),
        clear,
        list
      })
      return Context.make(CredentialStore, store).pipe(Context.add(CredentialLock, lock))
    })
  )
