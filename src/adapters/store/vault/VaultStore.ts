import { randomUUID } from "node:crypto"
import { Context, Effect, Layer, Option, Result } from "effect"
import { type Credential, hasSameTokens } from "../../../domain/Credential.ts"
import { CredentialKey } from "../../../domain/CredentialKey.ts"
import type { VaultSettings } from "../../../ports/Configuration.ts"
import { CredentialLock } from "../../../ports/CredentialLock.ts"
import { CredentialStore, StorageError } from "../../../ports/CredentialStore.ts"
import { storageBackends } from "../../../ports/StorageBackend.ts"
import { BackendError, Superseded } from "../../../ports/StorageFailure.ts"
import { decodeRecord, encodeRecord } from "../CredentialRecord.ts"
import { keyValue } from "./KeyValue.ts"
import { cannotLock, makeLeases } from "./Leases.ts"
import { hasStored, withRecord } from "./LeaseWrites.ts"
import { vaultHttp } from "./VaultHttp.ts"
import { vaultSession } from "./VaultSession.ts"
import { replicaAttempts, replicaPause, writeAttempts } from "./VaultLimits.ts"

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
 */
export const layer = (
  settings: VaultSettings
): Layer.Layer<CredentialStore | CredentialLock, never, CredentialLock> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const local = yield* CredentialLock
      const http = yield* vaultHttp(settings)
      const engine = keyValue(http, yield* vaultSession(http, settings.auth), settings)
      const path = `${settings.mountPoint}/${settings.pathPrefix}`
      const leases = makeLeases(engine, (name, one, other) => {
        if (one === other) return true
        const [a, b] = [one, other].map((text) => {
          const key = Option.getOrUndefined(CredentialKey.fromStorageName(name))
          if (key === undefined || text === undefined) return undefined
          return Option.getOrUndefined(Result.getSuccess(decodeRecord(key, path, text)))
        })
        return a !== undefined && b !== undefined && hasSameTokens(a, b)
      })
      const superseded = (key: CredentialKey) =>
        new StorageError({ reason: new Superseded({ server: key.server }) })
      const failed = (detail: string) =>
        new StorageError({ reason: new BackendError({ backend: storageBackends.vault, detail }) })
      const overtaken = Effect.suspend(() => failed("other processes keep writing the same record"))

      const acquire = Effect.fnUntraced(function* (key: CredentialKey) {
        const version = yield* Effect.mapError(engine.version, (error) => cannotLock(key, error))
        if (version === 2) yield* leases.acquire(key)
      })

      const lock = CredentialLock.of({
        withLock: (key, purpose) => (effect) =>
          local.withLock(
            key,
            purpose
          )(purpose === "refresh" ? Effect.scoped(Effect.andThen(acquire(key), effect)) : effect),
        ...(local.confirm === undefined ? {} : { confirm: local.confirm })
      })

      const get = Effect.fn("VaultStore.get")(function* (key: CredentialKey) {
        const lease = leases.heldOn(key.storageName)
        const fields =
          lease === undefined
            ? (yield* engine.read(key.storageName)).fields
            : yield* Effect.catchTag(leases.current(key, lease), "LockError", ({ message }) =>
                failed(message.replace(/\.$/, ""))
              )
        const text = fields?.["record"]
        if (text === undefined) return Option.none()
        const record = decodeRecord(key, `Vault's ${path}/${key.storageName}`, text)
        if (Result.isFailure(record)) return yield* new StorageError({ reason: record.failure })
        return Option.some(record.success)
      })

      /** Replaces a record, unless only the answer to that was lost. Leaves another process's lease on it as it is. */
      const replace = Effect.fnUntraced(function* (name: string, record: string) {
        for (let attempt = 1; attempt <= writeAttempts; attempt++) {
          const { fields, version } = yield* engine.read(name)
          if (attempt > 1 && hasStored(fields, record)) return version
          const written = yield* leases.writeOver(name, withRecord(fields, record), version)
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

      const put = Effect.fn("VaultStore.put")(function* (key: CredentialKey, credential: Credential) {
        const name = key.storageName
        const record = yield* encodeRecord(key, credential)
        const lease = leases.heldOn(name)
        if (lease === undefined) return yield* Effect.flatMap(replace(name, record), (at) => prune(name, at))
        if (!(yield* leases.write(name, lease, (fields) => withRecord(fields, record)))) {
          return yield* superseded(key)
        }
        yield* prune(name, lease.version)
      }, Effect.uninterruptible)

      /**
       * Removes the content by check-and-set first, and then the empty record, within the lease: a late removal must
       * not remove what another machine has written by then.
       */
      const remove = Effect.fn("VaultStore.remove")(function* (key: CredentialKey) {
        const name = key.storageName
        for (let attempt = 1; attempt <= writeAttempts; attempt++) {
          const held = leases.heldOn(name)
          const { fields, version } = held ?? (yield* engine.read(name))
          const existed = fields?.["record"] !== undefined
          if ((yield* engine.version) === 1) {
            yield* engine.remove(name)
            return existed
          }
          if (version === 0) return false
          if (held !== undefined && !(yield* leases.write(name, held, ({ record: _, ...rest }) => rest))) {
            return yield* superseded(key)
          }
          const lease = held ?? Option.getOrUndefined(yield* leases.seize(name, version))
          if (lease === undefined) {
            yield* Effect.sleep(replicaPause)
            continue
          }
          // If the empty record stays, only its older versions still hold tokens.
          yield* leases.remove(name, lease).pipe(Effect.catch(() => prune(name, lease.version)))
          return existed
        }
        return yield* overtaken
      }, Effect.uninterruptible)

      const list = Effect.map(engine.list, (names) =>
        names
          .toSorted((a, b) => (a < b ? -1 : 1))
          .flatMap((name) => Option.toArray(CredentialKey.fromStorageName(name)))
      )

      /** Writes, reads and removes a test record, under a name that no credential has. */
      const unlock = Effect.gen(function* () {
        const name = `#${randomUUID()}`
        yield* engine.write(name, { canary: name }, 0)
        let isBack = false
        for (let attempt = 1; attempt <= replicaAttempts && !isBack; attempt++) {
          if (attempt > 1) yield* Effect.sleep(replicaPause)
          isBack = (yield* engine.read(name)).fields?.["canary"] === name
        }
        yield* engine.remove(name)
        if (!isBack) return yield* failed("it returned other data than was stored")
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
