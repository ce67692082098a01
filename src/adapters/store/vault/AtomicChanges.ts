import { Effect, Option } from "effect"
import { type Credential, isSameCredential } from "../../../domain/Credential.ts"
import type { CredentialKey } from "../../../domain/CredentialKey.ts"
import type { CredentialStore, StorageError } from "../../../ports/CredentialStore.ts"
import { encodeRecord } from "../CredentialRecord.ts"
import type { KeyValue } from "./KeyValue.ts"
import type { Leases } from "./Leases.ts"

/** What the changes are made of. */
interface Parts {
  readonly engine: KeyValue
  readonly leases: Leases
  readonly recordOf: (key: CredentialKey, text: string) => Effect.Effect<Credential, StorageError>
  readonly prune: (name: string, except: number) => Effect.Effect<void>
}

/** Changes by one check-and-set. An engine of version 1 has none. */
export const atomicChanges = ({
  engine,
  leases,
  prune,
  recordOf
}: Parts): NonNullable<CredentialStore["Service"]["atomic"]> => ({
  create: Effect.fn("VaultStore.create")(function* (key: CredentialKey, credential: Credential) {
    if ((yield* engine.version) === 1) return false
    const record = yield* encodeRecord(key, credential)
    return Option.isSome(yield* leases.writeOver(key.storageName, { record }, 0))
  }, Effect.uninterruptible),
  removeSame: Effect.fn("VaultStore.removeSame")(function* (key: CredentialKey, credential: Credential) {
    const name = key.storageName
    if ((yield* engine.version) === 1) return false
    const { fields, version } = yield* engine.read(name)
    // A lease, even one that has expired, is left to the lock.
    if (fields?.["record"] === undefined || fields["lease"] !== undefined) return false
    if (!isSameCredential(yield* recordOf(key, fields["record"]), credential)) return false
    const lease = Option.getOrUndefined(yield* leases.seize(name, version))
    if (lease === undefined) return false
    const tidied = { StorageError: () => prune(name, lease.version), TimeoutError: () => Effect.void }
    yield* Effect.catchTags(leases.remove(name, lease), tidied)
    return true
  }, Effect.uninterruptible)
})
