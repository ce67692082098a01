import type {
  Client,
  FetchLike,
  JSONRPCMessage,
  StreamableHTTPClientTransport
} from "@modelcontextprotocol/client"
import { Duration, Effect, type Scope } from "effect"
import * as Remedy from "../../domain/Remedy.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { McpError } from "../../ports/McpConnector.ts"
import type { SendingFetch } from "./SendingFetch.ts"
import { type Connection, makeClient, whenClosed } from "./Connection.ts"
import { connectionEnded, type Explain, type Sdk } from "./ErrorOfClient.ts"
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

/**
 * Answers the GET for the standing stream of an older server with 405, which means that the server has no such stream. The
 * SDK opens it for requests of the server, and this client supports none of them.
 */
const withoutStandingStream =
  (fetch: FetchLike): FetchLike =>
  (url, init) =>
    (init?.method ?? "GET") === "GET" && !new Headers(init?.headers).has("last-event-id")
      ? Promise.resolve(new Response(null, { status: 405 }))
      : fetch(url, init)

type Send = StreamableHTTPClientTransport["send"]

/** Makes a transport that answers a request whose stream ends without an answer: the SDK would wait forever. */
const makeTransport = (sdk: Sdk, url: URL, fetch: FetchLike): StreamableHTTPClientTransport => {
  class AnsweringTransport extends sdk.StreamableHTTPClientTransport {
    override send(
      message: JSONRPCMessage | Array<JSONRPCMessage>,
      options?: Parameters<Send>[1]
    ): Promise<void> {
      if (Array.isArray(message) || !sdk.isJSONRPCRequest(message)) return super.send(message, options)
      const onRequestStreamEnd = () => {
        options?.onRequestStreamEnd?.()
        // If there was an answer before, the SDK ignores this one.
        this.onmessage?.({ jsonrpc: "2.0", id: message.id, error: connectionEnded })
      }
      return super.send(message, { ...options, onRequestStreamEnd })
    }
  }
  return new AnsweringTransport(url, { fetch })
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

/** True for the answers of a server of the older SSE transport to the handshake (MCP "Transports"). */
const mayBeSseOnly = (sdk: Sdk, error: unknown): boolean =>
  error instanceof sdk.SdkHttpError && [400, 404, 405].includes(error.status)

/** The connection, or the error of the handshake if the server may support only SSE. */
const openStreamable = Effect.fnUntraced(function* <E>(
  options: HttpConnectionOptions<E>
): Effect.fn.Return<Connection | McpError, McpError | E, Scope.Scope> {
  const { explain, operations, http, timeout, sdk, server } = options
  const transport = makeTransport(sdk, server.url, withoutStandingStream(http.fetch))
  const client = yield* makeClient(sdk, options)
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
  const refusal = yield* operations.run({
    start: async (signal) => {
      try {
        await client.connect(transport, { signal, timeout: forever })
        return undefined
      } catch (error) {
        if (mayBeSseOnly(sdk, error)) return explain(error)
        throw error
      }
    },
    explain,
    silence: silence(options, timeout)
  })
  if (refusal !== undefined) return refusal
  return {
    client,
    alive,
    forgotten: (error) => {
      const forgotten =
        transport.sessionId !== undefined &&
        error instanceof sdk.SdkHttpError &&
        // 404 by the specification; 400 by many servers that follow the first examples of the SDK.
        (error.status === 404 || (error.status === 400 && /session/i.test(String(error.data["text"]))))
      if (forgotten) end()
      return forgotten
    },
    explain
  }
})

const openSse = Effect.fnUntraced(function* <E>(
  options: HttpConnectionOptions<E>
): Effect.fn.Return<Connection, McpError | E, Scope.Scope> {
  const { explain, operations, http, timeout, sdk, server } = options
  const transport = new sdk.SSEClientTransport(server.url, { fetch: http.fetch })
  const client = yield* makeClient(sdk, options)
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
    silence: silence(options, timeout)
  })
  return { client, alive, forgotten: () => false, explain }
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
