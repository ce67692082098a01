import { Effect, Layer, type Scope } from "effect"
import type { RemoteServer } from "../../../domain/Server.ts"
import type { McpError, Send } from "../../../ports/McpConnector.ts"
import { McpWire, type OpenOptions, type Wire } from "../../../ports/McpWire.ts"
import { CookieJar, withCookies } from "./CookieJar.ts"
import { FallbackWire } from "./FallbackWire.ts"
import * as HttpWire from "./HttpWire.ts"
import * as SseWire from "./SseWire.ts"
import type { McpWireOptions } from "./WireRequests.ts"

/**
 * Exchanges messages over the transport that a server has: streamable HTTP, or the one of 2024-11-05. Requests carry the
 * configured headers of the server, and its cookies.
 */
export const layer = (options: McpWireOptions = {}): Layer.Layer<McpWire> =>
  Layer.succeed(McpWire, {
    open: Effect.fn("McpWire.open")(function* <E, R>(
      server: RemoteServer,
      send: Send<E, R>,
      { cookies = true, transport = server.transport === "sse" ? "sse-only" : "http-first" }: OpenOptions = {}
    ): Effect.fn.Return<Wire<E>, McpError, R | Scope.Scope> {
      const withJar = cookies ? withCookies(new CookieJar(), send) : send
      const openHttp = HttpWire.open(server, withJar, options)
      if (transport === "http-only") return yield* openHttp
      const sse = yield* SseWire.open(server, withJar, options)
      return transport === "sse-only" ? sse : new FallbackWire(yield* openHttp, sse, transport)
    })
  })
