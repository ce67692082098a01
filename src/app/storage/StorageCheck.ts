import { Clock, Context, Effect, Layer, Option, Random, Redacted, Result } from "effect"
import { ConfiguredRegistration } from "../../domain/ClientRegistration.ts"
import { Credential, isSameCredential } from "../../domain/Credential.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { TokenSet } from "../../domain/TokenSet.ts"
import { StorageError } from "../../ports/CredentialStore.ts"
import { BackendError } from "../../ports/StorageFailure.ts"
import { ChosenStorage } from "./ChosenStorage.ts"

/**
 * The result of a test.
 *
 * - `Works`: an entry was written, read and removed. How long that took, in milliseconds.
 * - `New`: there is no store yet. The first sign-in makes one.
 */
export type StorageHealth = { readonly _tag: "Works"; readonly took: number } | { readonly _tag: "New" }

/** Tests the storage in use, or the one that would be chosen now. Makes no choice, and sets nothing up. */
export class StorageCheck extends Context.Service<
  StorageCheck,
  { readonly check: Effect.Effect<StorageHealth, StorageError> }
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
export const layer: Layer.Layer<StorageCheck, never, ChosenStorage> = Layer.effect(
  StorageCheck,
  Effect.gen(function* () {
    const chosen = yield* ChosenStorage
    const check = Effect.gen(function* (): Effect.fn.Return<StorageHealth, StorageError> {
      const { store } = yield* chosen.open
      if (store.isNew !== undefined && (yield* store.isNew)) return { _tag: "New" }
      const start = yield* Clock.currentTimeMillis
      yield* store.unlock
      // The first record may leave more than itself: the folder of names beside a keyring.
      const stored = yield* Effect.option(store.list)
      if (store.isNew === undefined && Option.exists(stored, ({ length }) => length === 0)) {
        return { _tag: "Works", took: (yield* Clock.currentTimeMillis) - start }
      }
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
      return { _tag: "Works", took: (yield* Clock.currentTimeMillis) - began }
    }).pipe(Effect.withSpan("StorageCheck.check"))
    return StorageCheck.of({ check })
  })
)
