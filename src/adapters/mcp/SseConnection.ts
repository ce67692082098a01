import { Effect, type Scope } from "effect"
import { jsonRpcMessage } from "../../domain/JsonRpcMessage.ts"
import type { McpError } from "../../ports/McpConnector.ts"
import { type Connected, type Identity } from "./Connection.ts"
import { parseMessage } from "./LongTexts.ts"
import { McpClient } from "./McpClient.ts"
import type { SseWire } from "./wire/SseWire.ts"

/** A client over the older SSE transport, before its handshake. */
export interface SseConnection<E> extends Connected<E> {
  /** Opens the stream, which is the session. */
  readonly start: Effect.Effect<void, McpError | E>
}

/** Makes a client over the transport of revision 2024-11-05. The stream is not opened again, because that is another session. */
export const openSseConnection = Effect.fnUntraced(function* <E>(
  wire: SseWire<E>,
  identity: Identity
): Effect.fn.Return<SseConnection<E>, never, Scope.Scope> {
  const scope = yield* Effect.scope
  let isAlive = true
  const end = () => {
    isAlive = false
  }
  const client = yield* McpClient.make<E>(
    {
      post: (message, receive, how) =>
        wire.post(jsonRpcMessage(message), (answer) => receive(parseMessage(answer.bytes)), how),
      isRequestOfItsOwn: false,
      ended: Effect.never
    },
    identity
  )
  const listen = wire.listen((message) => client.receive(parseMessage(message.bytes)))
  const start = Effect.andThen(
    wire.open,
    Effect.forkIn(Effect.ensuring(listen, Effect.sync(end)), scope, { startImmediately: true })
  )
  return { client, isAlive: () => isAlive, end, start: Effect.asVoid(start) }
})
