import { Clock, Effect, Layer, type Redacted } from "effect"
import { DpopProofs, type DpopRequest } from "../../ports/DpopProofs.ts"
import { maxNonceOrigins } from "./OAuthLimits.ts"

/** The characters of a nonce (RFC 9449 §8.1). Servers send far fewer than 1024. */
const nonceText = /^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/

/** Few servers bind tokens to a key, so the others do not load what signs. */
const signing = Effect.promise(() => import("./DpopSigning.ts"))

/** Creates proofs with the WebCrypto of the platform. */
export const layer: Layer.Layer<DpopProofs> = Layer.effect(
  DpopProofs,
  Effect.sync(() => {
    const nonces = new Map<string, string>()
    return DpopProofs.of({
      makeKey: Effect.flatMap(signing, ({ makeKey }) => makeKey).pipe(Effect.withSpan("DpopProofs.makeKey")),
      thumbprint: Effect.fn("DpopProofs.thumbprint")((key) =>
        Effect.flatMap(signing, ({ thumbprint }) => thumbprint(key))
      ),
      prove: Effect.fn("DpopProofs.prove")(function* (key: Redacted.Redacted, request: DpopRequest) {
        const { prove } = yield* signing
        const now = yield* Clock.currentTimeMillis
        return yield* prove(key, request, { now, nonce: nonces.get(request.url.origin) })
      }),
      learn: (url, answer) =>
        Effect.sync(() => {
          const nonce = answer.get("dpop-nonce")
          if (nonce === null || !nonceText.test(nonce)) return false
          nonces.delete(url.origin)
          nonces.set(url.origin, nonce)
          const [oldest] = nonces.keys()
          if (nonces.size > maxNonceOrigins && oldest !== undefined) nonces.delete(oldest)
          return true
        })
    })
  })
)
