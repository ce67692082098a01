import { readFile } from "node:fs/promises"
import * as http from "node:http"
import * as https from "node:https"
import { Clock, Duration, Effect, Fiber, Option, Redacted, Schedule, type Scope, Semaphore } from "effect"
import { isSameOrigin } from "../../../domain/SecureUrl.ts"
import type { VaultSettings } from "../../../ports/Configuration.ts"
import { StorageError } from "../../../ports/CredentialStore.ts"
import { VaultFailure, type VaultProblem } from "../../../ports/StorageFailure.ts"
import { retryAfterMillis } from "../../http/RetryAfter.ts"

/** One request of Vault's API (its paths are relative to `/v1/`). */
export interface VaultRequest {
  readonly method: "GET" | "POST" | "DELETE"
  /** Segments of the path, as they are: each is encoded, and none can leave its place. */
  readonly path: ReadonlyArray<string>
  readonly query?: Readonly<Record<string, string>>
  readonly body?: object
  readonly token?: Redacted.Redacted
}

/** What Vault answered: below 400, or 404 (which for a key-value engine is an answer like any other). */
export interface VaultAnswer {
  readonly status: number
  /** Vault's own clock at the answer, in milliseconds since the epoch; the local one where it does not say. */
  readonly time: number
  /** The JSON of the body; absent: it had none. */
  readonly body: unknown
}

/** An answer of 400 or 403, which is for the caller to understand. */
export interface VaultRefusal {
  readonly status: 400 | 403
  readonly errors: ReadonlyArray<string>
}

/** Time limits of one attempt. */
const connectLimit = Duration.seconds(5)
const answerLimit = Duration.seconds(15)
/** Bytes of the largest answer: a record of ours is a few KiB, and a list of ten thousand names half a MiB. */
const bodyLimit = 8 * 1024 * 1024
/** The longest `Retry-After` that is waited for, in milliseconds. */
const maxWait = 10_000

/** A failure that another attempt may not meet; `wait` in milliseconds is what the server asked for. */
class Transient {
  readonly _tag = "Transient"
  readonly failure: VaultFailure
  readonly wait: number
  constructor(failure: VaultFailure, wait = 0) {
    this.failure = failure
    this.wait = wait
  }
}

/** How a request is sent again: three times, after a quarter of a second, then twice as long each, with jitter. */
const retrySchedule = Schedule.exponential("250 millis").pipe(
  Schedule.jittered,
  Schedule.setInputType<Transient | VaultFailure>(),
  Schedule.modifyDelay(({ duration, input }) =>
    Effect.succeed(Duration.max(duration, Duration.millis(input instanceof Transient ? input.wait : 0)))
  ),
  Schedule.upTo({ times: 3, duration: "20 seconds" })
)

/** A connection that failed, by Node's code. */
class Broke {
  readonly _tag = "Broke"
  readonly code: string
  constructor(code: string) {
    this.code = code
  }
}
const tooLarge = "too large"

interface Raw {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

const codeOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause ? String(cause.code) : ""

const certificateCodes =
  /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|ERR_TLS_CERT_ALTNAME_INVALID|ERR_SSL_(?:TLSV1|SSLV3)_ALERT_(?:BAD|UNKNOWN_CA|CERTIFICATE)/

/** What a connection that failed means, by Node's code: never its text, which may quote what was sent. */
const connectionProblem = (code: string): readonly [VaultProblem, string] => {
  if (certificateCodes.test(code)) return ["certificate", `its TLS certificate is not trusted (${code})`]
  if (code.startsWith("ERR_SSL") || code === "EPROTO")
    return ["certificate", `TLS does not come about with it (${code})`]
  switch (code) {
    case "ERR_INVALID_CHAR":
      return ["no token", "the token has characters that no header can carry"]
    case "ECONNREFUSED":
      return ["unreachable", "the connection was refused"]
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return ["unreachable", "there is no such host"]
    default:
      return ["unreachable", `the connection broke${code === "" ? "" : ` (${code})`}`]
  }
}

/** The words of an error answer. They are Vault's own, and hold paths at most. */
const errorsOf = (text: string): ReadonlyArray<string> => {
  try {
    const { errors } = JSON.parse(text) as { errors?: unknown }
    return Array.isArray(errors) ? errors.filter((error) => typeof error === "string") : []
  } catch {
    return []
  }
}

/** What an answer means that is none to the request. */
const statusProblem = (status: number, errors: ReadonlyArray<string>): readonly [VaultProblem, string] => {
  const said = errors.join(" ")
  // As a word of its own: paths may have it in them, and Vault quotes them.
  if (/(?:^|[^\w/-])namespace(?![\w/-])/i.test(said)) return ["namespace", "it does not know the namespace"]
  if (/no handler for route|unsupported path/.test(said)) return ["no mount", "there is nothing at this path"]
  if (status === 429) return ["rate limited", "it answers no more requests for now (429)"]
  if (/sealed/i.test(said)) return ["sealed", "it is sealed"]
  if (status === 501 || /not initialized/i.test(said)) return ["uninitialized", "it is not initialised"]
  if (/not active|no active|standby/i.test(said) || [472, 473].includes(status)) {
    return ["standby", "this node is not the active one"]
  }
  if (/HTTP request to an HTTPS server/i.test(said)) return ["unexpected", "it speaks https, not http"]
  return ["unexpected", `it answered with status ${status}`]
}

const isPassing = (status: number, errors: ReadonlyArray<string>): boolean =>
  status === 412 ||
  status === 429 ||
  (status >= 472 && status <= 473) ||
  (status >= 500 && status !== 501) ||
  (status === 400 && errors.some((error) => error.startsWith("Upgrading from non-versioned")))

/** Vault by HTTP: with time limits, retries, one redirect to the same host, and no secret in any error. */
export interface VaultHttp {
  /** Origin of the server, for messages. */
  readonly address: string
  readonly fail: (problem: VaultProblem, detail: string) => StorageError
  readonly send: (request: VaultRequest) => Effect.Effect<VaultAnswer | VaultRefusal, StorageError>
  /** Once, within a second, whatever comes of it: for what is done on the way out. */
  readonly sendOnce: (request: VaultRequest) => Effect.Effect<void>
}

/** Whether an answer is a refusal. */
export const isRefusal = (answer: VaultAnswer | VaultRefusal): answer is VaultRefusal => "errors" in answer

/** Opens connections as the settings say; they close with the scope. */
export const vaultHttp = (
  settings: Pick<VaultSettings, "url" | "namespace" | "tls">
): Effect.Effect<VaultHttp, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { namespace, tls, url } = settings
    const address = url.origin
    const failure = (problem: VaultProblem, detail: string) => new VaultFailure({ address, problem, detail })
    const fail = (problem: VaultProblem, detail: string) =>
      new StorageError({ reason: failure(problem, detail) })

    const pem = (variable: string, path: string | undefined) =>
      path === undefined
        ? Effect.undefined
        : Effect.tryPromise({
            try: () => readFile(path),
            catch: (cause) =>
              failure("certificate", `the file that ${variable} names cannot be read (${codeOf(cause)})`)
          })
    const turn = Semaphore.makeUnsafe(1)
    let agent: http.Agent | undefined
    yield* Effect.addFinalizer(() => Effect.sync(() => agent?.destroy()))
    const connections = Effect.gen(function* () {
      if (agent !== undefined) return agent
      if (url.protocol === "http:") return (agent = new http.Agent({ keepAlive: true }))
      const ca = yield* pem("VAULT_CACERT", tls.caCert)
      const cert = yield* pem("VAULT_CLIENT_CERT", tls.clientCert)
      const key = yield* pem("VAULT_CLIENT_KEY", tls.clientKey)
      return (agent = new https.Agent({
        keepAlive: true,
        minVersion: "TLSv1.2",
        rejectUnauthorized: !tls.skipVerify,
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key })
      }))
    }).pipe(turn.withPermit)

    const exchange = (target: URL, request: VaultRequest, signal: AbortSignal, connected: () => void) =>
      Effect.flatMap(connections, (pool) =>
        Effect.callback<Raw, Broke>((resume) => {
          const content = request.body === undefined ? undefined : JSON.stringify(request.body)
          const fail = (cause: unknown) => resume(Effect.fail(new Broke(codeOf(cause))))
          const options: http.RequestOptions = {
            agent: pool,
            method: request.method,
            signal,
            headers: {
              accept: "application/json",
              "x-vault-request": "true",
              ...(namespace === undefined ? {} : { "x-vault-namespace": namespace }),
              ...(request.token === undefined ? {} : { "x-vault-token": Redacted.value(request.token) }),
              ...(content === undefined
                ? {}
                : { "content-type": "application/json", "content-length": Buffer.byteLength(content) })
            }
          }
          let outgoing: http.ClientRequest
          try {
            outgoing = (target.protocol === "https:" ? https : http).request(target, options)
          } catch (cause) {
            // A token that no header can carry is thrown at once, and must not be quoted.
            return fail(cause)
          }
          outgoing.once("socket", (socket) => {
            if (outgoing.reusedSocket) connected()
            else socket.once(target.protocol === "https:" ? "secureConnect" : "connect", connected)
          })
          outgoing.once("error", fail)
          outgoing.once("response", (incoming) => {
            const chunks: Array<Buffer> = []
            let size = 0
            incoming.on("data", (chunk: Buffer) => {
              size += chunk.length
              if (size <= bodyLimit) return void chunks.push(chunk)
              resume(Effect.fail(new Broke(tooLarge)))
              outgoing.destroy()
            })
            incoming.once("error", fail)
            incoming.once("end", () =>
              resume(
                Effect.succeed({
                  status: incoming.statusCode ?? 0,
                  headers: incoming.headers,
                  text: Buffer.concat(chunks).toString("utf8")
                })
              )
            )
          })
          outgoing.end(content)
          return Effect.sync(() => outgoing.destroy())
        })
      )

    /** One attempt at one place. Time runs out by ending the request itself: nothing else may interrupt a refresh. */
    const attemptAt = Effect.fnUntraced(function* (
      target: URL,
      request: VaultRequest,
      limit: Duration.Duration
    ) {
      // @effect-diagnostics-next-line abortControllerInEffect:off
      const late = new AbortController()
      let isConnected = false
      const expire = (after: Duration.Duration, unless: () => boolean) =>
        Effect.sleep(after).pipe(
          Effect.andThen(Effect.sync(() => (unless() ? undefined : late.abort()))),
          Effect.interruptible,
          Effect.forkChild
        )
      const timers = [yield* expire(connectLimit, () => isConnected), yield* expire(limit, () => false)]
      const raw = yield* exchange(target, request, late.signal, () => {
        isConnected = true
      }).pipe(
        Effect.mapError((cause) => {
          if (cause instanceof VaultFailure) return cause
          if (cause.code === tooLarge) return failure("unexpected", "its answer is too large")
          if (late.signal.aborted) {
            const [what, seconds] = isConnected
              ? ["no answer", Duration.toSeconds(limit)]
              : ["no connection", Duration.toSeconds(connectLimit)]
            return new Transient(failure("timeout", `${what} within ${seconds} seconds`))
          }
          const [problem, detail] = connectionProblem(cause.code)
          const found = failure(problem, detail)
          return problem === "unreachable" ? new Transient(found) : found
        }),
        Effect.ensuring(Fiber.interruptAll(timers))
      )
      // Paths name servers, and are no secret; the origin is enough to follow what happens.
      yield* Effect.logDebug(`Vault: ${request.method} ${request.path[0]} ${raw.status}`)
      return raw
    })

    /** Where a redirect leads, if the token may go there: the same origin. */
    const redirectOf = (from: URL, { headers, status }: Raw): URL | undefined => {
      if (![301, 302, 307, 308].includes(status) || headers.location === undefined) return undefined
      if (!URL.canParse(headers.location, from)) return undefined
      const to = new URL(headers.location, from)
      return isSameOrigin(to, from) && to.username === "" ? to : undefined
    }

    const attempt = Effect.fnUntraced(function* (request: VaultRequest, limit: Duration.Duration) {
      const target = new URL(url)
      target.pathname = `/v1/${request.path.map(encodeSegment).join("/")}`
      target.search = new URLSearchParams(request.query).toString()
      let raw = yield* attemptAt(target, request, limit)
      if (raw.status >= 300 && raw.status < 400) {
        const next = redirectOf(target, raw)
        if (next === undefined)
          return yield* Effect.fail(failure("redirect", "it sends us to another address"))
        raw = yield* attemptAt(next, request, limit)
        if (raw.status >= 300 && raw.status < 400) {
          return yield* Effect.fail(failure("redirect", "it redirects more than once"))
        }
      }
      const now = yield* Clock.currentTimeMillis
      const errors = raw.status >= 400 ? errorsOf(raw.text) : []
      if (isPassing(raw.status, errors)) {
        const wait = retryAfterMillis(raw.headers["retry-after"] ?? null, now)
        return yield* Effect.fail(new Transient(failure(...statusProblem(raw.status, errors)), wait))
      }
      const [problem, detail] = statusProblem(raw.status, errors)
      if (raw.status >= 400 && (problem === "namespace" || problem === "no mount")) {
        return yield* Effect.fail(failure(problem, detail))
      }
      if (raw.status === 400 || raw.status === 403) return { status: raw.status, errors } as VaultRefusal
      if (raw.status >= 400 && raw.status !== 404) return yield* Effect.fail(failure(problem, detail))
      const body = yield* Effect.try({
        try: (): unknown => (raw.text === "" ? undefined : JSON.parse(raw.text)),
        catch: () => failure("unexpected", "its answer is no JSON")
      })
      const date = Date.parse(raw.headers.date ?? "")
      return { status: raw.status, time: Number.isNaN(date) ? now : date, body } as VaultAnswer
    })

    return {
      address,
      fail,
      send: Effect.fn("VaultHttp.send")((request) =>
        attempt(request, answerLimit).pipe(
          Effect.retry({
            schedule: retrySchedule,
            while: (error) => error instanceof Transient && error.wait <= maxWait
          }),
          Effect.mapError(
            (error) => new StorageError({ reason: error instanceof Transient ? error.failure : error })
          )
        )
      ),
      sendOnce: (request) => Effect.ignore(attempt(request, Duration.seconds(1)))
    }
  })

/**
 * A segment of a path, so that it stays one segment. URLs take `%2e` for a dot as well, so `.` and `..`, which no name
 * of ours is, are encoded twice.
 */
const encodeSegment = (segment: string): string =>
  /^\.{1,2}$/.test(segment) ? segment.replaceAll(".", "%252E") : encodeURIComponent(segment)

/** The value at a path of fields of a JSON answer. */
export const fieldOf = (value: unknown, ...names: ReadonlyArray<string>): unknown =>
  names.reduce<unknown>(
    (inner, name) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, name)
        ? (inner as Readonly<Record<string, unknown>>)[name]
        : undefined,
    value
  )

/** As {@link fieldOf}, where it is a text. */
export const textOf = (value: unknown, ...names: ReadonlyArray<string>): Option.Option<string> => {
  const found = fieldOf(value, ...names)
  return typeof found === "string" && found !== "" ? Option.some(found) : Option.none()
}
