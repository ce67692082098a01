import { Effect, Layer, Redacted } from "effect"
import { FlowSecretSource } from "../../ports/FlowSecretSource.ts"

/** Flow secrets by `oauth4webapi`, out of the platform's secure random source. */
export const layer: Layer.Layer<FlowSecretSource> = Layer.succeed(
  FlowSecretSource,
  FlowSecretSource.of({
    make: Effect.promise(async () => {
      const oauth = await import("oauth4webapi")
      const codeVerifier = oauth.generateRandomCodeVerifier()
      return {
        state: Redacted.make(oauth.generateRandomState()),
        codeVerifier: Redacted.make(codeVerifier),
        codeChallenge: await oauth.calculatePKCECodeChallenge(codeVerifier)
      }
    }).pipe(Effect.withSpan("FlowSecretSource.make"))
  })
)
