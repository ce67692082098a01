import { Effect, Layer } from "effect"
import { DpopProofs } from "../../ports/DpopProofs.ts"
import { HttpTransport } from "../../ports/HttpTransport.ts"
import { TokenEndpoint } from "../../ports/TokenEndpoint.ts"

/** The token endpoint and the endpoints beside it. Their code is loaded by the first request. */
export const layer: Layer.Layer<TokenEndpoint, never, HttpTransport | DpopProofs> = Layer.effect(
  TokenEndpoint,
  Effect.gen(function* () {
    const transport = yield* HttpTransport
    const dpopProofs = yield* DpopProofs
    const requests = Effect.map(
      Effect.promise(() => import("./TokenRequests.ts")),
      ({ makeTokenRequests }) => makeTokenRequests(transport, dpopProofs)
    )
    return TokenEndpoint.of({
      exchange: (request) => Effect.flatMap(requests, ({ exchange }) => exchange(request)),
      refresh: (request) => Effect.flatMap(requests, ({ refresh }) => refresh(request)),
      grant: (request) => Effect.flatMap(requests, ({ grant }) => grant(request)),
      identityAssertion: (request) =>
        Effect.flatMap(requests, ({ identityAssertion }) => identityAssertion(request)),
      revoke: (request) => Effect.flatMap(requests, ({ revoke }) => revoke(request)),
      pushAuthorization: (request) =>
        Effect.flatMap(requests, ({ pushAuthorization }) => pushAuthorization(request))
    })
  })
)
