import { Duration, Effect, Layer, type Scope } from "effect"
import type { MakeByteRequest } from "../../domain/ByteRequest.ts"
import type { RemoteServer, StdioServer } from "../../domain/Server.ts"
import { ClientIdentity } from "../../ports/ClientIdentity.ts"
import { KnownRevisions, type RevisionMemory } from "../../ports/KnownRevisions.ts"
import { McpConnector, type McpError, type McpSession, type Send } from "../../ports/McpConnector.ts"
import { answerLimit } from "./AnswerLimit.ts"
import { requestTimeout } from "./McpLimits.ts"
import { explainer } from "./ErrorOfClient.ts"
import { sendInOperation } from "./Operation.ts"
import { openHttp } from "./HttpConnection.ts"
import { makeSession } from "./SessionOfClient.ts"
import { openStdio } from "./StdioConnection.ts"
import * as HttpWire from "./wire/HttpWire.ts"
import * as SseWire from "./wire/SseWire.ts"

/** Settings of {@link layer}. */
export interface McpConnectorOptions {
  /** The version of this client that servers are told. */
  readonly version: string
  /**
   * How long a server may be silent on a request; absent: 60 seconds. Progress notifications count as an answer. The time
   * in `send`, sign-in included, does not count: it has its own timeouts.
   */
  readonly timeout?: Duration.Input
  /** Passes the standard error of stdio servers through (`-v`). Otherwise it is quoted if the program ends early. */
  readonly showOutput?: boolean
  /** Is called when an answer is longer than 1 MiB, before the rest is read: a program can prepare for much memory. */
  readonly onLargeAnswer?: () => void
  /** Makes the requests over HTTP; absent: requests of the platform, which any `send` can send. */
  readonly makeRequest?: MakeByteRequest
}

/**
 * Opens sessions. Requests carry the configured headers of the server; `send` adds the authorization.
 */
export const layer = (options: McpConnectorOptions): Layer.Layer<McpConnector> => {
  const timeout = Duration.fromInputUnsafe(options.timeout ?? requestTimeout)
  const wire = options.makeRequest === undefined ? {} : { makeRequest: options.makeRequest }

  const connectHttp = Effect.fn("McpConnector.connectHttp")(function* <E, R>(
    server: RemoteServer,
    send: Send<E, R>,
    revisions: RevisionMemory
  ): Effect.fn.Return<McpSession<E>, McpError | E, R | Scope.Scope> {
    const { name } = yield* ClientIdentity
    const limited = sendInOperation(send, answerLimit(server, options.onLargeAnswer))
    const context = yield* Effect.context<R>()
    const open = openHttp<E, R>({
      server,
      identity: { name, version: options.version },
      openWire: HttpWire.open(server, limited, wire),
      openSseWire: SseWire.open(server, limited, wire),
      timeout,
      revisions
    })
    return yield* makeSession<E>({
      server: server.name,
      open: Effect.provideContext(open, context),
      explain: explainer({ server: server.name, configured: server.headers }),
      origin: server.url.origin,
      timeout
    })
  })

  const connectStdio = Effect.fn("McpConnector.connectStdio")(function* (
    server: StdioServer
  ): Effect.fn.Return<McpSession<never>, McpError, Scope.Scope> {
    const { name } = yield* ClientIdentity
    const stdio = yield* Effect.promise(() => import("@modelcontextprotocol/client/stdio"))
    const open = openStdio({
      stdio,
      identity: { name, version: options.version },
      server,
      limit: answerLimit(server, options.onLargeAnswer),
      timeout,
      showOutput: options.showOutput ?? false
    })
    return yield* makeSession<never>({
      server: server.name,
      open,
      explain: explainer({ server: server.name, configured: server.env }),
      timeout
    })
  })

  return Layer.effect(
    McpConnector,
    Effect.gen(function* () {
      const identified = Effect.provideService(ClientIdentity, yield* ClientIdentity)
      const revisions = yield* KnownRevisions
      return McpConnector.of({
        connectHttp: (server, send) => identified(connectHttp(server, send, revisions)),
        connectStdio: (server) => identified(connectStdio(server))
      })
    })
  )
}
