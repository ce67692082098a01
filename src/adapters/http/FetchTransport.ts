import { Clock, Duration, Effect, Fiber, Layer } from "effect"
import { HttpTransport, NetworkError, UserAgent } from "../../ports/HttpTransport.ts"
import { noticeAfter, WaitNotice } from "../../ports/WaitNotice.ts"
import { abortAfter } from "../platform/AbortAfter.ts"
import { codeOf } from "../platform/Errno.ts"
import { timeUp } from "../platform/TimeUp.ts"
import { headTimeout } from "./HttpLimits.ts"
import { dispatchOptions } from "./Dispatching.ts"

/**
 * True if a server closed a TLS connection without a word, which it does in TLS 1.3 if it requires a client certificate:
 * `fetch` of Node hides its alert.
 */
const isClosedUnanswered = (cause: unknown): boolean =>
  cause instanceof Error &&
  "socket" in cause &&
  typeof cause.socket === "object" &&
  cause.socket !== null &&
  "bytesRead" in cause.socket &&
  cause.socket.bytesRead === 0

/** An error of `fetch`. What explains it may have to be loaded. */
class Unexplained {
  readonly cause: unknown

  constructor(cause: unknown) {
    this.cause = cause
  }
}

/** Explains an error to a user. Without the URL: its path and query may hold secrets. */
const explain = Effect.fnUntraced(function* (cause: unknown, { protocol }: URL) {
  const inner = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause
  const code = codeOf(inner) ?? ""
  if (inner instanceof Error && inner.message === "bad port") return "its port is blocked, as in browsers"
  switch (code) {
    case "ERR_PROXY":
      return inner instanceof Error ? inner.message : code
    case "ECONNREFUSED":
      return "the connection was refused"
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "no such host"
    case "ECONNRESET":
    case "UND_ERR_SOCKET":
    case "EPIPE":
      return protocol === "https:" && isClosedUnanswered(inner)
        ? "the connection broke before any answer; the server may require a client certificate, which mcp-cli does not send"
        : "the connection broke"
    case "ETIMEDOUT":
    case "UND_ERR_CONNECT_TIMEOUT":
      return "no connection in time"
    default: {
      if (code === "") return "the request failed"
      if (code.startsWith("UND_ERR_SOCKS5")) {
        return `the SOCKS proxy of the environment does not answer as one (${code})`
      }
      const { tlsProblem } = yield* Effect.promise(() => import("./TlsProblem.ts"))
      return tlsProblem(code, inner) ?? `the request failed (${code})`
    }
  }
})

/** Codes of failures before a request is sent. */
const unsent =
  /^(ERR_PROXY|UND_ERR_SOCKS5.*|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|EPROTO|ERR_SSL.*|ERR_TLS.*|.*CERT.*|.*SELF_SIGNED.*|UNABLE_TO.*)$/

/** True if the server may have got the request. An error without a code is one of the request itself, such as a bad port. */
const mayBeSent = (cause: unknown): boolean => {
  const inner = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause
  const code = codeOf(inner) ?? ""
  const isConnecting = inner instanceof Error && "syscall" in inner && inner.syscall === "connect"
  return code !== "" && !isConnecting && !unsent.test(code)
}

/** Runs an effect, and tells the user who is waited for if it takes long. */
const withNotice = <A, E>(name: string, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.gen(function* () {
    const tell = yield* WaitNotice
    if (tell === undefined) return yield* effect
    const notice = yield* Effect.forkDetach(
      Effect.interruptible(Effect.andThen(Effect.sleep(noticeAfter), tell(name)))
    )
    return yield* Effect.ensuring(effect, Fiber.interrupt(notice))
  })

/** Sends requests with `fetch`. Requests without a `User-Agent` get the one of `UserAgent`. */
export const layer: Layer.Layer<HttpTransport> = Layer.effect(
  HttpTransport,
  Effect.map(UserAgent, (userAgent) =>
    HttpTransport.of({
      send: Effect.fn("HttpTransport.send")(function* (request, options) {
        if (!request.headers.has("user-agent")) request.headers.set("user-agent", userAgent)
        const url = new URL(request.url)
        const { origin } = url
        const milliseconds = options?.timeout ?? headTimeout
        // Only until the response headers: a body may be a stream.
        // @effect-diagnostics-next-line abortControllerInEffect:off
        const late = new AbortController()
        const began = yield* Clock.currentTimeMillis
        const answer = Effect.tryPromise({
          try: async (signal) =>
            globalThis.fetch(request, {
              ...(await dispatchOptions(url, options?.fresh)),
              redirect: "manual",
              signal: AbortSignal.any([signal, request.signal, late.signal])
            }),
          catch: (cause) =>
            late.signal.aborted
              ? new NetworkError({
                  origin,
                  detail: `no answer within ${milliseconds / 1000} seconds`,
                  unanswered: "timeout"
                })
              : new Unexplained(cause)
        }).pipe(
          abortAfter(timeUp(Duration.millis(milliseconds)), () => late.abort()),
          Effect.catch((error) =>
            error instanceof NetworkError
              ? error
              : Effect.flatMap(
                  explain(error.cause, url),
                  (detail) =>
                    new NetworkError({
                      origin,
                      detail,
                      ...(mayBeSent(error.cause) ? { unanswered: "broke" as const } : {})
                    })
                )
          )
        )
        const response = yield* withNotice(origin, answer)
        const took = Math.round((yield* Clock.currentTimeMillis) - began)
        // The path and the query of a URL may hold secrets: the origin is enough to follow what happens.
        yield* Effect.logDebug(`${request.method} ${origin} ${response.status} in ${took} ms`)
        return response
      })
    })
  )
)
