import { Deferred, Effect, Layer, Semaphore } from "effect"
import { ByteParts } from "../../domain/ByteParts.ts"
import { type JsonRpcMessage, readJsonRpc } from "../../domain/JsonRpcMessage.ts"
import { type ClientText, LocalClient } from "../../ports/LocalClient.ts"
import { LineReader, type Line } from "./LineReader.ts"

/** Largest message of a client in MiB. */
const maxMiB = 256

/** Messages that are shorter than this are written at once, in one piece. */
const maxPiece = 65_536

/** Milliseconds between two looks for the parent process. A client that dies without closing stdin leaves an orphan. */
const parentPolling = 5000

/** Milliseconds in which a client takes what was written last. */
const flushTimeout = 1000

const lineEnd = new Uint8Array([0x0a])

type Write = typeof process.stdout.write

/** Lets only messages to stdout. What other code writes there goes to stderr. */
const takeOutput = Effect.acquireRelease(
  Effect.sync(() => {
    const write: Write = process.stdout.write.bind(process.stdout)
    process.stdout.write = process.stderr.write.bind(process.stderr) as Write
    return write
  }),
  (write) =>
    Effect.callback<void>((resume) => void write("", () => resume(Effect.void))).pipe(
      Effect.timeoutOption(flushTimeout),
      Effect.andThen(Effect.sync(() => void (process.stdout.write = write)))
    )
)

/** Waits until the reader has taken enough. An output that broke ends the program. */
const drained = Effect.callback<void>((resume) => {
  const done = () => resume(Effect.void)
  process.stdout.once("drain", done)
  return Effect.sync(() => process.stdout.off("drain", done))
})

const makeSend = (write: Write) => {
  const inTurn = Semaphore.makeUnsafe(1)
  let isBusy = false
  const writePart = (part: Uint8Array) => Effect.suspend(() => (write(part) ? Effect.void : drained))
  const writeMessage = (message: JsonRpcMessage) =>
    Effect.gen(function* () {
      isBusy = true
      const line = message.line()
      if (line.length < maxPiece) return yield* writePart(Buffer.concat([...line.parts, lineEnd]))
      for (const part of line.parts) yield* writePart(part)
      yield* writePart(lineEnd)
    }).pipe(
      // A line that was begun is ended, so that the next one is whole.
      Effect.uninterruptible,
      Effect.ensuring(Effect.sync(() => void (isBusy = false))),
      inTurn.withPermit
    )
  return (message: JsonRpcMessage) =>
    Effect.suspend(() => {
      if (isBusy || message.bytes.length >= maxPiece) return writeMessage(message)
      // Most messages: no waiting, and no fiber.
      return write(Buffer.concat([...message.line().parts, lineEnd])) ? Effect.void : drained
    })
}

const textOf = (line: Line): ClientText =>
  line instanceof ByteParts ? readJsonRpc(line) : { ...line, maxMiB }

/** Done when the parent process has changed: the one that started this program is gone. */
const orphaned = Effect.callback<void>((resume) => {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid !== parent) resume(Effect.void)
  }, parentPolling).unref()
  return Effect.sync(() => clearInterval(timer))
})

/**
 * The client over stdin and stdout.
 *
 * @param options.onSignal is given what ends the client's input early, in place of the end of the program
 */
export const layer = (options: { readonly onSignal: (end: () => void) => void }): Layer.Layer<LocalClient> =>
  Layer.succeed(LocalClient, {
    open: Effect.gen(function* () {
      const write = yield* takeOutput
      const ended = yield* Deferred.make<void>()
      options.onSignal(() => Deferred.doneUnsafe(ended, Effect.void))
      yield* Effect.addFinalizer(() => Effect.sync(() => void process.stdin.destroy()))
      return {
        send: makeSend(write),
        receive: (take: (text: ClientText) => Effect.Effect<void>): Effect.Effect<void> => {
          const reader = new LineReader(maxMiB * 1024 * 1024)
          const chunks = process.stdin[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>
          const takeLine = (line: Line) =>
            line instanceof ByteParts && line.length === 0 ? Effect.void : take(textOf(line))
          const next = Effect.promise(() =>
            chunks.next().then(
              ({ value }) => value,
              () => undefined
            )
          )
          const read = Effect.gen(function* () {
            for (;;) {
              const chunk = yield* next
              if (chunk === undefined) return yield* takeLine(reader.end())
              for (const line of reader.add(chunk)) yield* takeLine(line)
            }
          })
          return Effect.raceAllFirst([read, Deferred.await(ended), orphaned])
        }
      }
    })
  })
