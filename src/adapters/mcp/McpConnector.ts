import { Duration, Effect, Layer, type Scope } from "effect"
import type { RemoteServer, StdioServer } from "../../domain/Server.ts"
import { ClientIdentity } from "../../ports/ClientIdentity.ts"
import { McpConnector, type McpError, type McpSession, type Send } from "../../ports/McpConnector.ts"
import { makeSendingFetch } from "./SendingFetch.ts"
import { concealer } from "./Concealment.ts"
import { explainer } from "./ErrorOfClient.ts"
import { Flights } from "./Flights.ts"
import { openHttp } from "./HttpConnection.ts"
import { makeSession } from "./SessionOfClient.ts"
import { openStdio } from "./StdioConnection.ts"

/** Settings of {@link layer}. */
export interface McpConnectorOptions {
  /** The version that servers are told. */
  readonly version: string
  /**
   * How long a server may be silent on a request; absent: 60 seconds. Its progress is no silence, nor is the time that
   * `send` takes, sign-in included: that has limits of its own.
   */
  readonly timeout?: Duration.Input
  /** Lets the programs of stdio servers write to our standard error (`-v`); else it is quoted where they end early. */
  readonly showOutput?: boolean
}

/**
 * `McpConnector` by `@modelcontextprotocol/client`. The headers of a server's entry are put on each request here; the
 * given `send` adds the authorization.
 */
export const layer = (options: McpConnectorOptions): Layer.Layer<McpConnector> => {
  const timeout = Duration.fromInputUnsafe(options.timeout ?? "60 seconds")
  const importSdk = Effect.promise(() => import("@modelcontextprotocol/client"))

  const connectHttp = Effect.fn("McpConnector.connectHttp")(function* <E, R>(
    server: RemoteServer,
    send: Send<E, R>
  ): Effect.fn.Return<McpSession<E>, McpError | E, R | Scope.Scope> {
    const sdk = yield* importSdk
    const flights = new Flights<McpError | E>()
    const http = yield* makeSendingFetch(server, send, flights)
    const ownAuthorization = Object.keys(server.headers).some(
      (name) => name.toLowerCase() === "authorization"
    )
    const explain = explainer({
      sdk,
      server: server.name,
      conceal: concealer(Object.values(server.headers)),
      connectionClosed: () => "it closed the connection before it answered. Try again.",
      unauthorized: ownAuthorization
        ? `Correct the Authorization header under "headers" of its entry.`
        : `Run: mcp-cli auth login ${server.name}`
    })
    const open = openHttp({ sdk, version: options.version, server, http, flights, explain, timeout })
    return yield* makeSession({ server: server.name, open, flights, timeout })
  })

  const connectStdio = Effect.fn("McpConnector.connectStdio")(function* (
    server: StdioServer
  ): Effect.fn.Return<McpSession<never>, McpError, Scope.Scope> {
    const sdk = yield* importSdk
    const stdio = yield* Effect.promise(() => import("@modelcontextprotocol/client/stdio"))
    const flights = new Flights<McpError>()
    const open = openStdio({
      sdk,
      stdio,
      version: options.version,
      server,
      flights,
      timeout,
      showOutput: options.showOutput ?? false
    })
    return yield* makeSession<never>({ server: server.name, open, flights, timeout })
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
