import { Duration, Effect, type Scope } from "effect"
import * as Remedy from "../../domain/Remedy.ts"
import { jsonRpcMessage } from "../../domain/JsonRpcMessage.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { NetworkError } from "../../ports/HttpTransport.ts"
import type { RevisionMemory } from "../../ports/KnownRevisions.ts"
import { McpError } from "../../ports/McpConnector.ts"
import type { Wire } from "../../ports/McpWire.ts"
import {
  type ClientError,
  discoverVersion,
  initializeVersions,
  isClientError,
  supportedVersions,
  versionToOffer
} from "./ClientErrors.ts"
import { type Connected, type Identity, tooSilent } from "./Connection.ts"
import { fallbackTimeout, probeTimeout } from "./McpLimits.ts"
import { parseMessage } from "./LongTexts.ts"
import { McpClient } from "./McpClient.ts"
import { runOperation } from "./Operation.ts"
import { openSseConnection } from "./SseConnection.ts"
import { bothRefused } from "./wire/FallbackWire.ts"
import type { SseWire } from "./wire/SseWire.ts"

/** Options of {@link openHttp}. */
export interface HttpConnectionOptions<E, R> {
  readonly server: RemoteServer
  readonly identity: Identity
  /** Makes the way to the server for one connection. */
  readonly openWire: Effect.Effect<Wire<E>, McpError, R | Scope.Scope>
  /** The same over the older SSE transport. */
  readonly openSseWire: Effect.Effect<SseWire<E>, McpError, R | Scope.Scope>
  /** How long the server may be silent. */
  readonly timeout: Duration.Duration
  readonly revisions: RevisionMemory
}

type Failure<E> = ClientError | McpError | E

/** Runs a part of the handshake. */
const greet = <A, E, R>(server: string, timeout: Duration.Duration, run: Effect.Effect<A, E, R>) =>
  runOperation(() => run, {
    server,
    limit: timeout,
    silence: () =>
      tooSilent(
        server,
        timeout,
        Remedy.check(Remedy.entryOf(server), ["url"]),
        Remedy.advice("If it is right, try again later.")
      )
  })

/** True for a redirect, which says nothing about the revision. */
const isRedirect = (status = 0): boolean => status >= 300 && status < 400

/** What a server answered to the question for revision 2026-07-28. */
interface Probed {
  readonly isOlder: boolean
  /** Of an HTTP error. */
  readonly status?: number | undefined
  /** There was no answer, which a slow server of that revision does not give either. */
  readonly isUnanswered?: boolean
}

/** The second attempt obtains what the server requires, and has as much time as any request. */
type Attempt = "first" | "second"

/**
 * Asks for revision 2026-07-28. Ends with the status of an HTTP error if the server does not speak it. Any answer but one
 * of that revision means so (MCP 2026-07-28 "Versioning"): an HTTP error, another content, a connection that breaks, and
 * silence.
 *
 * In the first attempt a 401 does not renew the token, and a 403 requests no scope: older servers answer unknown methods so.
 */
const probe = <E>(
  { server, timeout }: Pick<HttpConnectionOptions<E, never>, "server" | "timeout">,
  client: McpClient<E>,
  attempt: Attempt
): Effect.Effect<Probed, Failure<E>> => {
  const limit = attempt === "first" ? Duration.millis(probeTimeout) : timeout
  const discover = client.discover({ renew: attempt === "second", timeout: Duration.toMillis(limit) })
  // Servers may refuse the first version of a connection, and list it as supported.
  const discoverAgain = Effect.catchIf(
    discover,
    (error) => supportedVersions(error)?.includes(discoverVersion) === true,
    () => discover
  )
  return greet(server.name, limit, discoverAgain).pipe(
    Effect.as({ isOlder: false }),
    Effect.catch((error): Effect.Effect<Probed, Failure<E>> => {
      if (error instanceof McpError && !isRedirect(error.status))
        return Effect.succeed({
          isOlder: true,
          status: error.status,
          isUnanswered: error.status === undefined
        })
      const isUnanswered = error instanceof NetworkError && error.unanswered !== undefined
      return isClientError(error) || isUnanswered
        ? Effect.succeed({ isOlder: true, isUnanswered })
        : Effect.fail(error)
    })
  )
}

/** Starts a session in an older revision; in one that the server lists, if it refuses the newest. */
const initializeWith = <E>(
  { server, timeout }: Pick<HttpConnectionOptions<E, never>, "server" | "timeout">,
  client: McpClient<E>,
  renew: boolean
): Effect.Effect<void, Failure<E>> =>
  greet(server.name, timeout, client.initialize(initializeVersions[0], { renew })).pipe(
    Effect.catch((error) => {
      const older = versionToOffer(error)
      return older === undefined ? Effect.fail(error) : greet(server.name, timeout, client.initialize(older))
    })
  )

const isRefusal = (status: number | undefined): boolean => status === 401 || status === 403

/** True if an error is the answer of a server that may not know `initialize`. */
const mayBeNewer = (error: unknown): boolean =>
  error instanceof McpError
    ? error.status !== undefined && !isRefusal(error.status) && !isRedirect(error.status)
    : isClientError(error)

/** True if the probe is to be repeated after this answer to `initialize`. */
const isProbedAgain = ({ isUnanswered = false, status }: Probed, error: unknown): boolean =>
  (isRefusal(status) && error instanceof McpError && isRefusal(error.status)) ||
  ((isUnanswered || status === 403) && mayBeNewer(error))

/**
 * Agrees on a revision.
 *
 * A 401 to the probe may mean an unknown method as well as a bad token, and a 403 one as well as a missing scope; without an
 * answer, the server may be slow, or have none for a method that it does not know. Only if `initialize` is refused too, the
 * probe is sent again, at most once.
 */
const shakeHands = <E>(
  options: Pick<HttpConnectionOptions<E, never>, "server" | "timeout">,
  client: McpClient<E>,
  attempt: Attempt = "first"
): Effect.Effect<void, Failure<E>> =>
  Effect.gen(function* () {
    const probed = yield* probe(options, client, attempt)
    if (probed.isOlder) {
      const renew = attempt === "second" ? probed.status !== 401 : !isRefusal(probed.status)
      yield* Effect.catchIf(
        initializeWith(options, client, renew),
        (error) => attempt === "first" && isProbedAgain(probed, error),
        () => shakeHands(options, client, "second")
      )
    }
  })

/**
 * Agrees on a revision, and remembers whether it is an older one. Of a server that was one, revision 2026-07-28 is not asked
 * for first.
 */
const agree = <E>(
  options: Pick<HttpConnectionOptions<E, never>, "server" | "timeout" | "revisions">,
  client: McpClient<E>
): Effect.Effect<void, Failure<E>> =>
  Effect.gen(function* () {
    const { revisions, server } = options
    const isKnown = (yield* revisions.recall(server)) === "older"
    const start = isKnown
      ? Effect.catchIf(initializeWith(options, client, true), mayBeNewer, () => shakeHands(options, client))
      : shakeHands(options, client)
    yield* start
    if (client.isModern === isKnown) yield* revisions.remember(server, client.isModern ? undefined : "older")
  })

const openStreamable = Effect.fnUntraced(function* <E, R>(
  options: HttpConnectionOptions<E, R>
): Effect.fn.Return<Connected<E>, Failure<E>, R | Scope.Scope> {
  const wire = yield* options.openWire
  let isAlive = true
  const client = yield* McpClient.make<E>(
    {
      post: (message, receive, how) =>
        wire.post(jsonRpcMessage(message), (answer) => receive(parseMessage(answer.bytes)), how),
      isRequestOfItsOwn: true,
      ended: Effect.never
    },
    options.identity
  )
  yield* agree(options, client)
  return {
    client,
    isAlive: () => isAlive,
    end: () => {
      isAlive = false
    }
  }
})

/** True for the answers of a server of the older SSE transport to the handshake (MCP "Transports"). */
const mayBeSseOnly = (error: unknown): error is McpError =>
  error instanceof McpError &&
  [400, 404, 405].includes(error.status ?? 0) &&
  supportedVersions(error) === undefined

/**
 * Opens a connection over streamable HTTP; over SSE if the entry says so, or if the server answers the handshake as SSE
 * servers do.
 *
 * Up to the first list it sends two requests to a server of revision 2026-07-28 (`server/discover` and the list), and four
 * to older ones (`server/discover` unless it is known, `initialize`, `notifications/initialized`, the list). A DELETE ends a
 * session.
 */
export const openHttp = <E, R>(
  options: HttpConnectionOptions<E, R>
): Effect.Effect<Connected<E>, Failure<E>, R | Scope.Scope> => {
  const openSse = (timeout: Duration.Duration) =>
    Effect.gen(function* () {
      const { start, ...connection } = yield* openSseConnection(yield* options.openSseWire, options.identity)
      yield* greet(
        options.server.name,
        timeout,
        // SSE servers know only the `initialize` handshake.
        Effect.andThen(start, connection.client.initialize(initializeVersions[0]))
      )
      return connection
    })
  if (options.server.transport === "sse") return openSse(options.timeout)
  return Effect.catchIf(openStreamable(options), mayBeSseOnly, (streamable) =>
    openSse(Duration.min(options.timeout, fallbackTimeout)).pipe(
      Effect.mapError((error) => (error instanceof McpError ? bothRefused(streamable, error) : error))
    )
  )
}
