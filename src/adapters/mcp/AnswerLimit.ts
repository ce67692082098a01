import * as Remedy from "../../domain/Remedy.ts"
import type { Server } from "../../domain/Server.ts"
import { largestAnswerMiB } from "../../domain/ServerRules.ts"
import { withBody } from "../../ports/HttpTransport.ts"
import { McpError } from "../../ports/McpConnector.ts"
import { bytesPerValue, JsonSize, maxDepth } from "../http/JsonSize.ts"
import { largeAnswer, manyEvents, maxAnswer } from "./McpLimits.ts"

/** How long an answer of a server may be, and the errors of those that exceed it. */
export interface AnswerLimit {
  /** In bytes, after decompression. */
  readonly bytes: number
  readonly tooLong: McpError
  readonly tooDeep: McpError
  /** Is called when an answer is longer than {@link largeAnswer}, and when it has {@link manyEvents}. */
  readonly onLarge: () => void
}

/** What the answers to one operation have used up of its limit: a list may have many pages. */
export interface Used {
  bytes: number
  values: number
}

const mebibyte = 1024 * 1024

/** The limit of a server: `maxAnswerMiB` of its entry, or the default. */
export const answerLimit = (
  { maxAnswerMiB = maxAnswer, name }: Server,
  onLarge: () => void = () => undefined
): AnswerLimit => ({
  bytes: maxAnswerMiB * mebibyte,
  onLarge,
  tooLong: new McpError({
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
  }),
  tooDeep: new McpError({
    server: name,
    detail: `its answer is nested more than ${maxDepth} levels deep, and the connection was closed.`,
    remedies: [Remedy.advice("Tell its provider.")]
  })
})

/** Adds a part of an answer to what is used up, and returns the error if that is too much. */
export const useUp = (
  { bytes, onLarge, tooDeep, tooLong }: AnswerLimit,
  used: Used,
  json: JsonSize,
  part: Uint8Array
): McpError | undefined => {
  const { depth, values } = json.add(part)
  used.bytes += part.length
  used.values += values
  if (used.bytes > largeAnswer && used.bytes - part.length <= largeAnswer) onLarge()
  if (depth > maxDepth) return tooDeep
  return used.bytes > bytes || used.values > bytes / bytesPerValue ? tooLong : undefined
}

/**
 * Returns the end of the last complete event in a chunk of an event stream, 0 if none ends there. An event ends with an empty
 * line; lines end with LF, CR, or both (HTML "Server-sent events" §9.2.5).
 */
const eventEnds = (onMany: () => void): ((chunk: Uint8Array) => number) => {
  const [lf, cr] = [10, 13]
  let events = 0
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
      if (isLineEnd && hasEnded) {
        end = at + 1
        if (++events === manyEvents) onMany()
      }
      previous = byte
    }
    return end
  }
}

/** Which answer is limited. */
export interface LimitedAnswer {
  readonly limit: AnswerLimit
  /** Shared by the answers to one operation. Absent: the stream of a whole session, where the limit counts for each event. */
  readonly used: Used | undefined
  /** Is called before the body fails. */
  readonly onExceeded: (error: McpError) => void
}

/**
 * The same answer with a body that fails once it exceeds the limit, and closes the connection. The bytes of an event are held
 * until it is complete: the parser of the SDK needs several times their memory as text.
 */
export const limitAnswer = (response: Response, { limit, onExceeded, used }: LimitedAnswer): Response => {
  if (response.body === null) return response
  const reader: ReadableStreamDefaultReader<Uint8Array> = response.body.getReader()
  const isEventStream = /^\s*text\/event-stream\b/i.test(response.headers.get("content-type") ?? "")
  const endIn = isEventStream ? eventEnds(limit.onLarge) : (chunk: Uint8Array) => chunk.length
  const json = new JsonSize()
  const held: Array<Uint8Array> = []
  const ofEvent: Used = { bytes: 0, values: 0 }
  const body = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        for (;;) {
          const { done, value } = await reader.read()
          if (done) {
            for (const chunk of held) controller.enqueue(chunk)
            return controller.close()
          }
          const end = endIn(value)
          let error = useUp(limit, used ?? ofEvent, json, value.subarray(0, end))
          if (error === undefined && end > 0) {
            for (const chunk of held.splice(0)) controller.enqueue(chunk)
            controller.enqueue(value.subarray(0, end))
            ofEvent.bytes = ofEvent.values = 0
            if (isEventStream) json.restart()
          }
          if (end < value.length) {
            held.push(value.subarray(end))
            error ??= useUp(limit, used ?? ofEvent, json, value.subarray(end))
          }
          if (error !== undefined) {
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
