import { Effect } from "effect"
import type { ClientAuth, TokenEndpointRequestOptions } from "oauth4webapi"
import { secretsInRequest } from "../../domain/Redaction.ts"
import { type HttpTransport, NetworkError } from "../../ports/HttpTransport.ts"
import { Malformed, Transient, type RequestClient, type TokenFailure } from "../../ports/TokenEndpoint.ts"
import { authenticationOf } from "./RequestAuthentication.ts"

/** Milliseconds until an endpoint must have begun to answer. */
const timeout = 15_000

/** An answer, and the secrets that were sent for it. */
export interface EndpointResponse {
  readonly response: Response
  readonly secrets: ReadonlyArray<string>
}

/**
 * Sends requests that `oauth4webapi` makes, over our own HTTP: to the token endpoint and those beside it, each of which a
 * client authenticates at. Every answer that is no network failure comes back.
 */
export const makeSend = (transport: HttpTransport["Service"]) =>
  Effect.fnUntraced(function* (
    client: RequestClient,
    prepare: (request: Request) => Effect.Effect<void>,
    make: (
      oauth: typeof import("oauth4webapi"),
      authenticate: ClientAuth,
      options: TokenEndpointRequestOptions
    ) => Promise<Response>
  ): Effect.fn.Return<EndpointResponse, TokenFailure> {
    const context = yield* Effect.context()
    const authenticate = yield* authenticationOf(client)
    let secrets: ReadonlyArray<string> = []
    const response = yield* Effect.tryPromise({
      try: async (signal) => {
        const oauth = await import("oauth4webapi")
        return await make(oauth, authenticate, {
          signal,
          // Which URLs may be used without TLS is decided by our own rule, `isSecureUrl`.
          [oauth.allowInsecureRequests]: true,
          [oauth.customFetch]: (url, init) => {
            const request = new Request(url, { ...init, redirect: "manual" } as RequestInit)
            // It names itself, which is no program that anybody could be asked about.
            request.headers.delete("user-agent")
            secrets = secretsInRequest(
              init.body instanceof URLSearchParams ? init.body : new URLSearchParams(),
              request.headers.get("authorization")
            )
            return Effect.runPromiseWith(context)(
              Effect.andThen(prepare(request), transport.send(request, { timeout })),
              { signal: init.signal }
            )
          }
        })
      },
      catch: (cause) =>
        cause instanceof NetworkError
          ? new Transient({ detail: cause.detail })
          : new Malformed({ detail: "the request could not be made" })
    })
    return { response, secrets }
  })
