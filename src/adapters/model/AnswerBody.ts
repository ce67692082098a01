import { Duration } from "effect"
import { ModelHttpError } from "./ModelHttpError.ts"
import { maxRest } from "./ModelLimits.ts"

/** Changes the text of a body, part by part. */
export interface TextRepair {
  /** Takes a part. Returns what is complete. */
  readonly add: (part: string) => string
  /** Returns the rest. */
  readonly end: () => string
  /** True once the last event was taken: the body ends there, also if the server leaves the connection open. */
  readonly hasEnded: () => boolean
}

/** What is done to a body on its way to the package of a provider. */
export interface AnswerBodyOptions {
  readonly maxBytes: number
  /** Bytes without a line end. */
  readonly maxLine: number
  readonly repair: TextRepair | undefined
  /** Ends the body with its reason: the packages of the providers only stop to read it. */
  readonly signal: AbortSignal | undefined
}

/** Reads what is left of a body. The connection of one that goes on is closed. */
const readRest = async (reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> => {
  const timer = setTimeout(() => void reader.cancel().catch(() => undefined), Duration.toMillis(maxRest))
  timer.unref()
  try {
    while (!(await reader.read()).done);
  } catch {
    // The answer is complete.
  } finally {
    clearTimeout(timer)
  }
}

/** Counts bytes, and says what there are too many of. */
const makeCounter = (maxBytes: number, maxLine: number) => {
  let total = 0
  let line = 0
  return (part: Uint8Array): ModelHttpError | undefined => {
    total += part.byteLength
    const end = part.lastIndexOf(10)
    line = end < 0 ? line + part.byteLength : part.byteLength - end - 1
    if (total <= maxBytes && line <= maxLine) return undefined
    const size =
      total > maxBytes ? `over ${maxBytes / 2 ** 20} MiB` : `an event of over ${maxLine / 2 ** 20} MiB`
    return new ModelHttpError({ problem: "too-long", detail: `its answer has ${size}.` })
  }
}

/** What becomes of a part of a body. Without one: of what was held back. */
type Change = (part?: Uint8Array) => Uint8Array

const unchanged: Change = (part = new Uint8Array()) => part

/** Repairs bytes as text. */
const repairing = ({ add, end }: TextRepair): Change => {
  const [decoder, encoder] = [new TextDecoder(), new TextEncoder()]
  return (part) =>
    encoder.encode(
      part === undefined ? add(decoder.decode()) + end() : add(decoder.decode(part, { stream: true }))
    )
}

/**
 * A body that is limited and repaired, and ends with a signal. All in one stream: each stream more costs as much as the rest of an
 * answer's way.
 */
export const answerBody = (
  body: ReadableStream<Uint8Array>,
  { maxBytes, maxLine, repair, signal }: AnswerBodyOptions
): ReadableStream<Uint8Array> => {
  const reader = body.getReader()
  const tooLong = makeCounter(maxBytes, maxLine)
  const change = repair === undefined ? unchanged : repairing(repair)
  let isOver = false
  let abort = () => {}
  const finish = () => {
    isOver = true
    signal?.removeEventListener("abort", abort)
  }
  const fail = (controller: ReadableStreamDefaultController<Uint8Array>, reason: unknown) => {
    if (isOver) return
    finish()
    controller.error(reason)
    // It may have failed already.
    reader.cancel(reason).catch(() => undefined)
  }
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        abort = () => fail(controller, signal?.reason)
        if (signal?.aborted === true) abort()
        else signal?.addEventListener("abort", abort)
      },
      pull: async (controller) => {
        for (;;) {
          const { done, value } = await reader.read().catch((error: unknown) => {
            fail(controller, error)
            return { done: true, value: undefined }
          })
          if (isOver) return
          const error = value === undefined ? undefined : tooLong(value)
          if (error !== undefined) return fail(controller, error)
          const part = change(value)
          if (part.length > 0) controller.enqueue(part)
          const hasEnded = repair?.hasEnded() === true
          if (done || hasEnded) {
            finish()
            controller.close()
            return done ? undefined : void readRest(reader)
          }
          if (part.length > 0) return
        }
      },
      cancel: (reason) => {
        finish()
        return reader.cancel(reason)
      }
    },
    { highWaterMark: 0 }
  )
}
