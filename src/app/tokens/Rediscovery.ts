import { Effect, Option, type Redacted } from "effect"
import type { Credential } from "../../domain/Credential.ts"
import { isSameIssuer } from "../../domain/Issuer.ts"
import type { DpopUnsupported } from "../../domain/SignInError.ts"
import { dpopProblem } from "../../domain/SignInRules.ts"
import { Discovery } from "../../ports/Discovery.ts"
import { DpopProofs } from "../../ports/DpopProofs.ts"
import type { TokenQuery, TokenSource, Unusable } from "./TokenSource.ts"

/**
 * What the metadata of the server and its authorization server say now, which may differ from the sign-in. It is optional:
 * if discovery fails, the stored credential is used as it is.
 */
export interface Rediscovery {
  /**
   * After a 401, finds out which issuer the server names now, so that a changed one leads to a sign-in and not to a
   * refresh.
   */
  readonly withCurrentIssuer: <In, Left extends Unusable>(
    source: TokenSource<Left, In>
  ) => TokenSource<Left, In>
  /** The token endpoint that the same issuer names now, if it differs from the stored one (RFC 8414 §3). */
  readonly movedEndpoint: (query: TokenQuery, credential: Credential) => Effect.Effect<Option.Option<string>>
  /**
   * Creates a key for tokens that are not bound yet (RFC 9449 §5.1). Fails with `DpopUnsupported` if the authorization
   * server does not bind tokens.
   */
  readonly firstDpopKey: (query: TokenQuery) => Effect.Effect<Redacted.Redacted, DpopUnsupported>
}

/** @see Rediscovery */
export const makeRediscovery: Effect.Effect<Rediscovery, never, Discovery | DpopProofs> = Effect.gen(
  function* () {
    const discovery = yield* Discovery
    const dpopProofs = yield* DpopProofs

    const metadataNow = Effect.fn("Rediscovery.metadataNow")(function* ({ challenge, server }: TokenQuery) {
      if (server.oauth.source._tag === "ByHand") return Option.none()
      return yield* discovery.discover(server, challenge).pipe(
        Effect.map(({ metadata }) => metadata),
        Effect.tapError((error) => Effect.logDebug(`${error.message} The stored sign-in is tried.`)),
        Effect.option
      )
    })

    return {
      withCurrentIssuer:
        <In, Left extends Unusable>(source: TokenSource<Left, In>): TokenSource<Left, In> =>
        (query, state) =>
          query.challenge === undefined
            ? source(query, state)
            : Effect.flatMap(metadataNow(query), (metadata) =>
                source({ ...query, currentIssuer: Option.getOrUndefined(metadata)?.issuer }, state)
              ),

      movedEndpoint: (query, { issuer, tokenEndpoint }) =>
        Effect.map(metadataNow(query), (metadata) =>
          metadata.pipe(
            Option.filter((now) => isSameIssuer(now.issuer, issuer) && now.token_endpoint !== tokenEndpoint),
            Option.map((now) => now.token_endpoint)
          )
        ),

      firstDpopKey: Effect.fn("Rediscovery.firstDpopKey")(function* (query) {
        const metadata = Option.getOrUndefined(yield* metadataNow(query))
        const problem = dpopProblem(query.server, metadata, query.server.oauth.dpop === undefined)
        if (problem !== undefined) return yield* problem
        return yield* dpopProofs.makeKey
      })
    }
  }
)
