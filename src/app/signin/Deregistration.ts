import { Effect, Result } from "effect"
import type { Credential } from "../../domain/Credential.ts"
import { ClientRegistrar } from "../../ports/ClientRegistrar.ts"

/** Deregisters the client of a credential that is no longer stored (RFC 7592), best effort: nothing will use it again. */
export const deregisterClient: (credential: Credential) => Effect.Effect<void, never, ClientRegistrar> =
  Effect.fnUntraced(function* ({ registration }) {
    if (registration._tag !== "Dynamic" || registration.management === undefined) return
    const registrar = yield* ClientRegistrar
    const gone = yield* Effect.result(registrar.deregister(registration))
    const outcome = Result.isSuccess(gone) && gone.success ? "is removed" : "stays at its server"
    yield* Effect.logDebug(
      `The registration ${outcome}.${Result.isFailure(gone) ? ` ${gone.failure.message}` : ""}`
    )
  })
