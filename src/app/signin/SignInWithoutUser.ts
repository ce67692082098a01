import { Effect, Layer } from "effect"
import * as CredentialReplacement from "./CredentialReplacement.ts"
import { nonInteractiveGrants } from "./grants/NonInteractiveGrants.ts"
import { makeSignIn } from "./SignInFlows.ts"

/** Creates the service of a program without a user at this machine. */
export const make = Effect.flatMap(Layer.build(CredentialReplacement.layer), (context) =>
  makeSignIn<never>(nonInteractiveGrants).pipe(Effect.provideContext(context))
)
