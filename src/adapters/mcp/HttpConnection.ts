import type { Client } from "@modelcontextprotocol/client"
import { Duration, Effect, FiberSet, Option, type Scope } from "effect"
import * as Remedy from "../../domain/Remedy.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { McpError } from "../../ports/McpConnector.ts"
import type { SendingFetch } from "./SendingFetch.ts"
import { type Connection, makeClient, whenClosed } from "./Connection.ts"
import type { Explain, Sdk } from "./ErrorOfClient.ts"
import { forgetsSession } from "./HttpFailure.ts"
import { repairLists } from "./ListRepair.ts"
import { makeAnsweringTransport } from "./AnsweringTransport.ts"
import { supportedVersions, versionToOffer } from "./VersionRefusal.ts"
import type { Operations } from "./Operations.ts"
import { fallbackTimeout, shutdownTimeout, forever } from "./McpLimits.ts"

/** Options of {@link openHttp}. */
export interface HttpConnectionOptions<E> {
  readonly sdk: Sdk
  readonly version: string
  readonly server: RemoteServer
  readonly http: SendingFetch
  readonly operations: Operations<McpError | E>
  readonly explain: Explain
  /** How long the server may be silent. */
  readonly timeout: Duration.Duration
}

const closeOnExit = (close: () => Promise<void>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.addFinalizer(() => Effect.promise(close))

const silence = <E>(options: HttpConnectionOptions<E>, limit: Duration.Duration) => ({
  limit,
  error: () =>
    new McpError({
      server: options.server.name,
      detail: `it did not answer within ${Duration.format(limit)}.`,
      remedies: [
        Remedy.check(Remedy.entryOf(options.server.name), ["url"]),
        Remedy.advice("If it is right, try again later.")
      ]
    })
})

/** Tracks whether the connection of a client is open. */
const watched = (client: Client): { readonly alive: () => boolean; readonly end: () => void } => {
  let alive = true
  const end = () => {
    alive = false
  }
  whenClosed(client, end)
  return { alive: () => alive, end }
}

const isUnauthorized = (sdk: Sdk, error: unknown): boolean =>
  error instanceof sdk.SdkHttpError && error.status === 401

/** True for the answers of a server of the older SSE transport to the handshake (MCP "Transports"). */
const mayBeSseOnly = (sdk: Sdk, error: unknown): boolean =>
  error instanceof sdk.SdkHttpError &&
  [400, 404, 405].includes(error.status) &&
  Option.isNone(supportedVersions(sdk, error))

/** How a handshake is made. */
interface Handshake {
  /** False: a 401 to the probe does not renew the token. Older servers answer any unknown method with 401. */
  readonly renew: boolean
  /** The version to offer; absent: the server is probed, and then offered the newest. */
  readonly version?: string
}

/** How a handshake ended. */
type HandshakeEnd =
  | { readonly _tag: "Connected"; readonly connection: Connection }
  /** The server may support only SSE. */
  | { readonly _tag: "Refused"; readonly error: McpError }
  | { readonly _tag: "Again"; readonly handshake: Handshake }

const shakeHands = Effect.fnUntraced(function* <E>(
  options: HttpConnectionOptions<E>,
  handshake: Handshake
): Effect.fn.Return<HandshakeEnd, McpError | E, Scope.Scope> {
  const { explain, operations, http, timeout, sdk, server } = options
  const { renew, version } = handshake
  const run = yield* FiberSet.makeRuntime<never>()
  const transport = makeAnsweringTransport({
    sdk,
    url: server.url,
    fetch: http.fetch,
    renew,
    after: (milliseconds, act) => void run(Effect.andThen(Effect.sleep(milliseconds), Effect.sync(act)))
  })
  const listFaults = repairLists(sdk, transport)
  const client = yield* makeClient(sdk, { version: options.version, offer: version })
  const { alive, end } = watched(client)
  yield* closeOnExit(() => transport.close())
  yield* Effect.addFinalizer(() =>
    // Servers of revision 2026-07-28 have no sessions.
    transport.sessionId !== undefined && alive() && http.isAuthorized()
      ? Effect.tryPromise(() => transport.terminateSession()).pipe(
          Effect.interruptible,
          Effect.timeoutOption(shutdownTimeout),
          // The server also ends sessions that are idle.
          Effect.ignore
        )
      : Effect.void
  )
  yield* Effect.addFinalizer(() =>
    Effect.promise(() => transport.cancelled()).pipe(
      Effect.interruptible,
      Effect.timeoutOption(shutdownTimeout)
    )
  )
  const refusal = yield* operations.run({
    start: async (signal): Promise<HandshakeEnd | undefined> => {
      try {
        await client.connect(transport, {
          signal,
          timeout: forever,
          ...(version === undefined ? {} : { prior: { kind: "legacy" } })
        })
        transport.endHandshake()
        return undefined
      } catch (error) {
        if (!renew && transport.isProbeRefused() && isUnauthorized(sdk, error)) {
          return { _tag: "Again", handshake: { renew: true } }
        }
        const older = version === undefined ? versionToOffer(sdk, error) : undefined
        if (older !== undefined) return { _tag: "Again", handshake: { renew: true, version: older } }
        if (mayBeSseOnly(sdk, error)) return { _tag: "Refused", error: explain(error) }
        throw error
      }
    },
    explain,
    server: server.name,
    silence: silence(options, timeout)
  })
  if (refusal !== undefined) return refusal
  const forgotten = (error: unknown): boolean => {
    const isForgotten =
      transport.sessionId !== undefined &&
      error instanceof sdk.SdkHttpError &&
      forgetsSession(error.status, String(error.data["text"]))
    if (isForgotten) end()
    return isForgotten
  }
  return { _tag: "Connected", connection: { client, alive, forgotten, explain, listFaults } }
})

/**
 * The connection, or the error of the handshake if the server may support only SSE.
 *
 * A 401 to the probe may mean an unknown method as well as a bad token. Only if `initialize` is answered 401 too, the probe is
 * sent again and renews the token, at most once.
 */
const openStreamable = <E>(
  options: HttpConnectionOptions<E>,
  handshake: Handshake = { renew: false }
): Effect.Effect<Connection | McpError, McpError | E, Scope.Scope> =>
  Effect.flatMap(shakeHands(options, handshake), (end) => {
    switch (end._tag) {
      case "Connected":
        return Effect.succeed(end.connection)
      case "Refused":
        return Effect.succeed(end.error)
      case "Again":
        return openStreamable(options, end.handshake)
    }
  })

const openSse = Effect.fnUntraced(function* <E>(
  options: HttpConnectionOptions<E>
): Effect.fn.Return<Connection, McpError | E, Scope.Scope> {
  const { explain, operations, http, timeout, sdk, server } = options
  const transport = new sdk.SSEClientTransport(server.url, { fetch: http.fetch })
  const listFaults = repairLists(sdk, transport)
  const client = yield* makeClient(sdk, { version: options.version })
  const { alive } = watched(client)
  yield* closeOnExit(() => transport.close())
  // The stream is the session: the SDK must not open another stream, which would be a new session.
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK has this property and no events
  client.onerror = (error) => {
    if (error instanceof sdk.SseError) void transport.close()
  }
  yield* operations.run({
    // SSE servers know only the `initialize` handshake.
    start: (signal) => client.connect(transport, { signal, timeout: forever, prior: { kind: "legacy" } }),
    explain,
    server: server.name,
    silence: silence(options, timeout)
  })
  return { client, alive, forgotten: () => false, explain, listFaults }
})

/**
 * Opens a connection over streamable HTTP; over SSE if the entry says so, or if the server answers the handshake as SSE
 * servers do.
 *
 * Up to the first list it sends two requests to a server of revision 2026-07-28 (`server/discover` and the list), and four
 * to older ones (`server/discover`, `initialize`, `notifications/initialized`, the list). A DELETE ends a session.
 */
export const openHttp = Effect.fnUntraced(function* <E>(
  options: HttpConnectionOptions<E>
): Effect.fn.Return<Connection, McpError | E, Scope.Scope> {
  if (options.server.transport === "sse") return yield* openSse(options)
  const streamable = yield* openStreamable(options)
  if (!(streamable instanceof McpError)) return streamable
  const timeout = Duration.min(options.timeout, fallbackTimeout)
  return yield* openSse({ ...options, timeout }).pipe(
    Effect.mapError((error) =>
      error instanceof McpError
        ? new McpError({
            server: options.server.name,
            detail: `${streamable.detail} Nor does it serve the older SSE transport: ${error.detail}`,
            remedies: streamable.remedies
          })
        : error
    )
  )
})
