import { Deferred, Effect, Fiber, type Scope } from "effect"
import type { JsonRpcMessage } from "../../../domain/JsonRpcMessage.ts"
import type { Deliver } from "../../../ports/McpWire.ts"

const encoder = new TextEncoder()
const [before, after] = [encoder.encode("data: "), encoder.encode("\n\n")]

/** What became of a run: it goes on with a stream, or it ended before its first message. */
export type Begun<A> =
  | { readonly _tag: "Streams"; readonly body: ReadableStream<Uint8Array> }
  | { readonly _tag: "Ended"; readonly end: A }

/**
 * Runs what delivers messages, and makes each an event of a stream. The next one is awaited until the reader has taken the one before; a
 * reader that leaves interrupts the run, and so does the scope.
 *
 * @param isAtOnce true: the stream begins before there is a message
 */
export const eventStream = <A, E>(
  run: (deliver: Deliver) => Effect.Effect<A, E>,
  scope: Scope.Scope,
  isAtOnce: boolean
): Effect.Effect<Begun<A>, E> =>
  Effect.gen(function* () {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    const writer = writable.getWriter()
    const streams: Begun<A> = { _tag: "Streams", body: readable }
    const begun = yield* Deferred.make<Begun<A>, E>()
    if (isAtOnce) yield* Deferred.succeed(begun, streams)
    // Each part is written as it is: together they would be held twice.
    const write = (message: JsonRpcMessage) =>
      Effect.promise(async () => {
        for (const part of [before, ...message.line().parts, after]) await writer.write(part)
      })
    const left = Effect.promise(() => writer.closed.catch(() => undefined))
    const deliver: Deliver = (message) =>
      Effect.andThen(Deferred.succeed(begun, streams), Effect.raceFirst(Effect.exit(write(message)), left))
    const fiber = yield* run(deliver).pipe(
      Effect.onExit((exit) =>
        Effect.andThen(
          exit._tag === "Success"
            ? Deferred.succeed(begun, { _tag: "Ended", end: exit.value } satisfies Begun<A>)
            : Deferred.failCause(begun, exit.cause),
          // It ends once the reader has taken everything, which may be after the scope.
          Effect.sync(() => void writer.close().catch(() => undefined))
        )
      ),
      Effect.forkIn(scope)
    )
    void writer.closed.catch(() => fiber.interruptUnsafe())
    return yield* Effect.onInterrupt(Deferred.await(begun), () => Fiber.interrupt(fiber))
  })
