import { Duration, Effect, Layer, type Scope } from "effect"
import * as Remedy from "../../domain/Remedy.ts"
import { hasOwnAuthorization, type RemoteServer, type StdioServer } from "../../domain/Server.ts"
import { ClientIdentity } from "../../ports/ClientIdentity.ts"
import { McpConnector, type McpError, type McpSession, type Send } from "../../ports/McpConnector.ts"
import { answerLimit } from "./AnswerLimit.ts"
import { withConfiguredHeaders } from "./ConfiguredHeaders.ts"
import { refusingRedirects } from "./RedirectRule.ts"
import { requestTimeout } from "./McpLimits.ts"
import { makeSendingFetch } from "./SendingFetch.ts"
import { explainer } from "./ErrorOfClient.ts"
import { Operations } from "./Operations.ts"
import { openHttp } from "./HttpConnection.ts"
import { makeSession } from "./SessionOfClient.ts"
import { openStdio } from "./StdioConnection.ts"

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
}

/**
 * Opens sessions with `@modelcontextprotocol/client`. Requests carry the configured headers of the server; `send` adds the
 * authorization.
 */
export const layer = (options: McpConnectorOptions): Layer.Layer<McpConnector> => {
  const timeout = Duration.fromInputUnsafe(options.timeout ?? requestTimeout)
  const importSdk = Effect.promise(() => import("@modelcontextprotocol/client"))

  const connectHttp = Effect.fn("McpConnector.connectHttp")(function* <E, R>(
    server: RemoteServer,
    send: Send<E, R>
  ): Effect.fn.Return<McpSession<E>, McpError | E, R | Scope.Scope> {
    const sdk = yield* importSdk
    const operations = new Operations<McpError | E>()
    const sendConfigured = refusingRedirects(server, yield* withConfiguredHeaders(server, send))
    const http = yield* makeSendingFetch(
      sendConfigured,
      operations,
      answerLimit(server, options.onLargeAnswer)
    )
    const explain = explainer({
      sdk,
      server: server.name,
      configured: server.headers,
      connectionClosed: () => ["it closed the connection before it answered.", Remedy.advice("Try again.")],
      unauthorized: [
        hasOwnAuthorization(server)
          ? Remedy.check([...Remedy.entryOf(server.name), "headers"], ["Authorization"])
          : Remedy.command("auth login", { server: server.name })
      ]
    })
    const open = openHttp({ sdk, version: options.version, server, http, operations, explain, timeout })
    return yield* makeSession({ server: server.name, open, operations, timeout })
  })

  const connectStdio = Effect.fn("McpConnector.connectStdio")(function* (
    server: StdioServer
  ): Effect.fn.Return<McpSession<never>, McpError, Scope.Scope> {
    const sdk = yield* importSdk
    const stdio = yield* Effect.promise(() => import("@modelcontextprotocol/client/stdio"))
    const operations = new Operations<McpError>()
    const open = openStdio({
      sdk,
      stdio,
      version: options.version,
      server,
      operations,
      limit: answerLimit(server, options.onLargeAnswer),
      timeout,
      showOutput: options.showOutput ?? false
    })
    return yield* makeSession<never>({ server: server.name, open, operations, timeout })
  })

  return Layer.effect(
    McpConnector,
    Effect.map(ClientIdentity, (identity) => {
      const identified = Effect.provideService(ClientIdentity, identity)
      return McpConnector.of({
        connectHttp: (server, send) => identified(connectHttp(server, send)),
        connectStdio: (server) => identified(connectStdio(server))
      })
    })
  )
}
