import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { Effect, Layer } from "effect"
import * as LocalListener from "../../../../src/adapters/loopback/LocalListener.ts"
import * as McpForwarder from "../../../../src/adapters/mcp/McpForwarder.ts"
import * as ServerWire from "../../../../src/adapters/mcp/wire/ServerWire.ts"
import { errorText } from "../../../../src/app/cli/RemedyText.ts"
import { type HttpProxyOptions, type Served, serveHttp } from "../../../../src/app/proxy/http/HttpProxy.ts"

/** What the programs of these tests show to the proxy. */
export const bearer = "local-bearer-of-these-tests-0123456789"

/** A proxy that serves at a free port. */
export interface RunningProxy {
  readonly port: number
  readonly url: (path?: string) => URL
}

/** Serves with the real listener. */
export const proxyOf = (served: Readonly<Record<string, Served>>, options: Partial<HttpProxyOptions> = {}) =>
  Effect.map(
    serveHttp({
      place: { _tag: "Port", port: 0 },
      origins: new Set(),
      isBearer: (text) => text === bearer,
      account: undefined,
      served: new Map(Object.entries(served)),
      textOf: (error) => errorText(error).replaceAll("\n", " "),
      tell: () => Effect.void,
      ...options
    }),
    (at): RunningProxy => {
      const port = at._tag === "Port" ? at.port : 0
      return { port, url: (path = "/mcp") => new URL(path, `http://127.0.0.1:${port}`) }
    }
  ).pipe(Effect.provide(Layer.mergeAll(LocalListener.layer(), McpForwarder.layer, ServerWire.layer())))

/** A server, with every byte that it gets. */
export interface Upstream {
  readonly url: URL
  readonly received: () => string
}

/** Serves on loopback. */
export const upstream = (handle: (request: IncomingMessage, response: ServerResponse) => void) =>
  Effect.acquireRelease(
    Effect.callback<Upstream & { readonly close: () => void }>((resume) => {
      let received = ""
      const server = createServer(handle)
      server.on("connection", (socket: Socket) =>
        socket.on("data", (data) => {
          received += data.toString("latin1")
        })
      )
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        const close = () => {
          server.closeAllConnections()
          server.close()
        }
        resume(
          Effect.succeed({ url: new URL(`http://127.0.0.1:${port}/mcp`), received: () => received, close })
        )
      })
    }),
    ({ close }) => Effect.sync(close)
  )
