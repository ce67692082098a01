import { Context, Effect, Layer, Option, Result, Stream } from "effect"
import { HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import type { RemoteServer } from "../../domain/Server.ts"
import { HttpTransport, type NetworkError } from "../../ports/HttpTransport.ts"
import type { AccessTokenError } from "../tokens/AccessTokens.ts"
import * as AuthorizedHttp from "./AuthorizedHttp.ts"

/** Sends the request of a client with these further headers, and gives the head of its answer. */
type Sending = (headers: Headers) => Effect.Effect<Response>

/** The request that the engine is at work on, in each fiber its own. */
const CurrentSending = Context.Reference<Sending>("mcp-cli-oauth/app/AuthorizedHttpClient/CurrentSending", {
  defaultValue: () => () => Effect.die("The engine sent a request that no client asked for")
})

/** {@link AuthorizedHttp}, over whatever client the request in hand came from. */
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

/** What the engine has to see of a request: where it goes and how. None where no token may go along. */
const headOf = (request: HttpClientRequest.HttpClientRequest): Option.Option<Request> =>
  HttpClientRequest.toUrl(request).pipe(
    // The web's Request takes neither a name and password in a URL nor these methods, which echo what they are sent.
    Option.filter((url) => url.username === "" && url.password === "" && request.method !== "TRACE"),
    Option.map((url) => new Request(url, { method: request.method }))
  )

/**
 * What the engine has to see of an answer. The body stays with the client, but for an answer that the engine takes no
 * further: then its connection is let go.
 */
const headOfAnswer = (
  { headers, status, stream }: HttpClientResponse.HttpClientResponse,
  context: Context.Context<never>
): Response => {
  // One chunk opens the body, and going no further closes it.
  const letGo = Stream.runHead(stream).pipe(Effect.timeoutOption("1 second"), Effect.ignore)
  const body = new ReadableStream({ cancel: () => Effect.runPromiseWith(context)(letGo) })
  return new Response(status < 400 ? null : body, {
    // The few that the web's Response does not take mean nothing to the engine.
    status: status >= 200 && status <= 599 ? status : 200,
    headers: { ...headers }
  })
}

/**
 * Gives an {@link HttpClient.HttpClient} the token of a server: it is renewed, and signed in for where somebody is
 * there, and the request is sent again, as {@link AuthorizedHttp} says. The requests are sent by the client that is
 * given, with its retries, spans and time limits; bodies are never looked at, so both ways may be streams. A stream
 * that is the body of a request is run again when the request is sent again: one that can be run only once
 * (`HttpBody.raw` of a `ReadableStream`) fails then, with the error of the client.
 *
 * Only requests to the server's own origin carry the token. Put `HttpClient.followRedirects` around the client that
 * comes out, so that each step is looked at, and `HttpClient.withScope` around the one that goes in: that one knows a
 * request by its identity, which the token changes.
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
          // The engine gives back what it cannot fix as it is, and so the failure of the client, too.
          const seen = Result.isSuccess(answer) ? headOfAnswer(answer.success, context) : Response.error()
          answers.set(seen, answer)
          return seen
        })
        const seen = yield* sendTo(head.value).pipe(Effect.provideService(CurrentSending, sending))
        const answer = answers.get(seen)
        if (answer === undefined) return yield* Effect.die("The engine gave an answer of its own")
        return yield* Effect.fromResult(answer)
      })
      return HttpClient.makeWith((request) => Effect.flatMap(request, execute), client.preprocess)
    }).pipe(Effect.provide(engine))
