import { Context, Effect, Layer } from "effect"
import { CredentialKey } from "../domain/CredentialKey.ts"
import { CredentialLock, type LockError } from "../ports/CredentialLock.ts"
import { CredentialStore, type StorageError } from "../ports/CredentialStore.ts"
import { Credentials } from "./Credentials.ts"

/** Forgets credentials on this machine. It asks nothing of a server, and needs no password. */
export class SignOut extends Context.Service<
  SignOut,
  {
    /** Forgets one account of a server; true where there was something. */
    readonly reset: (server: string, account?: string) => Effect.Effect<boolean, StorageError | LockError>
    /** Forgets everything that the store holds, its password included, and says what that was. */
    readonly resetAll: Effect.Effect<ReadonlyArray<CredentialKey>, StorageError | LockError>
  }
>()("mcp-cli-oauth/app/SignOut") {}

/** @see SignOut */
export const layer: Layer.Layer<SignOut, never, CredentialLock | Credentials | CredentialStore> =
  Layer.effect(
    SignOut,
    Effect.gen(function* () {
      const credentials = yield* Credentials
      const store = yield* CredentialStore
      const lock = yield* CredentialLock
      const forget = (key: CredentialKey) => lock.withLock(key, "refresh")(credentials.forget(key))
      const reset = Effect.fn("SignOut.reset")((server: string, account?: string) =>
        forget(CredentialKey.of(server, account))
      )
      const resetAll = Effect.gen(function* () {
        const forgotten = yield* Effect.filter(yield* store.list, forget)
        yield* store.clear
        return forgotten
      }).pipe(Effect.withSpan("SignOut.resetAll"))
      return SignOut.of({ reset, resetAll })
    })
  )
