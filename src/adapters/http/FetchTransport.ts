import { Clock, Duration, Effect, Fiber, Layer } from "effect"
import { HttpTransport, NetworkError, UserAgent } from "../../ports/HttpTransport.ts"
import { spanned } from "../../ports/Spanned.ts"
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

/** What made `fetch` fail. */
const innerOf = (cause: unknown): unknown =>
  cause instanceof Error && cause.cause !== undefined ? cause.cause : cause

/** True for a port that `fetch` blocks (Fetch standard, "port blocking"). */
const isBadPort = (inner: unknown): boolean => inner instanceof Error && inner.message === "bad port"

/** Explains an error to a user. Without the URL: its path and query may hold secrets. */
const explain = Effect.fnUntraced(function* (cause: unknown, { protocol }: URL) {
  const inner = innerOf(cause)
  const code = codeOf(inner) ?? ""
  if (isBadPort(inner)) return "its port is blocked, as in browsers"
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

/** True if what came is no HTTP. Undici gives no code to that. */
const isNoHttp = (inner: unknown): boolean => inner instanceof Error && inner.name === "HTTPParserError"

/**
 * True if the server may have got the request. Another error without a code is one of the request itself, such as a bad port.
 */
const mayBeSent = (cause: unknown): boolean => {
  const inner = innerOf(cause)
  const code = codeOf(inner) ?? ""
  const isConnecting = inner instanceof Error && "syscall" in inner && inner.syscall === "connect"
  return (code !== "" || isNoHttp(inner)) && !isConnecting && !unsent.test(code)
}

/** True if a repetition fails in the same way. */
const isLasting = (cause: unknown): boolean => {
  const inner = innerOf(cause)
  return isBadPort(inner) || /^(?!ERR_SSL).*(CERT|SELF_SIGNED|UNABLE_TO)/.test(codeOf(inner) ?? "")
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

/** A request on its way. */
export interface Exchange {
  /** Rejects with the error of the network if there is no answer. */
  readonly answer: Promise<Response>
  /** Ends the request, and the body of its answer. */
  readonly abort: () => void
}

/** How a request is sent. Fresh: over a new connection, which is closed after the answer. */
export type Dispatch = (request: Request, fresh: boolean) => Exchange

/** Sends a request with the `fetch` of the platform. */
export const dispatchByFetch: Dispatch = (request, fresh) => {
  const aborting = new AbortController()
  const signal = AbortSignal.any([request.signal, aborting.signal])
  const answer = dispatchOptions(new URL(request.url), fresh).then((options) =>
    globalThis.fetch(request, { ...options, redirect: "manual", signal })
  )
  return { answer, abort: () => aborting.abort() }
}

/** Sends a request, and waits for the head of its answer. A body may be a stream. */
const exchange = (
  dispatch: Dispatch,
  request: Request,
  url: URL,
  { fresh = false, timeout = headTimeout }: NonNullable<Parameters<HttpTransport["Service"]["send"]>[1]>
): Effect.Effect<Response, NetworkError> =>
  Effect.suspend(() => {
    const { origin } = url
    const { abort, answer } = dispatch(request, fresh)
    let isLate = false
    const received = Effect.callback<Response, NetworkError | Unexplained>((resume) => {
      answer.then(
        (response) => resume(Effect.succeed(response)),
        (cause: unknown) =>
          resume(
            Effect.fail(
              isLate
                ? new NetworkError({
                    origin,
                    detail: `no answer within ${timeout / 1000} seconds`,
                    unanswered: "timeout"
                  })
                : new Unexplained(cause)
            )
          )
      )
      return Effect.sync(abort)
    })
    return received.pipe(
      abortAfter(timeUp(Duration.millis(timeout)), () => {
        isLate = true
        abort()
      }),
      Effect.catch((error) =>
        error instanceof NetworkError
          ? error
          : Effect.flatMap(
              explain(error.cause, url),
              (detail) =>
                new NetworkError({
                  origin,
                  detail,
                  ...(mayBeSent(error.cause) ? { unanswered: "broke" as const } : {}),
                  ...(isLasting(error.cause) ? { isLasting: true } : {})
                })
            )
      )
    )
  })

/** Sends requests in one way. Those without a `User-Agent` get the one of `UserAgent`. */
export const layerOf = (
  dispatch: Dispatch,
  more: Pick<HttpTransport["Service"], "connect"> = {}
): Layer.Layer<HttpTransport> =>
  Layer.effect(
    HttpTransport,
    Effect.map(UserAgent, (userAgent) =>
      HttpTransport.of({
        ...more,
        send: Effect.fnUntraced(function* (request, options = {}) {
          if (!request.headers.has("user-agent")) request.headers.set("user-agent", userAgent)
          const url = new URL(request.url)
          const began = yield* Clock.currentTimeMillis
          const response = yield* withNotice(url.origin, exchange(dispatch, request, url, options))
          const took = Math.round((yield* Clock.currentTimeMillis) - began)
          // The path and the query of a URL may hold secrets: the origin is enough to follow what happens.
          yield* Effect.logDebug(`${request.method} ${url.origin} ${response.status} in ${took} ms`)
          return response
        }, spanned("HttpTransport.send"))
      })
    )
  )

/** Sends requests with `fetch`. */
export const layer: Layer.Layer<HttpTransport> = layerOf(dispatchByFetch)
