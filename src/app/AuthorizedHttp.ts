import { Context, Effect, Layer, Option, Redacted } from "effect"
import { bearerChallenge } from "../domain/Challenge.ts"
import type { HttpServer } from "../domain/Server.ts"
import type { TokenSet } from "../domain/TokenSet.ts"
import { HttpTransport, type NetworkError } from "../ports/HttpTransport.ts"
import { type AccessTokenError, AccessTokens } from "./AccessTokens.ts"

/** How long a server may take until it starts to answer, in milliseconds: a tool may work for minutes. */
const patience = 600_000

/**
 * HTTP with the token in every request (RFC 6750 §2.1). A 401 renews the token once and the request is sent once
 * more; a second 401 is given back as it is.
 */
export class AuthorizedHttp extends Context.Service<
  AuthorizedHttp,
  {
    /**
     * Sends requests to a server. The token goes to the server's own origin and nowhere else, and not where the
     * server's entry has an `Authorization` header of its own.
     */
    readonly sendTo: (
      server: HttpServer,
      account?: string
    ) => (request: Request) => Effect.Effect<Response, AccessTokenError | NetworkError>
  }
>()("mcp-cli-oauth/app/AuthorizedHttp") {}

const withToken = (request: Request, tokens: TokenSet): Request => {
  const authorized = request.clone()
  authorized.headers.set("authorization", `Bearer ${Redacted.value(tokens.accessToken)}`)
  return authorized
}

/** @see AuthorizedHttp */
export const layer: Layer.Layer<AuthorizedHttp, never, AccessTokens | HttpTransport> = Layer.effect(
  AuthorizedHttp,
  Effect.gen(function* () {
    const accessTokens = yield* AccessTokens
    const transport = yield* HttpTransport
    const send = (request: Request) => transport.send(request, { timeout: patience })

    const sendAuthorized = Effect.fn("AuthorizedHttp.send")(function* (
      server: HttpServer,
      account: string | undefined,
      request: Request
    ) {
      const tokens = yield* accessTokens.getIfKnown({ server, account })
      const response = yield* send(
        Option.match(tokens, { onNone: () => request.clone(), onSome: (held) => withToken(request, held) })
      )
      if (response.status !== 401) return response
      const challenge = bearerChallenge(response.headers.get("www-authenticate"))
      yield* Effect.promise(async () => response.body?.cancel().catch(() => undefined))
      if (Option.isSome(tokens)) yield* accessTokens.reject({ server, account }, tokens.value.accessToken)
      return yield* send(withToken(request, yield* accessTokens.get({ server, account, challenge })))
    })

    return AuthorizedHttp.of({
      sendTo: (server, account) => {
        const ownAuthorization = Object.keys(server.headers).some(
          (name) => name.toLowerCase() === "authorization"
        )
        return (request) =>
          ownAuthorization || new URL(request.url).origin !== server.url.origin
            ? send(request)
            : sendAuthorized(server, account, request)
      }
    })
  })
)
