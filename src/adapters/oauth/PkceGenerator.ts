import { Effect, Layer, Redacted } from "effect"
import { PkceGenerator } from "../../ports/PkceGenerator.ts"

/** Creates the secrets of flows with `oauth4webapi`, from the secure random source of the platform. */
export const layer: Layer.Layer<PkceGenerator> = Layer.succeed(
  PkceGenerator,
  PkceGenerator.of({
    make: Effect.promise(async () => {
      const oauth = await import("oauth4webapi")
      const codeVerifier = oauth.generateRandomCodeVerifier()
      return {
        state: Redacted.make(oauth.generateRandomState()),
        codeVerifier: Redacted.make(codeVerifier),
        codeChallenge: await oauth.calculatePKCECodeChallenge(codeVerifier)
      }
    }).pipe(Effect.withSpan("PkceGenerator.make"))
  })
)
