import { Effect } from "effect"
import type { StorageError } from "../../../ports/CredentialStore.ts"
import { fieldOf } from "./JsonFields.ts"
import type { KeyValue } from "./KeyValue.ts"
import type { VaultSession } from "./VaultSession.ts"

const noCheckAndSet =
  "key-value version 1 has no check-and-set: if several machines use a sign-in, it can be lost at a refresh. Version 2 prevents that."
const staleNodes =
  "this Vault is a cluster, whose standby nodes may answer with old tokens: with version 1, VAULT_ADDR has to be the active node alone."

/** What an engine of version 1 cannot protect from. A server that does not tell whether it is a cluster is taken for none. */
export const cautionsOf = (
  engine: KeyValue,
  session: VaultSession
): Effect.Effect<ReadonlyArray<string>, StorageError> =>
  Effect.gen(function* () {
    if ((yield* engine.version) === 2) return []
    const isCluster = yield* session.send({ method: "GET", path: ["sys", "leader"] }).pipe(
      Effect.map((answer) => !("errors" in answer) && fieldOf(answer.body, "ha_enabled") === true),
      Effect.orElseSucceed(() => false)
    )
    return isCluster ? [noCheckAndSet, staleNodes] : [noCheckAndSet]
  })
