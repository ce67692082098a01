import { Effect, Option } from "effect"
import { type Credential, isSameCredential } from "../../../domain/Credential.ts"
import type { CredentialKey } from "../../../domain/CredentialKey.ts"
import type { CredentialStore, StorageError } from "../../../ports/CredentialStore.ts"
import { encodeRecord } from "../CredentialRecord.ts"
import type { KeyValue } from "./KeyValue.ts"
import type { Leases } from "./Leases.ts"
import type { Lease } from "./LeaseWrites.ts"

/** What the changes are made of. */
interface Parts {
  readonly engine: KeyValue
  readonly leases: Leases
  readonly recordOf: (key: CredentialKey, text: string) => Effect.Effect<Credential, StorageError>
  readonly tidy: ReturnType<typeof tidying>
}

/**
 * Removes an empty record under its lease. If it stays, its older versions still hold tokens, and are destroyed. Without an
 * answer they may be those of the next record.
 */
export const tidying =
  ({ remove }: Leases, prune: (name: string, except: number) => Effect.Effect<void>) =>
  (name: string, lease: Lease): Effect.Effect<void> =>
    remove(name, lease).pipe(
      Effect.catchTag("StorageError", () => Effect.succeed(false)),
      Effect.flatMap((isRemoved) => (isRemoved ? Effect.void : prune(name, lease.version))),
      Effect.catchTag("TimeoutError", () => Effect.void)
    )

/** Changes by one check-and-set. An engine of version 1 has none. */
export const atomicChanges = ({
  engine,
  leases,
  recordOf,
  tidy
}: Parts): NonNullable<CredentialStore["Service"]["atomic"]> => ({
  create: Effect.fn("VaultStore.create")(function* (key: CredentialKey, credential: Credential) {
    if ((yield* engine.version) === 1) return false
    const record = yield* encodeRecord(key, credential)
    return Option.isSome(yield* leases.writeOver(key.storageName, { record }, 0))
  }, Effect.uninterruptible),
  removeSame: Effect.fn("VaultStore.removeSame")(function* (key: CredentialKey, credential: Credential) {
    const name = key.storageName
    if ((yield* engine.version) === 1) return false
    const found = yield* engine.read(name)
    const { fields } = found
    // A lease, even one that has expired, is left to the lock.
    if (fields?.["record"] === undefined || fields["lease"] !== undefined) return false
    if (!isSameCredential(yield* recordOf(key, fields["record"]), credential)) return false
    const lease = Option.getOrUndefined(yield* leases.seize(name, found))
    if (lease === undefined) return false
    yield* tidy(name, lease)
    return true
  }, Effect.uninterruptible)
})
