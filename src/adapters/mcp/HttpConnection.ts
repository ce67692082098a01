import type {
  Client,
  FetchLike,
  JSONRPCMessage,
  StreamableHTTPClientTransport
} from "@modelcontextprotocol/client"
import { Duration, Effect, type Scope } from "effect"
import type { RemoteServer } from "../../domain/Server.ts"
import { McpError } from "../../ports/McpConnector.ts"
import type { SendingFetch } from "./SendingFetch.ts"
import { type Connection, forever, makeClient, whenClosed } from "./Connection.ts"
import { connectionEnded, type Explain, type Sdk } from "./ErrorOfClient.ts"
import type { Flights } from "./Flights.ts"

/** How long the end of a session may take that the server should hear of. */
const shutdownTimeout = Duration.seconds(1)

/** How long a server is waited for that answered 400, 404 or 405 and so may be one of SSE only. */
const fallbackPatience = Duration.seconds(10)

/** What opening a connection over HTTP takes. */
export interface HttpConnectionOptions<E> {
  readonly sdk: Sdk
  readonly version: string
  readonly server: RemoteServer
  readonly http: SendingFetch
  readonly flights: Flights<McpError | E>
  readonly explain: Explain
  /** How long the server may be silent. */
  readonly timeout: Duration.Duration
}

/**
 * The SDK opens a stream for messages that nobody asked for after an old server's handshake. This client offers such
 * a server nothing to ask for, so the request is spared; 405 is how a server says that it has no such stream.
 */
const withoutStandingStream =
  (fetch: FetchLike): FetchLike =>
  (url, init) =>
    (init?.method ?? "GET") === "GET" && !new Headers(init?.headers).has("last-event-id")
      ? Promise.resolve(new Response(null, { status: 405 }))
      : fetch(url, init)

type Send = StreamableHTTPClientTransport["send"]

/** The SDK would leave a request waiting whose stream has ended without an answer; here it is answered. */
const makeTransport = (sdk: Sdk, url: URL, fetch: FetchLike): StreamableHTTPClientTransport => {
  class AnsweringTransport extends sdk.StreamableHTTPClientTransport {
    override send(
      message: JSONRPCMessage | Array<JSONRPCMessage>,
      options?: Parameters<Send>[1]
    ): Promise<void> {
      if (Array.isArray(message) || !sdk.isJSONRPCRequest(message)) return super.send(message, options)
      const onRequestStreamEnd = () => {
        options?.onRequestStreamEnd?.()
        // An answer that came before this one counts: the SDK drops a second one.
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
      detail: `it did not answer within ${Duration.format(limit)}. Check the "url" of its entry, or try again later.`
    })
})

/** A client that knows when its connection has closed. */
const watched = (client: Client): { readonly alive: () => boolean; readonly end: () => void } => {
  let alive = true
  const end = () => {
    alive = false
  }
  whenClosed(client, end)
  return { alive: () => alive, end }
}

/** 400, 404 and 405 to the handshake are how a server of the older SSE transport answers (MCP "Transports"). */
const mayBeSseOnly = (sdk: Sdk, error: unknown): boolean =>
  error instanceof sdk.SdkHttpError && [400, 404, 405].includes(error.status)

/** The connection; where the server answers as one of SSE only, the error of its handshake. */
const openStreamable = Effect.fnUntraced(function* <E>(
  options: HttpConnectionOptions<E>
): Effect.fn.Return<Connection | McpError, McpError | E, Scope.Scope> {
  const { explain, flights, http, timeout, sdk, server } = options
  const transport = makeTransport(sdk, server.url, withoutStandingStream(http.fetch))
  const client = yield* makeClient(sdk, options)
  const { alive, end } = watched(client)
  yield* closeOnExit(() => transport.close())
  yield* Effect.addFinalizer(() =>
    // Servers of revision 2026-07-28 have no sessions.
    transport.sessionId !== undefined && alive() && http.welcome()
      ? Effect.tryPromise(() => transport.terminateSession()).pipe(
          Effect.interruptible,
          Effect.timeoutOption(shutdownTimeout),
          // The server ends a forgotten session by itself.
          Effect.ignore
        )
      : Effect.void
  )
  const refusal = yield* flights.run({
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
        // 404 by the specification; 400 by many servers that were made after the SDK's first examples.
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
  const { explain, flights, http, timeout, sdk, server } = options
  const transport = new sdk.SSEClientTransport(server.url, { fetch: http.fetch })
  const client = yield* makeClient(sdk, options)
  const { alive } = watched(client)
  yield* closeOnExit(() => transport.close())
  // The stream is the session: a new one would know nothing of it, so the SDK must not open one.
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK has this property and no events
  client.onerror = (error) => {
    if (error instanceof sdk.SseError) void transport.close()
  }
  yield* flights.run({
    // Nothing newer than the `initialize` handshake is spoken over SSE.
    start: (signal) => client.connect(transport, { signal, timeout: forever, prior: { kind: "legacy" } }),
    explain,
    silence: silence(options, timeout)
  })
  return { client, alive, forgotten: () => false, explain }
})

/**
 * Opens a connection over streamable HTTP, or over SSE where the entry says so or the handshake is answered as the
 * older servers do.
 *
 * Requests it takes: two for revision 2026-07-28 up to the first list (`server/discover` and the list), four for older
 * servers (`server/discover`, `initialize`, `notifications/initialized`, the list) and a DELETE at the end where there
 * is a session.
 */
export const openHttp = Effect.fnUntraced(function* <E>(
  options: HttpConnectionOptions<E>
): Effect.fn.Return<Connection, McpError | E, Scope.Scope> {
  if (options.server.transport === "sse") return yield* openSse(options)
  const streamable = yield* openStreamable(options)
  if (!(streamable instanceof McpError)) return streamable
  const timeout = Duration.min(options.timeout, fallbackPatience)
  return yield* openSse({ ...options, timeout }).pipe(
    Effect.mapError((error) =>
      error instanceof McpError
        ? new McpError({
            server: options.server.name,
            detail: `${streamable.detail} Nor does it serve the older SSE transport: ${error.detail}`
          })
        : error
    )
  )
})
