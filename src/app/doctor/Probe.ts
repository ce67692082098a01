import { Effect, Redacted, Result } from "effect"
import { bearerChallenge, type BearerChallenge } from "../../domain/Challenge.ts"
import { printable } from "../../domain/PrintableText.ts"
import { redirectOf } from "../../domain/Redirect.ts"
import * as Remedy from "../../domain/Remedy.ts"
import { hasOwnAuthorization, type RemoteServer } from "../../domain/Server.ts"
import { isTransientStatus } from "../../domain/TransientStatus.ts"
import { discardBody, HttpTransport, type NetworkError } from "../../ports/HttpTransport.ts"
import { note, ok, skipped, type Verdict, wrong, wrongBy } from "./Finding.ts"
import { brokenCheck, type Resolution } from "./Resolution.ts"

/** The answer of a server to a request without a token. */
export interface Answer {
  readonly status: number
  readonly challenge: BearerChallenge | undefined
  /** Where requests are redirected to, within the origin. */
  readonly movedTo?: URL
  /** Where it redirects to, if the request does not follow: another origin, or with another method. */
  readonly target?: URL
  /** The `Date` header, in milliseconds since the epoch. */
  readonly date: number | undefined
}

/** The answer, or the error of the request. */
export type Probe = Result.Result<Answer, NetworkError>

/** A request outside a session: any MCP server may refuse it, and none acts on it. */
const ping = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" })

/** Redirects within the origin that are followed, as in a session with the server. */
const maxRedirects = 3

const ask = Effect.fn("Doctor.ask")(function* (server: RemoteServer, method: "GET" | "POST") {
  const headers = new Headers()
  for (const [name, value] of Object.entries(server.headers)) headers.set(name, Redacted.value(value))
  headers.delete("authorization")
  if (method === "POST") headers.set("content-type", "application/json")
  headers.set("accept", method === "POST" ? "application/json, text/event-stream" : "text/event-stream")
  const body = method === "POST" ? { body: ping } : {}
  let url = server.url
  const send = () => {
    const request = new Request(url, { method, headers, ...body })
    return HttpTransport.use((transport) => transport.send(request)).pipe(
      Effect.map((response) => ({ response, redirect: redirectOf(request, response) }))
    )
  }
  let { redirect, response } = yield* send()
  for (let left = maxRedirects; redirect?.mayFollow === true && left > 0; left--) {
    yield* discardBody(response)
    url = redirect.target
    ;({ redirect, response } = yield* send())
  }
  yield* discardBody(response)
  const date = Date.parse(response.headers.get("date") ?? "")
  return {
    status: response.status,
    streams: response.headers.get("content-type")?.startsWith("text/event-stream") === true,
    challenge: bearerChallenge(response.headers.get("www-authenticate")),
    date: Number.isNaN(date) ? undefined : date,
    ...(url === server.url ? {} : { movedTo: url }),
    ...(redirect === undefined ? {} : { target: redirect.target })
  }
})

/**
 * Sends a server one request without a token. Servers of the older SSE transport answer a GET, and a POST with 400, 404 or
 * 405 (MCP "Transports").
 */
export const probe = Effect.fn("Doctor.probe")(function* (
  server: RemoteServer
): Effect.fn.Return<Answer, NetworkError, HttpTransport> {
  if (server.transport === "sse") return yield* ask(server, "GET")
  const posted = yield* ask(server, "POST")
  if (![400, 404, 405].includes(posted.status)) return posted
  const got = yield* Effect.result(ask(server, "GET"))
  // If the GET finds no SSE server, the answer to the usual request counts.
  return Result.isSuccess(got) && (got.success.status === 401 || got.success.streams) ? got.success : posted
})

/**
 * Sends a request to each endpoint that the configuration names, besides the token endpoint: any answer is good.
 *
 * @returns how many there are
 */
export const reachEndpoints = Effect.fn("Doctor.reachEndpoints")(function* ({
  oauth: { source }
}: RemoteServer) {
  if (source._tag !== "ByHand") return 0
  const transport = yield* HttpTransport
  const endpoints = [
    source.authorizationEndpoint,
    source.registrationEndpoint,
    ...Object.values(source.endpoints ?? {})
  ].filter((endpoint) => endpoint !== undefined)
  for (const endpoint of endpoints) yield* discardBody(yield* transport.send(new Request(endpoint)))
  return endpoints.length
})

/** True if a server answers without a token; 400 is for a request outside a session. */
export const isOpen = (status: number): boolean => (status >= 200 && status < 300) || status === 400

/** The address of a redirect without its query, which may hold a secret. */
const addressOf = ({ origin, pathname }: URL): string => printable(`${origin}${pathname}`)

/** The verdict on the server itself. */
export const serverVerdict = (server: RemoteServer, probed: Probe, resolution: Resolution): Verdict => {
  if (Result.isFailure(probed)) return wrongBy(probed.failure)
  if (resolution._tag === "Failed" && brokenCheck(resolution.error) === "server") {
    return wrongBy(resolution.error)
  }
  const { movedTo, status, target } = probed.success
  const entry = Remedy.entryOf(server.name)
  const place = movedTo === undefined ? "" : `redirects to ${printable(movedTo.pathname)} and `
  const it = `${server.url.protocol === "https:" ? "TLS is good, and it" : "it"} ${place}`.trimEnd()
  if (hasOwnAuthorization(server)) {
    return note(
      `${it} answers ${status} without a token; its entry has an Authorization header, so no sign-in is used`,
      Remedy.remove([...entry, "headers"], ["Authorization"], "you prefer to sign in")
    )
  }
  if (status === 401) return ok(`${it} requires a sign-in (401)`)
  if (isOpen(status)) return note(`${it} answers without a sign-in (${status})`)
  if (isTransientStatus(status)) {
    return wrong(`${it} answers ${status}`, Remedy.advice("Try again later, or tell its provider."))
  }
  switch (status) {
    case 403:
      return wrong(
        `${it} refuses this machine or its headers (403), and requires no sign-in`,
        Remedy.check(entry, ["headers"]),
        Remedy.advice("If they are right, ask its provider who has access.")
      )
    case 404:
    case 405:
      return wrong(`${it} answers ${status}: it is not an MCP endpoint`, Remedy.check(entry, ["url"]))
    default:
      return status >= 300 && status < 400
        ? wrong(
            `${it} redirects${target === undefined ? "" : ` to ${addressOf(target)}`} (${status})`,
            Remedy.set(
              entry,
              { url: target === undefined ? null : addressOf(target) },
              "the server is there now"
            )
          )
        : wrong(
            `${it} answers ${status}`,
            Remedy.check(entry, ["url", "headers"]),
            Remedy.advice("If they are right, ask its provider.")
          )
  }
}

/** With a larger difference between two clocks, valid tokens look expired or not yet valid; in milliseconds. */
const maxClockSkew = 60_000

/** The verdict on the clock of this machine, compared with the server's. */
export const clockVerdict = (probed: Probe, now: number): Verdict => {
  if (Result.isFailure(probed)) return skipped
  const { date } = probed.success
  if (date === undefined) return note("the server does not send its time")
  const skew = now - date
  if (Math.abs(skew) <= maxClockSkew) return ok("it agrees with the server's")
  const seconds = Math.round(Math.abs(skew) / 1000)
  return wrong(
    `this machine is ${seconds} seconds ${skew > 0 ? "ahead of" : "behind"} the server`,
    Remedy.advice("Set the clock of this machine. Otherwise tokens look expired, or not yet valid.")
  )
}

/** The verdict on the challenge of a 401. */
export const challengeVerdict = (server: RemoteServer, probed: Probe): Verdict => {
  if (server.oauth.source._tag === "ByHand") return note("not needed: the configuration names the endpoints")
  if (Result.isFailure(probed)) return skipped
  const { challenge, status } = probed.success
  if (status !== 401) return note(`none, since it answers ${status}`)
  if (challenge === undefined)
    return note("none (its 401 has no Bearer challenge); its well-known URLs are used")
  const parts = [
    ...(challenge.resourceMetadata === undefined
      ? []
      : [`names its metadata, ${printable(challenge.resourceMetadata)}`]),
    ...(challenge.scope === undefined ? [] : [`requires ${printable(challenge.scope)}`]),
    ...(challenge.dpop === true ? ["requires tokens that are bound to a key (DPoP)"] : [])
  ]
  return ok(parts.length === 0 ? "a plain one" : parts.join("; "))
}
