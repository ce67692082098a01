import * as Remedy from "../../domain/Remedy.ts"
import type { Server } from "../../domain/Server.ts"
import { largestAnswerMiB } from "../../domain/ServerRules.ts"
import { withBody } from "../../ports/HttpTransport.ts"
import { McpError } from "../../ports/McpConnector.ts"
import { largeAnswer, maxAnswer } from "./McpLimits.ts"

/** How long an answer of a server may be, and the error of a longer one. */
export interface AnswerLimit {
  /** In bytes, after decompression. */
  readonly bytes: number
  readonly error: McpError
  /** Is called when an answer is longer than {@link largeAnswer}. */
  readonly onLarge: () => void
}

const mebibyte = 1024 * 1024

/** An average value has more bytes than this. A parsed value takes 20 to 100 bytes, so small ones fill the memory. */
const bytesPerValue = 32

/** The limit of a server: `maxAnswerMiB` of its entry, or the default. */
export const answerLimit = (
  { maxAnswerMiB = maxAnswer, name }: Server,
  onLarge: () => void = () => undefined
): AnswerLimit => ({
  bytes: maxAnswerMiB * mebibyte,
  onLarge,
  error: new McpError({
    server: name,
    detail: `its answer has more than ${maxAnswerMiB} MiB or ${(maxAnswerMiB * mebibyte) / bytesPerValue} values, and the connection was closed.`,
    remedies: [
      maxAnswerMiB < largestAnswerMiB
        ? Remedy.set(
            Remedy.entryOf(name),
            { maxAnswerMiB: Math.min(maxAnswerMiB * 4, largestAnswerMiB) },
            "you expect so long an answer"
          )
        : Remedy.advice("Request less at once.")
    ]
  })
})

/**
 * Returns the end of the last complete event in a chunk of an event stream, 0 if none ends there. An event ends with an empty
 * line; lines end with LF, CR, or both (HTML "Server-sent events" §9.2.5).
 */
const eventEnds = (): ((chunk: Uint8Array) => number) => {
  const [lf, cr] = [10, 13]
  let previous = 0
  let isLineEmpty = true
  let hasEnded = false
  return (chunk) => {
    let end = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0
      const isSecondHalf = byte === lf && previous === cr
      const isLineEnd = byte === lf || byte === cr
      if (!isSecondHalf) {
        hasEnded = isLineEnd && isLineEmpty
        isLineEmpty = isLineEnd
      }
      if (isLineEnd && hasEnded) end = at + 1
      previous = byte
    }
    return end
  }
}

/**
 * Counts the JSON values in a stream by what begins or separates them. A line end ends a string, because JSON has none in a
 * string: no other line of an event stream can hide values.
 */
const valueCount = (): ((chunk: Uint8Array) => number) => {
  let isText = false
  let isEscaped = false
  return (chunk) => {
    let count = 0
    for (const byte of chunk) {
      if (byte === 0x0a || byte === 0x0d) isText = isEscaped = false
      else if (isEscaped) isEscaped = false
      else if (byte === 0x22) isText = !isText
      else if (isText) isEscaped = byte === 0x5c
      // , [ {
      else if (byte === 0x2c || byte === 0x5b || byte === 0x7b) count++
    }
    return count
  }
}

/** True if the last bytes of a length made it large. */
export const becameLarge = (length: number, last: number): boolean =>
  length > largeAnswer && length - last <= largeAnswer

/**
 * The same answer with a body that fails once it is longer than the limit, and closes the connection. The bytes of an event are
 * held until it is complete: the parser of the SDK needs several times their memory as text.
 *
 * @param isSession true for the stream of a whole session, where the limit counts for each event
 * @param onExceeded is called before the body fails
 */
export const limitAnswer = (
  response: Response,
  { bytes, error, onLarge }: AnswerLimit,
  isSession: boolean,
  onExceeded: (error: McpError) => void
): Response => {
  if (response.body === null) return response
  const reader: ReadableStreamDefaultReader<Uint8Array> = response.body.getReader()
  const isEventStream = /^\s*text\/event-stream\b/i.test(response.headers.get("content-type") ?? "")
  const endIn = isEventStream ? eventEnds() : (chunk: Uint8Array) => chunk.length
  const valuesIn = valueCount()
  const held: Array<Uint8Array> = []
  let length = 0
  let values = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        for (;;) {
          const { done, value } = await reader.read()
          if (done) {
            for (const chunk of held) controller.enqueue(chunk)
            return controller.close()
          }
          length += value.length
          if (becameLarge(length, value.length)) onLarge()
          values += valuesIn(value)
          const end = endIn(value)
          if (end > 0) {
            for (const chunk of held.splice(0)) controller.enqueue(chunk)
            controller.enqueue(value.subarray(0, end))
            if (isSession) {
              length = value.length - end
              values = 0
            }
          }
          if (end < value.length) held.push(value.subarray(end))
          if (length > bytes || values > bytes / bytesPerValue) {
            held.length = 0
            onExceeded(error)
            controller.error(error)
            return void reader.cancel(error).catch(() => undefined)
          }
          if (end > 0) return
        }
      },
      cancel: (reason) => reader.cancel(reason)
    },
    { highWaterMark: 0 }
  )
  return withBody(response, body)
}
