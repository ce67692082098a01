import { Effect } from "effect"
import { ByteParts } from "../../../domain/ByteParts.ts"
import { type JsonRpcMessage, readJsonRpc } from "../../../domain/JsonRpcMessage.ts"
import type { Deliver } from "../../../ports/McpWire.ts"
import { endTimeout, maxBriefBody } from "../McpLimits.ts"
import { EventReader } from "./EventReader.ts"

/** How reading a body ended. */
export type BodyEnd =
  | "Ended"
  /** The connection broke. */
  | "Broke"
  /** It has more bytes than allowed. */
  | "TooLong"
  /** The response was read, and the server left the stream open. */
  | "Stopped"

const stopped = () => Effect.succeed("Stopped" as const)

/**
 * Reads a body chunk by chunk: the next chunk is read after `take` ended. It stops at the first chunk for which `take` is
 * not `undefined`. A body that is not read to its end is cancelled, which ends its connection. So once it is enough, the end
 * is awaited for a moment.
 */
const readChunks = (
  response: Response,
  take: (chunk: Uint8Array) => Effect.Effect<BodyEnd | undefined>,
  isEnough: () => boolean = () => false
): Effect.Effect<BodyEnd> =>
  Effect.suspend(() => {
    if (response.body === null) return Effect.succeed<BodyEnd>("Ended")
    const reader: ReadableStreamDefaultReader<Uint8Array> = response.body.getReader()
    const next = Effect.promise(() =>
      reader.read().then(
        ({ done, value }) => (done ? ("Ended" as const) : value),
        () => "Broke" as const
      )
    )
    return Effect.gen(function* () {
      for (;;) {
        const chunk = yield* isEnough()
          ? Effect.timeoutOrElse(next, { duration: endTimeout, orElse: stopped })
          : next
        if (typeof chunk === "string") {
          // Undici uses a connection again only in the next turn of the event loop, and opens another one before that.
          yield* Effect.yieldNow
          return chunk
        }
        const end = yield* take(chunk)
        if (end !== undefined) return end
      }
    }).pipe(Effect.ensuring(Effect.promise(() => reader.cancel().catch(() => undefined))))
  })

/** Reads a body that is one text. */
export const readText = (
  response: Response,
  maxBytes: number,
  isEnough?: () => boolean
): Effect.Effect<{ readonly end: BodyEnd; readonly text: ByteParts }> =>
  Effect.suspend(() => {
    const text = new ByteParts()
    const take = (chunk: Uint8Array) =>
      Effect.sync(() => {
        if (text.length + chunk.length > maxBytes) return "TooLong"
        text.add(chunk)
        return undefined
      })
    return Effect.map(readChunks(response, take, isEnough), (end) => ({ end, text }))
  })

/**
 * Reads a body of which little matters, or nothing, so that its connection is used again: what comes without a pause, up to
 * 64 KiB.
 */
export const readBriefly = (response: Response): Effect.Effect<string> =>
  Effect.map(
    readText(response, maxBriefBody, () => true),
    ({ text }) => text.text()
  )

/** Where the events of a stream end, for the next stream that goes on with them. */
export interface Cursor {
  /** The id of the last event that was delivered. */
  lastEventId: string | undefined
  /** The delay that the server requests before a stream is opened again, in milliseconds. */
  retry: number | undefined
}

/** What becomes of the events of a stream. */
export interface EventUse {
  readonly maxBytes: number
  readonly cursor: Cursor
  readonly deliver: Deliver
  /** True once the response is there: the end of the stream is not awaited for long. */
  readonly isEnough: () => boolean
  /** Is called with an event of the type `message` that is no JSON. */
  readonly onInvalid: () => void
  /** Takes an event of another type. */
  readonly onOther?: (name: string, data: ByteParts) => Effect.Effect<void>
}

/** The messages of a text; `undefined` if it is no JSON. */
export const messagesIn = (text: ByteParts): ReadonlyArray<JsonRpcMessage> | undefined => {
  const read = readJsonRpc(text)
  if (read._tag === "Invalid") return undefined
  return read._tag === "Batch" ? read.messages : [read.message]
}

/** Reads an event stream and delivers the messages in it. */
export const readEvents = (response: Response, use: EventUse): Effect.Effect<BodyEnd> =>
  Effect.suspend(() => {
    const { cursor, deliver, isEnough, maxBytes, onInvalid, onOther } = use
    const reader = new EventReader({
      maxBytes,
      onRetry: (milliseconds) => {
        cursor.retry = milliseconds
      }
    })
    return readChunks(
      response,
      Effect.fnUntraced(function* (chunk) {
        const events = reader.add(chunk)
        if (events === "TooLong") return events
        for (const { data, id, name } of events) {
          if (name === "message" && data.length > 0) {
            const messages = messagesIn(data)
            if (messages === undefined) onInvalid()
            for (const message of messages ?? []) yield* deliver(message)
          } else if (name !== "message" && onOther !== undefined) yield* onOther(name, data)
          // After the delivery: what was not delivered is sent again by the server.
          cursor.lastEventId = id ?? cursor.lastEventId
        }
        return undefined
      }),
      isEnough
    )
  })
