import { randomUUID } from "node:crypto"
import { Effect, Equal, Layer, Option, Result } from "effect"
import type { Credential } from "../../../domain/Credential.ts"
import { CredentialKey } from "../../../domain/CredentialKey.ts"
import { CredentialStore, StorageError } from "../../../ports/CredentialStore.ts"
import { BackendError } from "../../../ports/StorageFailure.ts"
import { decodeRecord, encodeRecord } from "../CredentialRecord.ts"
import { privateFolder } from "../folder/PrivateFolder.ts"
import { Keyring } from "./Keyring.ts"
import { canarySize } from "./KeyringLimits.ts"

/** Where the names are stored. */
export interface KeyringStoreOptions {
  /** A folder that only this store uses: one empty file per name. */
  readonly directory: string
}

const text = new TextDecoder()
const bytes = new TextEncoder()

/**
 * Stores credentials in the keyring of the operating system. Their names, which are not secret, are empty files in a
 * folder: not every keyring can list its entries, and a locked one lists none.
 */
export const layer = (options: KeyringStoreOptions): Layer.Layer<CredentialStore, never, Keyring> =>
  Layer.effect(
    CredentialStore,
    Effect.gen(function* () {
      const keyring = yield* Keyring
      const { backend } = keyring.description
      const names = privateFolder(options.directory)

      /** Writes, reads and removes a test entry: a keyring that answers may still be unable to store anything. */
      const unlock = Effect.gen(function* () {
        const account = `#${randomUUID()}`
        const written = bytes.encode(account)
        yield* keyring.set(account, written)
        const read = yield* keyring.get(account)
        yield* keyring.remove(account)
        if (!Equal.equals(Option.map(read, String), Option.some(String(written)))) {
          return yield* new StorageError({
            reason: new BackendError({ backend, detail: "it returned other data than was stored" })
          })
        }
      }).pipe(Effect.withSpan("KeyringStore.unlock"))

      const get = Effect.fn("KeyringStore.get")(function* (key: CredentialKey) {
        const secret = yield* keyring.get(key.storageName)
        if (Option.isNone(secret)) return Option.none()
        const record = decodeRecord(key, `The entry ${key.storageName}`, text.decode(secret.value))
        if (Result.isFailure(record)) return yield* new StorageError({ reason: record.failure })
        return Option.some(record.success)
      })

      // The name is written before the entry and removed after it: an entry without a name would stay forever.
      const putName = Effect.fnUntraced(function* (name: string) {
        if (Option.isNone(yield* names.read(name))) yield* names.create(name, "")
      })

      /** No keyring reserves space. Most are files in the home folder, so a full disk there is found by another file. */
      const reserve = Effect.fn("KeyringStore.reserve")(function* (key: CredentialKey) {
        yield* keyring.prepare
        yield* putName(key.storageName)
        yield* Effect.scoped(names.reserve(key.storageName, canarySize))
      })

      const put = Effect.fn("KeyringStore.put")(function* (key: CredentialKey, credential: Credential) {
        const name = key.storageName
        yield* putName(name)
        yield* keyring.set(name, bytes.encode(yield* encodeRecord(key, credential)))
      }, Effect.uninterruptible)

      const remove = Effect.fn("KeyringStore.remove")(function* (key: CredentialKey) {
        const removed = yield* keyring.remove(key.storageName)
        yield* names.remove(key.storageName)
        return removed
      }, Effect.uninterruptible)

      const list = Effect.map(names.names, (found) =>
        found
          .toSorted((a, b) => (a < b ? -1 : 1))
          .flatMap((name) => Option.toArray(CredentialKey.fromStorageName(name)))
      )

      return CredentialStore.of({
        description: keyring.description,
        unlock,
        get,
        put,
        reserve,
        remove,
        clear: Effect.flatMap(list, Effect.forEach(remove)).pipe(
          Effect.asVoid,
          Effect.withSpan("KeyringStore.clear")
        ),
        list
      })
    })
  )
