import { Duration, Effect, Layer } from "effect"
import { UserInteraction } from "../ports/UserInteraction.ts"

/** No user is present. Messages go to the log of the program. */
export const noUser: Layer.Layer<UserInteraction> = Layer.succeed(
  UserInteraction,
  UserInteraction.of({
    present: false,
    timeout: Duration.zero,
    askToSignIn: () => Effect.void,
    askToUseDevice: () => Effect.void,
    pastedRedirect: () => Effect.never,
    tell: (message) => Effect.logWarning(message)
  })
)
