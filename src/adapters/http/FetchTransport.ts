import { Clock, Effect, Layer } from "effect"
import { HttpTransport, NetworkError, UserAgent } from "../../ports/HttpTransport.ts"
import { abortAfter } from "../platform/AbortAfter.ts"
import { codeOf } from "../platform/Errno.ts"
import { headTimeout } from "./HttpLimits.ts"
import { withoutProxyOnLoopback } from "./LoopbackDirect.ts"

/** Explains an error to a user. Without the URL: its path and query may hold secrets. */
const explain = (cause: unknown): string => {
  const inner = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause
  const code = codeOf(inner) ?? ""
  if (inner instanceof Error && inner.message === "bad port") return "its port is blocked, as in browsers"
  switch (code) {
    case "ECONNREFUSED":
      return "the connection was refused"
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "no such host"
    case "ECONNRESET":
    case "UND_ERR_SOCKET":
    case "EPIPE":
      return "the connection broke"
    case "ETIMEDOUT":
    case "UND_ERR_CONNECT_TIMEOUT":
      return "no connection in time"
    default:
      if (/^ERR_SSL|^EPROTO$/.test(code)) return `the TLS handshake failed (${code})`
      return /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS/.test(code)
        ? `its TLS certificate is not trusted (${code}; add its authority with NODE_EXTRA_CA_CERTS)`
        : code === ""
          ? "the request failed"
          : `the request failed (${code})`
  }
}

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
        const response = yield* Effect.tryPromise({
          try: (signal) =>
            globalThis.fetch(request, {
              ...withoutProxyOnLoopback(url),
              redirect: "manual",
              signal: AbortSignal.any([signal, request.signal, late.signal])
            }),
          catch: (cause) =>
            new NetworkError({
              origin,
              detail: late.signal.aborted ? `no answer within ${milliseconds / 1000} seconds` : explain(cause)
            })
        }).pipe(abortAfter(Effect.sleep(milliseconds), () => late.abort()))
        const took = Math.round((yield* Clock.currentTimeMillis) - began)
        // The path and the query of a URL may hold secrets: the origin is enough to follow what happens.
        yield* Effect.logDebug(`${request.method} ${origin} ${response.status} in ${took} ms`)
        return response
      })
    })
  )
)
