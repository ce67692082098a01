import { createHash } from "node:crypto"
import { Context, Effect, Layer, type Option, Redacted } from "effect"
import { type PendingSignIn, PendingSignInJson, type StorageError } from "mcp-cli-oauth"
import type { Database } from "./Database.ts"
import { makeSealedRecords } from "./SealedRecords.ts"

/** Sign-ins between `GET /connect` and `GET /callback`, which may reach different replicas. */
export class PendingSignIns extends Context.Service<
  PendingSignIns,
  {
    readonly put: (pending: PendingSignIn) => Effect.Effect<void, StorageError>
    /**
     * Removes and returns the sign-in that this account began with this `state`. None for the `state` of another account:
     * its callback must not complete in this browser. A user may have several pending, one for each click.
     */
    readonly take: (
      account: string,
      state: string
    ) => Effect.Effect<Option.Option<PendingSignIn>, StorageError>
  }
>()("web-server/PendingSignIns") {}

/** Stores pending sign-ins in the database until they expire. */
export const layer: Layer.Layer<PendingSignIns, never, Database> = Layer.effect(
  PendingSignIns,
  Effect.gen(function* () {
    const records = yield* makeSealedRecords("pending", PendingSignInJson)
    // `state` is a secret until its callback arrives, so the name holds its hash.
    const nameOf = (account: string, state: string) =>
      JSON.stringify([account, createHash("sha256").update(state).digest("hex")])
    return PendingSignIns.of({
      put: (pending) =>
        records.put(nameOf(pending.account, Redacted.value(pending.state)), pending, pending.expiresAt),
      take: (account, state) => records.take(nameOf(account, state))
    })
  })
)
