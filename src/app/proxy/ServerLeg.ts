import { Effect, type Scope } from "effect"
import type { RemoteServer } from "../../domain/Server.ts"
import type { Wire } from "../../ports/McpWire.ts"

/**
 * The way to a server as the proxy uses it: a wire, and around it what adds another transport, another protocol era, or the
 * headers of a message. A decorator sees each message of the client before it is sent, and each one of the server before it
 * is delivered.
 */
export const serverLeg = <E>(
  _server: RemoteServer,
  wire: Wire<E>
): Effect.Effect<Wire<E>, never, Scope.Scope> => Effect.succeed(wire)
