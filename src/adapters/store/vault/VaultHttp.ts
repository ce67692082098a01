import { Clock, Duration, Effect, Redacted, type Scope } from "effect"
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
import { fieldOf } from "./JsonFields.ts"
import { vaultAddresses } from "./VaultAddresses.ts"
import { answerTimeout, connectTimeout, shutdownTimeout } from "./VaultLimits.ts"
import { Transient, vaultRetry } from "./VaultRetry.ts"
import type { Tell } from "./WaitNotice.ts"

/** A request of Vault's API. Paths are relative to `/v1/`. */
export interface VaultRequest {
  readonly method: "GET" | "POST" | "DELETE"
  /** Segments of the path, not encoded. None can leave its place. */
  readonly path: ReadonlyArray<string>
  readonly query?: Readonly<Record<string, string>>
  readonly body?: object
  readonly token?: Redacted.Redacted
  /** The user does not wait for it. */
  readonly isInBackground?: boolean
  /** It is not repeated once it may have been done: the connection broke after it was established, or a gateway answered. */
  readonly isOnce?: boolean
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

/**
 * Vault over HTTP, with timeouts, retries, and no secret in any error. Where the settings name several addresses, the next one
 * is tried if one does not answer. One redirect is followed to those addresses, and to no other.
 */
export interface VaultHttp {
  /** Origin of the first address, for messages. */
  readonly address: string
  readonly fail: (problem: VaultProblem, detail: string) => StorageError
  readonly send: (request: VaultRequest) => Effect.Effect<VaultAnswer | VaultRefusal, StorageError>
  /** Sends a request once, within a second, and ignores the result: for the end of the program. */
  readonly sendOnce: (request: VaultRequest) => Effect.Effect<void>
}

/** True if a response is a refusal. */
export const isRefusal = (answer: VaultAnswer | VaultRefusal): answer is VaultRefusal => "errors" in answer

/** True if a 404 is Vault's, and not a gateway's: Vault sends a list of errors, or what is left of a record. */
const isVaults = (body: unknown): boolean =>
  Array.isArray(fieldOf(body, "errors")) ||
  fieldOf(body, "data") !== undefined ||
  fieldOf(body, "warnings") !== undefined

/** The JSON of a response; `undefined` if it is empty. */
const bodyOf = Effect.fnUntraced(function* (
  { status, text }: Pick<RawResponse, "status" | "text">,
  failure: (problem: VaultProblem, detail: string) => VaultFailure
) {
  const body = yield* Effect.try({
    try: (): unknown => (text === "" ? undefined : JSON.parse(text)),
    catch: () => failure("unexpected", "its answer is no JSON")
  })
  // With another server's, it would look as if nothing were stored.
  if (status !== 404 || isVaults(body)) return body
  return yield* failure("unexpected", "its answer is not that of Vault (404)")
})

const isRedirect = ({ status }: RawResponse) => status >= 300 && status < 400

/** Where a redirect leads. Absent: nowhere that a token may ever be sent. */
const redirectOf = (from: URL, { headers, status }: RawResponse): URL | undefined => {
  if (![301, 302, 307, 308].includes(status) || headers.location === undefined) return undefined
  if (!URL.canParse(headers.location, from)) return undefined
  const to = new URL(headers.location, from)
  return to.protocol === from.protocol && to.username === "" ? to : undefined
}

/** The failure of a redirect that is not followed. A standby may name a leader that has just ended, until it knows the next one. */
const refused = (
  target: URL,
  { status }: RawResponse,
  next: URL | undefined,
  failure: (problem: VaultProblem, detail: string) => VaultFailure
) => {
  if (next === undefined) return failure("redirect", "it sends us to another address")
  const detail = `it sends us to ${next.origin}, which is not among the configured addresses`
  return status === 307 && next.pathname === target.pathname
    ? new Transient({ failure: failure("redirect", detail), retryAfter: 0 })
    : failure("redirect", detail)
}

/**
 * The response of the node that a redirect leads to. If a node that was named as the leader does not answer as one, the
 * cluster has to choose a new one first.
 */
const answerAt = Effect.fnUntraced(function* (
  target: URL,
  next: URL,
  sent: Effect.Effect<RawResponse, Transient | VaultFailure>,
  failure: (problem: VaultProblem, detail: string) => VaultFailure
) {
  const detail = `a node names ${next.origin} as the leader, which it is not now`
  const noLeader = new Transient({ failure: failure("standby", detail), retryAfter: 0 })
  const isSelf = isSameOrigin(target, next)
  const response = yield* Effect.mapError(sent, (error) =>
    error instanceof Transient && !isSelf ? noLeader : error
  )
  if (!isSelf && (isRedirect(response) || response.status >= 500)) return yield* noLeader
  return isRedirect(response) ? yield* failure("redirect", "it redirects more than once") : response
})

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

/** What a request did when a timeout ended it. Absent: none did. */
type Late = "connecting" | "waiting" | undefined

/** A client with the settings' TLS and namespace. Its connections close with the scope. */
export const vaultHttp = (
  settings: Pick<VaultSettings, "url" | "otherUrls" | "namespace" | "tls">,
  tell?: Tell
): Effect.Effect<VaultHttp, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { namespace, url } = settings
    const addresses = vaultAddresses(settings)
    const address = () => addresses.current().origin
    const retried = vaultRetry(tell, address)
    let index: string | undefined
    const { exchange } = yield* (yield* VaultConnector)(settings)
    const failure = (problem: VaultProblem, detail: string) =>
      new VaultFailure({ address: address(), problem, detail })

    /** Why there is no response. */
    const explainNone = (late: Late, timeout: Duration.Duration, mayRepeat: boolean) => {
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
        return problem === "unreachable" && mayRepeat
          ? new Transient({ failure: found, retryAfter: 0 })
          : found
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
      let late: Late
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
          ConnectionFailed: (cause) =>
            explainNone(late, timeout, !isConnected || request.isOnce !== true)(cause)
        })
      )
      index = newestIndex(index, method, raw)
      // Only the first segment: the others name servers.
      yield* Effect.logDebug(`Vault: ${method} ${request.path[0]} ${raw.status}`)
      return raw
    })

    /** Sends a request, and follows one redirect. */
    const sendAndFollow = Effect.fnUntraced(function* (request: VaultRequest, timeout: Duration.Duration) {
      const target = new URL(addresses.current())
      target.pathname = `/v1/${request.path.map(encodeSegment).join("/")}`
      target.search = new URLSearchParams(request.query).toString()
      const first = yield* sendTo(target, request, timeout)
      if (!isRedirect(first)) return first
      const next = redirectOf(target, first)
      if (next === undefined || !addresses.choose(next)) return yield* refused(target, first, next, failure)
      return yield* answerAt(target, next, sendTo(next, request, timeout), failure)
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
        const mayBeDone = request.isOnce === true && (status === 502 || status === 504)
        if (isTransient(status, errors) && !mayBeDone) {
          const retryAfter = retryAfterMillis(headers["retry-after"] ?? null, now) ?? 0
          return yield* new Transient({ failure: found, retryAfter })
        }
        if (isAnswered(problem)) return yield* found
        if (status === 400 || status === 403) return { status, errors }
        if (status !== 404) return yield* found
      }
      const body = yield* bodyOf({ status, text }, failure)
      const date = Date.parse(headers.date ?? "")
      return { status, time: Number.isNaN(date) ? now : date, body }
    })

    return {
      address: url.origin,
      fail: (problem, detail) => new StorageError({ reason: failure(problem, detail) }),
      send: Effect.fn("VaultHttp.send")((request) =>
        retried(addresses.tryEach(attempt(request, answerTimeout)), request.isInBackground)
      ),
      sendOnce: (request) => Effect.ignore(attempt(request, shutdownTimeout))
    }
  })
