import { Deferred, Effect, Latch, Layer, Option, Semaphore } from "effect"
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

/** The white space of JSON, without the end of a line. */
const isWhiteSpace = (byte: number): boolean => byte === 0x20 || byte === 0x09 || byte === 0x0d

type Write = typeof process.stdout.write

/** Writes messages. Short ones that are there in the same turn of the event loop are written in one piece. */
class Output {
  readonly #write: Write
  readonly #inTurn = Semaphore.makeUnsafe(1)
  /** Open while the reader takes more. An output that broke ends the program. */
  readonly #room = Latch.makeUnsafe(true)
  /** True while a long message is written. */
  #isBusy = false
  #waiting: Array<Uint8Array> = []
  #flushing: NodeJS.Immediate | undefined

  constructor(write: Write) {
    this.#write = write
  }

  readonly send = (message: JsonRpcMessage): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (this.#isBusy || message.bytes.length >= maxPiece) return this.#sendAlone(message)
      // Most messages: no waiting, and no fiber.
      this.#waiting.push(...message.line().parts, lineEnd)
      this.#flushing ??= setImmediate(this.flush)
      return this.#room.await
    })

  /** Writes what waits. */
  readonly flush = (): void => {
    clearImmediate(this.#flushing)
    this.#flushing = undefined
    if (this.#waiting.length === 0) return
    const piece = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#put(piece)
  }

  #put(part: Uint8Array): void {
    if (this.#write(part) || !this.#room.closeUnsafe()) return
    process.stdout.once("drain", () => this.#room.openUnsafe())
  }

  /** A line that was begun is ended, so that the next one is whole: at once if nothing waits for the reader any more. */
  #sendAlone(message: JsonRpcMessage): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#isBusy = true
      this.flush()
      const parts = [...message.line().parts, lineEnd]
      return Effect.gen({ self: this }, function* () {
        yield* this.#room.await
        for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
          this.#put(part)
          yield* this.#room.await
        }
      }).pipe(
        Effect.onInterrupt(() => Effect.sync(() => parts.forEach((part) => this.#put(part)))),
        Effect.ensuring(Effect.sync(() => void (this.#isBusy = false)))
      )
    }).pipe(this.#inTurn.withPermit)
  }
}

/** Lets only messages to stdout. What other code writes there goes to stderr. */
const takeOutput = Effect.acquireRelease(
  Effect.sync(() => {
    const write: Write = process.stdout.write.bind(process.stdout)
    process.stdout.write = process.stderr.write.bind(process.stderr) as Write
    return { output: new Output(write), write }
  }),
  ({ output, write }) =>
    Effect.callback<void>((resume) => {
      output.flush()
      void write("", () => resume(Effect.void))
    }).pipe(
      Effect.timeoutOption(flushTimeout),
      Effect.map((written) => {
        // The program ends once stdout has taken everything. It does not wait for a client that no longer reads.
        if (Option.isSome(written)) process.stdout.write = write
      })
    )
)

const textOf = (line: Line): ClientText =>
  line instanceof ByteParts ? readJsonRpc(line) : { ...line, maxMiB }

/** True for a line without a message: some programs end lines with CR LF, or write empty ones to keep a pipe open. */
const isBlank = ({ parts }: ByteParts): boolean => parts.every((part) => part.every(isWhiteSpace))

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
      const { output } = yield* takeOutput
      const ended = yield* Deferred.make<void>()
      options.onSignal(() => Deferred.doneUnsafe(ended, Effect.void))
      yield* Effect.addFinalizer(() => Effect.sync(() => void process.stdin.destroy()))
      return {
        send: output.send,
        receive: (take: (text: ClientText) => Effect.Effect<void>): Effect.Effect<void> => {
          const reader = new LineReader(maxMiB * 1024 * 1024)
          const chunks = process.stdin[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>
          const takeLine = (line: Line) =>
            line instanceof ByteParts && isBlank(line) ? Effect.void : take(textOf(line))
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
