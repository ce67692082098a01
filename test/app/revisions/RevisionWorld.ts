import { type Context, Effect, Fiber, FiberSet, Predicate, Queue, type Scope } from "effect"
import { acrossRevisions, type RevisionOptions } from "../../../src/app/revisions/AcrossRevisions.ts"
import { ByteParts } from "../../../src/domain/ByteParts.ts"
import { errorResponse, type JsonRpcMessage, readJsonRpc } from "../../../src/domain/JsonRpcMessage.ts"
import { KnownRevisions } from "../../../src/ports/KnownRevisions.ts"
import type { Wire } from "../../../src/ports/McpWire.ts"
import { httpServer } from "../../adapters/mcp/McpWorld.ts"
import { rememberedRevisions } from "./RememberedRevisions.ts"
import { openWire } from "../../adapters/mcp/wire/WireWorld.ts"

/** The wire to a server, for clients of another revision. Each test has a memory of its own. */
export const openAcross = (url: URL, options: RevisionOptions = {}, known = rememberedRevisions()) =>
  Effect.flatMap(openWire(url), (wire) => acrossRevisions(httpServer(url), wire, options)).pipe(
    Effect.provideService(KnownRevisions, known)
  )

const messageOf = (text: string): JsonRpcMessage => {
  const read = readJsonRpc(ByteParts.ofText(text))
  if (read._tag !== "Message") throw new Error(text)
  return read.message
}

/** A client of a wire, as a proxy is one. */
export interface ProxyOfTest {
  /** Sends a message of the client. */
  readonly send: (message: JsonRpcMessage) => void
  /** What the client gets, in order. */
  readonly received: Queue.Queue<JsonRpcMessage>
}

/** Carries messages between a client and a wire, until the scope closes. */
const proxyOver = <E>(wire: Wire<E>): Effect.Effect<ProxyOfTest, never, Scope.Scope> =>
  Effect.gen(function* () {
    const received = yield* Queue.unbounded<JsonRpcMessage>()
    const fibers = yield* FiberSet.make<unknown, unknown>()
    const run = yield* FiberSet.runtime(fibers)()
    const deliver = (message: JsonRpcMessage) => Effect.asVoid(Queue.offer(received, message))
    const send = (message: JsonRpcMessage) => {
      const answerOf = (why: string) =>
        message.kind === "request"
          ? deliver(errorResponse(message.id ?? "null", { code: -32001, message: why }))
          : Effect.void
      run(
        wire.post(message, deliver).pipe(
          Effect.flatMap((end) => (end._tag === "Unanswered" ? answerOf(end.error.message) : Effect.void)),
          Effect.catch((error) =>
            answerOf(Predicate.hasProperty(error, "message") ? String(error.message) : String(error))
          )
        )
      )
      if (message.method === "notifications/initialized") run(wire.listen(deliver))
    }
    return { send, received }
  })

/** A transport of an SDK's client over a wire. Both lines of the SDK have the same interface. */
export const transportOver = <E>(wire: Wire<E>) =>
  Effect.gen(function* () {
    const { received, send } = yield* proxyOver(wire)
    const run = Effect.runForkWith(yield* Effect.context<never>() as Effect.Effect<Context.Context<never>>)
    let taking: Fiber.Fiber<unknown, unknown> | undefined
    const transport = {
      onmessage: undefined as (<T>(message: T) => void) | undefined,
      onclose: undefined as (() => void) | undefined,
      onerror: undefined as ((error: Error) => void) | undefined,
      start: async () => {
        taking = run(
          Effect.forever(
            Effect.map(Queue.take(received), (message) =>
              transport.onmessage?.(JSON.parse(message.bytes.text()))
            )
          )
        )
      },
      send: async (message: unknown) => send(messageOf(JSON.stringify(message))),
      close: async () => {
        if (taking !== undefined) run(Fiber.interrupt(taking))
        transport.onclose?.()
      }
    }
    return transport
  })
