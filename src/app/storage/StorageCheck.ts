import { Clock, Context, Effect, Layer, Option, Random, Redacted, Result } from "effect"
import { ConfiguredRegistration } from "../../domain/ClientRegistration.ts"
import { Credential, isSameCredential } from "../../domain/Credential.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { TokenSet } from "../../domain/TokenSet.ts"
import { CredentialStore, StorageError } from "../../ports/CredentialStore.ts"
import { BackendError } from "../../ports/StorageFailure.ts"

/** Tests the store. */
export class StorageCheck extends Context.Service<
  StorageCheck,
  {
    /** Writes, reads and removes a test record. Returns how long that took, in milliseconds. */
    readonly check: Effect.Effect<number, StorageError>
  }
>()("mcp-cli-oauth/app/storage/StorageCheck") {}

/** A record shaped like a real one, told apart by its number. */
const canary = (now: number, number: number): Credential =>
  new Credential({
    resource: "https://canary.invalid/",
    issuer: "https://canary.invalid/",
    tokenEndpoint: "https://canary.invalid/token",
    registration: new ConfiguredRegistration({ clientId: "canary", authenticationMethod: "none" }),
    tokens: new TokenSet({
      accessToken: Redacted.make(`canary ${number}`),
      tokenType: "none",
      obtainedAt: now
    }),
    grantedScopes: [],
    generation: number
  })

/** @see StorageCheck */
export const layer: Layer.Layer<StorageCheck, never, CredentialStore> = Layer.effect(
  StorageCheck,
  Effect.gen(function* () {
    const store = yield* CredentialStore
    const check = Effect.gen(function* () {
      yield* store.unlock
      // The time a user takes to type a password does not count.
      const began = yield* Clock.currentTimeMillis
      const number = yield* Random.nextIntBetween(1, 1_000_000_000)
      const key = CredentialKey.of("mcp-cli", `test-${number}`)
      const written = canary(began, number)
      // The test record is removed even if a signal interrupts the check.
      const read = yield* Effect.acquireUseRelease(
        Effect.void,
        () => Effect.result(Effect.andThen(store.put(key, written), store.get(key))),
        () => store.remove(key)
      )
      if (Result.isFailure(read)) return yield* read.failure
      if (!Option.exists(read.success, (found) => isSameCredential(found, written))) {
        const { backend } = store.description
        return yield* new StorageError({
          reason: new BackendError({ backend, detail: "it returned other data than was stored" })
        })
      }
      return (yield* Clock.currentTimeMillis) - began
    }).pipe(Effect.withSpan("StorageCheck.check"))
    return StorageCheck.of({ check })
  })
)
