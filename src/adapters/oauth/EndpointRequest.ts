import { Effect } from "effect"
import type { ClientAuth, TokenEndpointRequestOptions } from "oauth4webapi"
import { secretsInRequest } from "../../domain/Redaction.ts"
import { isSecureUrl } from "../../domain/SecureUrl.ts"
import { type HttpTransport, NetworkError } from "../../ports/HttpTransport.ts"
import {
  Malformed,
  Transient,
  Unanswered,
  type RequestClient,
  type TokenFailure
} from "../../ports/TokenEndpoint.ts"
import { authenticationOf } from "./RequestAuthentication.ts"
import { endpointTimeout } from "./OAuthLimits.ts"

/** An answer, and the secrets of the request, which no error may repeat. */
export interface EndpointResponse {
  readonly response: Response
  readonly secrets: ReadonlyArray<string>
}

/** Creates the request of one endpoint with `oauth4webapi`. */
export type MakeRequest = (
  oauth: typeof import("oauth4webapi"),
  /** What client assertions and metadata name: the issuer if it is known, else the origin of the endpoint. */
  issuer: string,
  authenticate: ClientAuth,
  options: TokenEndpointRequestOptions
) => Promise<Response>

/** Sends one request of a client to an endpoint at which it authenticates. Only a network failure fails. */
export type Send = (
  client: RequestClient,
  endpoint: URL,
  make: MakeRequest,
  /** Changes the request just before it is sent. */
  prepare?: (request: Request) => Effect.Effect<void>,
  /** Milliseconds until the answer must start. Absent: 15 seconds. */
  timeout?: number
) => Effect.Effect<EndpointResponse, TokenFailure>

/** Sends requests that `oauth4webapi` creates over `HttpTransport`. Nothing is sent in the clear, unless the user has allowed it. */
export const makeSend = (transport: HttpTransport["Service"]): Send =>
  Effect.fnUntraced(function* (client, endpoint, make, prepare, timeout = endpointTimeout) {
    if (!isSecureUrl(endpoint) && client.allowHttp !== true) {
      return yield* new Malformed({ detail: "it is neither https nor on this machine" })
    }
    const context = yield* Effect.context()
    const authenticate = yield* authenticationOf(client)
    let secrets: ReadonlyArray<string> = []
    const response = yield* Effect.tryPromise({
      try: async (signal) => {
        const oauth = await import("oauth4webapi")
        return await make(oauth, client.signing?.audience ?? endpoint.origin, authenticate, {
          signal,
          // `isSecureUrl` has decided which URLs may be used without TLS.
          [oauth.allowInsecureRequests]: true,
          [oauth.customFetch]: (url, init) => {
            const request = new Request(url, { ...init, redirect: "manual" } as RequestInit)
            // oauth4webapi names itself; the transport names the program, which an operator can ask about.
            request.headers.delete("user-agent")
            secrets = secretsInRequest(
              init.body instanceof URLSearchParams ? init.body : new URLSearchParams(),
              request.headers.get("authorization")
            )
            return Effect.runPromiseWith(context)(
              Effect.andThen(prepare?.(request) ?? Effect.void, transport.send(request, { timeout })),
              { signal: init.signal }
            )
          }
        })
      },
      catch: (cause) =>
        cause instanceof NetworkError
          ? cause.unanswered === undefined
            ? new Transient({ detail: cause.detail, isUnsent: true })
            : new Unanswered({ detail: cause.detail, end: cause.unanswered })
          : new Malformed({ detail: "the request could not be made" })
    })
    return { response, secrets }
  })
