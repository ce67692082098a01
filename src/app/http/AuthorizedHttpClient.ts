import { Context, Effect, Layer, Option, Result, Stream } from "effect"
import { HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import type { RemoteServer } from "../../domain/Server.ts"
import { HttpTransport, type NetworkError } from "../../ports/HttpTransport.ts"
import type { AccessTokenError } from "../tokens/AccessTokens.ts"
import * as AuthorizedHttp from "./AuthorizedHttp.ts"

/** Sends the request of a client with these headers added, and returns the head of the answer. */
type Sending = (headers: Headers) => Effect.Effect<Response>

/** The request that the engine sends in this fiber. */
const CurrentSending = Context.Reference<Sending>("mcp-cli-oauth/app/AuthorizedHttpClient/CurrentSending", {
  defaultValue: () => () => Effect.die("The engine sent a request that no client made")
})

/** {@link AuthorizedHttp} over the client that the current request came from. */
const engine = Layer.fresh(AuthorizedHttp.layer).pipe(
  Layer.provide(
    Layer.succeed(
      HttpTransport,
      HttpTransport.of({
        send: Effect.fn("AuthorizedHttpClient.send")(function* (request) {
          const send = yield* CurrentSending
          return yield* send(request.headers)
        })
      })
    )
  )
)

/** The part of a request that the engine needs: its URL and method. None if it must not carry a token. */
const headOf = (request: HttpClientRequest.HttpClientRequest): Option.Option<Request> =>
  HttpClientRequest.toUrl(request).pipe(
    // `Request` accepts neither credentials in a URL nor TRACE, which echoes the token.
    Option.filter((url) => url.username === "" && url.password === "" && request.method !== "TRACE"),
    Option.map((url) => new Request(url, { method: request.method }))
  )

/**
 * The part of an answer that the engine needs. The body stays with the client; if the engine discards the answer, the
 * body of the client is closed.
 */
const headOfAnswer = (
  { headers, status, stream }: HttpClientResponse.HttpClientResponse,
  context: Context.Context<never>
): Response => {
  // Reading one chunk opens the body, and stopping there closes it.
  const close = Stream.runHead(stream).pipe(Effect.timeoutOption("1 second"), Effect.ignore)
  const body = new ReadableStream({ cancel: () => Effect.runPromiseWith(context)(close) })
  return new Response(status < 400 ? null : body, {
    // `Response` does not accept other statuses, and the engine does not use them.
    status: status >= 200 && status <= 599 ? status : 200,
    headers: { ...headers }
  })
}

/**
 * Adds the access token of a server to the requests of an {@link HttpClient.HttpClient}. The token is refreshed, the user
 * signs in if present, and the request is sent again, as in {@link AuthorizedHttp}. The given client sends the requests,
 * with its retries, spans and timeouts. Bodies are not read, so both may be streams.
 *
 * **Gotchas**
 *
 * - Only requests to the server's own origin carry the token.
 * - The body of a request runs again if the request is sent again. A body that can run only once (`HttpBody.raw` of a
 *   `ReadableStream`) fails then, with the error of the client.
 * - Apply `HttpClient.followRedirects` to the resulting client, so that each step is checked, and `HttpClient.withScope`
 *   to the given one, which identifies a request by its object.
 *
 * @example
 * const client = yield* HttpClient.HttpClient.pipe(Effect.flatMap(authorizedHttpClient(server)))
 * const response = yield* client.get("https://mcp.example.com/files")
 */
export const authorizedHttpClient =
  (server: RemoteServer, account?: string) =>
  <E, R>(
    client: HttpClient.HttpClient.With<E, R>
  ): Effect.Effect<
    HttpClient.HttpClient.With<E | AccessTokenError | NetworkError, R>,
    never,
    Layer.Services<typeof engine>
  > =>
    Effect.gen(function* () {
      const http = yield* AuthorizedHttp.AuthorizedHttp
      const sendTo = http.sendTo(server, account)
      const execute = Effect.fn("AuthorizedHttpClient.execute")(function* (
        request: HttpClientRequest.HttpClientRequest
      ) {
        const plain = client.postprocess(Effect.succeed(request))
        const head = headOf(request)
        if (Option.isNone(head)) return yield* plain
        const context = yield* Effect.context<R>()
        const answers = new WeakMap<Response, Result.Result<HttpClientResponse.HttpClientResponse, E>>()
        const sending: Sending = Effect.fnUntraced(function* (headers) {
          const authorized = HttpClientRequest.setHeaders(request, headers)
          const answer = yield* client
            .postprocess(Effect.succeed(authorized))
            .pipe(Effect.provideContext(context), Effect.result)
          // The engine returns answers that it cannot handle unchanged, so also this error response.
          const seen = Result.isSuccess(answer) ? headOfAnswer(answer.success, context) : Response.error()
          answers.set(seen, answer)
          return seen
        })
        const seen = yield* sendTo(head.value).pipe(Effect.provideService(CurrentSending, sending))
        const answer = answers.get(seen)
        if (answer === undefined)
          return yield* Effect.die("The engine returned an answer that no client gave")
        return yield* Effect.fromResult(answer)
      })
      return HttpClient.makeWith((request) => Effect.flatMap(request, execute), client.preprocess)
    }).pipe(Effect.provide(engine))
