import { Clock, Data, Duration, Effect, Redacted, Schedule, type Scope } from "effect"
import { isSameOrigin } from "../../../domain/SecureUrl.ts"
import type { VaultSettings } from "../../../ports/Configuration.ts"
import { StorageError } from "../../../ports/CredentialStore.ts"
import { VaultFailure, type VaultProblem } from "../../../ports/StorageFailure.ts"
import { retryAfterMillis } from "../../http/RetryAfter.ts"
import { abortAfter } from "../../platform/AbortAfter.ts"
import { timeUp } from "../../platform/TimeUp.ts"
import { type ConnectionFailed, type RawResponse, VaultConnector } from "./VaultConnection.ts"
import {
  connectionProblem,
  errorsOf,
  isAnswered,
  isTransient,
  pemProblem,
  statusProblem
} from "./VaultProblems.ts"
import { answerTimeout, connectTimeout, maxRetryAfter, shutdownTimeout } from "./VaultLimits.ts"

/** A request of Vault's API. Paths are relative to `/v1/`. */
export interface VaultRequest {
  readonly method: "GET" | "POST" | "DELETE"
  /** Segments of the path, not encoded. None can leave its place. */
  readonly path: ReadonlyArray<string>
  readonly query?: Readonly<Record<string, string>>
  readonly body?: object
  readonly token?: Redacted.Redacted
}

/** A response of Vault: below 400, or 404, which is an ordinary answer of a key-value engine. */
export interface VaultAnswer {
  readonly status: number
  /** When Vault answered, by its own clock, in milliseconds since the epoch. The local clock if it sends no `Date`. */
  readonly time: number
  /** The JSON of the body; `undefined` if it is empty. */
  readonly body: unknown
}

/** A response of 400 or 403, which the caller interprets. */
export interface VaultRefusal {
  readonly status: 400 | 403
  readonly errors: ReadonlyArray<string>
}

/** A failure after which another attempt may succeed. */
class Transient extends Data.TaggedError("Transient")<{
  readonly failure: VaultFailure
  /** What the server requests, in milliseconds. */
  readonly retryAfter: number
}> {}

/** Three retries, after 0.25, 0.5 and 1 s with jitter, or after `Retry-After` if that is longer. */
const retrySchedule = Schedule.exponential("250 millis").pipe(
  Schedule.jittered,
  Schedule.setInputType<Transient | VaultFailure>(),
  Schedule.modifyDelay(({ duration, input }) =>
    Effect.succeed(Duration.max(duration, Duration.millis(input instanceof Transient ? input.retryAfter : 0)))
  ),
  Schedule.upTo({ times: 3, duration: "20 seconds" })
)

/** Vault over HTTP, with timeouts, retries, one redirect to the same origin, and no secret in any error. */
export interface VaultHttp {
  /** Origin of the server, for messages. */
  readonly address: string
  readonly fail: (problem: VaultProblem, detail: string) => StorageError
  readonly send: (request: VaultRequest) => Effect.Effect<VaultAnswer | VaultRefusal, StorageError>
  /** Sends a request once, within a second, and ignores the result: for the end of the program. */
  readonly sendOnce: (request: VaultRequest) => Effect.Effect<void>
}

/** True if a response is a refusal. */
export const isRefusal = (answer: VaultAnswer | VaultRefusal): answer is VaultRefusal => "errors" in answer

const isRedirect = ({ status }: RawResponse) => status >= 300 && status < 400

/** Where a redirect leads, if the token may be sent there: the same origin. */
const redirectOf = (from: URL, { headers, status }: RawResponse): URL | undefined => {
  if (![301, 302, 307, 308].includes(status) || headers.location === undefined) return undefined
  if (!URL.canParse(headers.location, from)) return undefined
  const to = new URL(headers.location, from)
  return isSameOrigin(to, from) && to.username === "" ? to : undefined
}

/**
 * Encodes a segment so that it stays one segment. A URL treats `%2e` as a dot as well, so `.` and `..`, which are no
 * names of ours, are encoded twice.
 */
const encodeSegment = (segment: string): string =>
  /^\.{1,2}$/.test(segment) ? segment.replaceAll(".", "%252E") : encodeURIComponent(segment)

/**
 * Lets only a node answer that is not behind what this process has written, as a standby of a cluster may be (OpenBao,
 * "Consistency"; Vault Enterprise, "Consistency"). Servers that know no index ignore this.
 */
const atLeast = (index: string | undefined): Record<string, string> =>
  index === undefined ? {} : { "x-vault-index": index, "x-vault-inconsistent": "forward-active-node" }

interface RequestParts {
  readonly namespace: string | undefined
  readonly body: string | undefined
  readonly index: string | undefined
}

const headersOf = ({ token }: VaultRequest, { body, index, namespace }: RequestParts) => ({
  accept: "application/json",
  "x-vault-request": "true",
  ...(namespace === undefined ? {} : { "x-vault-namespace": namespace }),
  ...(token === undefined ? {} : { "x-vault-token": Redacted.value(token) }),
  ...(body === undefined
    ? {}
    : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
  ...atLeast(index)
})

/** The index of a read may be older than that of our last write, and the two cannot be compared. */
const newestIndex = (known: string | undefined, method: string, { headers }: RawResponse) => {
  const seen = headers["x-vault-index"]
  return typeof seen === "string" && (method !== "GET" || known === undefined) ? seen : known
}

/** A client with the settings' TLS and namespace. Its connections close with the scope. */
export const vaultHttp = (
  settings: Pick<VaultSettings, "url" | "namespace" | "tls">
): Effect.Effect<VaultHttp, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { namespace, url } = settings
    let index: string | undefined
    const address = url.origin
    const { exchange } = yield* (yield* VaultConnector)(settings)
    const failure = (problem: VaultProblem, detail: string) => new VaultFailure({ address, problem, detail })

    /** Why there is no response: `late` if a timeout ended the request. */
    const explainNone = (late: "connecting" | "waiting" | undefined, timeout: Duration.Duration) => {
      const timedOut = (what: string, after: Duration.Duration) =>
        new Transient({
          failure: failure("timeout", `${what} within ${Duration.toSeconds(after)} seconds`),
          retryAfter: 0
        })
      return ({ code }: ConnectionFailed) => {
        if (late === "connecting") return timedOut("no connection", connectTimeout)
        if (late === "waiting") return timedOut("no answer", timeout)
        const [problem, detail] = connectionProblem(code, settings.tls.clientCert !== undefined)
        const found = failure(problem, detail)
        return problem === "unreachable" ? new Transient({ failure: found, retryAfter: 0 }) : found
      }
    }

    /** Sends a request to one address, once. */
    const sendTo = Effect.fnUntraced(function* (
      target: URL,
      request: VaultRequest,
      timeout: Duration.Duration
    ) {
      // @effect-diagnostics-next-line abortControllerInEffect:off
      const abort = new AbortController()
      let isConnected = false
      let late: "connecting" | "waiting" | undefined
      const expire = Effect.gen(function* () {
        const connecting = Duration.min(connectTimeout, timeout)
        yield* timeUp(connecting)
        if (isConnected) yield* timeUp(Duration.subtract(timeout, connecting))
      })
      const body = request.body === undefined ? undefined : JSON.stringify(request.body)
      const { method } = request
      const headers = headersOf(request, { namespace, body, index })
      const sent = { method, headers, body, signal: abort.signal }
      const raw = yield* exchange(target, sent, () => {
        isConnected = true
      }).pipe(
        abortAfter(expire, () => {
          late = isConnected ? "waiting" : "connecting"
          abort.abort()
        }),
        Effect.catchTags({
          TooLarge: () => failure("unexpected", "its answer is too large or nested too deeply"),
          UnusablePem: (cause) => failure(...pemProblem(cause)),
          ConnectionFailed: (cause) => explainNone(late, timeout)(cause)
        })
      )
      index = newestIndex(index, method, raw)
      // Only the first segment: the others name servers.
      yield* Effect.logDebug(`Vault: ${method} ${request.path[0]} ${raw.status}`)
      return raw
    })

    /** Sends a request, and follows one redirect. */
    const sendAndFollow = Effect.fnUntraced(function* (request: VaultRequest, timeout: Duration.Duration) {
      const target = new URL(url)
      target.pathname = `/v1/${request.path.map(encodeSegment).join("/")}`
      target.search = new URLSearchParams(request.query).toString()
      const first = yield* sendTo(target, request, timeout)
      if (!isRedirect(first)) return first
      const next = redirectOf(target, first)
      if (next === undefined) return yield* failure("redirect", "it sends us to another address")
      const second = yield* sendTo(next, request, timeout)
      return isRedirect(second) ? yield* failure("redirect", "it redirects more than once") : second
    })

    const attempt = Effect.fnUntraced(function* (
      request: VaultRequest,
      timeout: Duration.Duration
    ): Effect.fn.Return<VaultAnswer | VaultRefusal, Transient | VaultFailure> {
      const { headers, status, text } = yield* sendAndFollow(request, timeout)
      const now = yield* Clock.currentTimeMillis
      if (status >= 400) {
        const errors = errorsOf(text)
        const [problem, detail] = statusProblem(status, errors)
        const found = failure(problem, detail)
        if (isTransient(status, errors)) {
          const retryAfter = retryAfterMillis(headers["retry-after"] ?? null, now) ?? 0
          return yield* new Transient({ failure: found, retryAfter })
        }
        if (isAnswered(problem)) return yield* found
        if (status === 400 || status === 403) return { status, errors }
        if (status !== 404) return yield* found
      }
      const body = yield* Effect.try({
        try: (): unknown => (text === "" ? undefined : JSON.parse(text)),
        catch: () => failure("unexpected", "its answer is no JSON")
      })
      const date = Date.parse(headers.date ?? "")
      return { status, time: Number.isNaN(date) ? now : date, body }
    })

    return {
      address,
      fail: (problem, detail) => new StorageError({ reason: failure(problem, detail) }),
      send: Effect.fn("VaultHttp.send")((request) =>
        attempt(request, answerTimeout).pipe(
          Effect.retry({
            schedule: retrySchedule,
            while: (error) => error instanceof Transient && error.retryAfter <= maxRetryAfter
          }),
          Effect.mapError(
            (error) => new StorageError({ reason: error instanceof Transient ? error.failure : error })
          )
        )
      ),
      sendOnce: (request) => Effect.ignore(attempt(request, shutdownTimeout))
    }
  })
