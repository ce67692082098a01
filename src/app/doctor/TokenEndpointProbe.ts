import { Effect, Option, Result, Schema } from "effect"
import { printable } from "../../domain/PrintableText.ts"
import * as Remedy from "../../domain/Remedy.ts"
import { hasOwnAuthorization, type RemoteServer } from "../../domain/Server.ts"
import { isTransientStatus } from "../../domain/TransientStatus.ts"
import { discardBody, HttpTransport } from "../../ports/HttpTransport.ts"
import { note, ok, type Verdict, wrong, wrongBy } from "./Finding.ts"
import { isResolved, type Resolution, type Resolved, unresolvedVerdict } from "./Resolution.ts"

/** Bytes of an answer that are read. An error of RFC 6749 §5.2 has a few hundred. */
const maxBytes = 16_384

/** The start of a body, as far as it arrives in time. */
const startOf = ({ body }: Response): Effect.Effect<string> =>
  body === null
    ? Effect.succeed("")
    : Effect.acquireUseRelease(
        Effect.sync(() => body.getReader()),
        (reader) =>
          Effect.promise(async () => {
            const decoder = new TextDecoder()
            let text = ""
            for (let length = 0; length < maxBytes;) {
              const { done, value } = await reader.read()
              if (done) break
              length += value.byteLength
              text += decoder.decode(value, { stream: true })
            }
            return text
          }).pipe(Effect.catchDefect(() => Effect.succeed(""))),
        (reader) => Effect.sync(() => void reader.cancel().catch(() => undefined))
      ).pipe(Effect.timeoutOrElse({ duration: "10 seconds", orElse: () => Effect.succeed("") }))

const decodeObject = Schema.decodeOption(
  Schema.fromJsonString(
    Schema.StructWithRest(Schema.Struct({ error: Schema.String }), [
      Schema.Record(Schema.String, Schema.Unknown)
    ])
  )
)

/** What an answer has of an error of RFC 6749 §5.2: nothing, the `error` among others, or it alone. */
const errorIn = (text: string): "none" | "among others" | "alone" =>
  Option.match(decodeObject(text), {
    onNone: () => "none",
    onSome: (members) =>
      Object.keys(members).every((name) => /^error(_description|_uri)?$/.test(name))
        ? "alone"
        : "among others"
  })

/** An answer to a token request without a grant. */
interface Answer {
  readonly status: number
  readonly isPage: boolean
  readonly error: ReturnType<typeof errorIn>
  /** Where it redirects to, without the query, which may hold a secret. Absent: nowhere. */
  readonly target?: string | undefined
}

/**
 * Sends a token request without a grant, a client or a secret. A token endpoint refuses it with 400, or with 401 (RFC 6749
 * §5.2). `grant_type` without a value counts as omitted (§3.2); an empty body makes some servers fail.
 */
const ask = Effect.fn("Doctor.askTokenEndpoint")(function* (endpoint: URL) {
  const response = yield* HttpTransport.use((transport) =>
    transport.send(
      new Request(endpoint, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
        body: "grant_type="
      })
    )
  )
  const { headers, status } = response
  const isPage = /html/i.test(headers.get("content-type") ?? "")
  const location = status >= 300 && status < 400 ? headers.get("location") : null
  const target = location === null ? null : URL.parse(location, endpoint)
  const mayHaveError = !isPage && (response.ok || status === 404)
  const text = mayHaveError ? yield* startOf(response) : yield* Effect.as(discardBody(response), "")
  const answer: Answer = {
    status,
    isPage,
    error: errorIn(text),
    target: target === null ? undefined : `${target.origin}${target.pathname}`
  }
  return answer
})

/** Why an answer is not one of a token endpoint. Undefined: it may be. */
const problemOf = ({ error, isPage, status, target }: Answer): string | undefined => {
  if (status === 405 || status === 410 || (status === 404 && error !== "alone")) return `it answers ${status}`
  if (status >= 200 && status < 300 && isPage) return `it answers with a page of HTML (${status})`
  return target === undefined ? undefined : `it redirects to ${printable(target)} (${status})`
}

const fixesOf = (server: RemoteServer, { _tag }: Resolved): ReadonlyArray<Remedy.Remedy> => {
  const oauth = Remedy.oauthOf(server.name)
  if (_tag === "ByHand") return [Remedy.check(oauth, ["token_url"])]
  const byHand = { authorization_url: null, token_url: null, client_id: null }
  return [
    Remedy.advice(`Tell the provider of ${server.name}.`),
    ...(Remedy.hasEntry(server.name)
      ? [Remedy.set(oauth, byHand, "its provider documents other endpoints")]
      : [])
  ]
}

const verdictOn = (server: RemoteServer, resolution: Resolved, answer: Answer): Verdict => {
  const { error, status } = answer
  const it = printable(resolution.authorizationServer.tokenEndpoint.href)
  const problem = problemOf(answer)
  if (problem !== undefined) {
    return wrong(`${it} is no token endpoint: ${problem}`, ...fixesOf(server, resolution))
  }
  if (isTransientStatus(status)) {
    return note(
      `${it} answers ${status} now, which says nothing about it`,
      Remedy.advice("Try again later, or tell its provider.")
    )
  }
  if (status === 404) {
    // GitHub: https://github.com/octokit/auth-oauth-user.js/issues/239
    return note(
      `${it} answers 404 with an error in JSON, as GitHub does for an unknown client, and others for an unknown address`
    )
  }
  const isRefusal = status === 400 || status === 401 || (status < 300 && error !== "none")
  return isRefusal
    ? ok(`${it} refuses a request without a grant (${status}), as it must`)
    : note(`${it} answers ${status} to a request without a grant, which a token endpoint refuses with 400`)
}

/** The verdict on the token endpoint. Sends it one request, without a grant, a client or a secret. */
export const tokenEndpointVerdict = Effect.fn("Doctor.tokenEndpoint")(function* (
  server: RemoteServer,
  resolution: Resolution
): Effect.fn.Return<Verdict, never, HttpTransport> {
  if (!isResolved(resolution)) return unresolvedVerdict("token endpoint", resolution)
  if (hasOwnAuthorization(server)) {
    return note(`not needed: the entry of ${server.name} has an Authorization header`)
  }
  const answer = yield* Effect.result(ask(resolution.authorizationServer.tokenEndpoint))
  return Result.isFailure(answer) ? wrongBy(answer.failure) : verdictOn(server, resolution, answer.success)
})
