import { Clock, Duration, Effect } from "effect"
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
 * is awaited for a moment, whatever else the server sends meanwhile.
 */
const readChunks = (
  response: Response,
  take: (chunk: Uint8Array) => Effect.Effect<BodyEnd | undefined>,
  isEnough: () => boolean
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
      let enoughSince: number | undefined
      for (;;) {
        const now = yield* Clock.currentTimeMillis
        if (isEnough()) enoughSince ??= now
        const chunk = yield* enoughSince === undefined
          ? next
          : Effect.timeoutOrElse(next, {
              duration: Duration.subtract(endTimeout, Duration.millis(now - enoughSince)),
              orElse: stopped
            })
        if (typeof chunk === "string") return chunk
        const end = yield* take(chunk)
        if (end !== undefined) return end
      }
    }).pipe(Effect.ensuring(Effect.promise(() => reader.cancel().catch(() => undefined))))
  })

/** Reads a body that is one text. */
export const readText = (
  response: Response,
  maxBytes: number
): Effect.Effect<{ readonly end: BodyEnd; readonly text: ByteParts }> =>
  Effect.suspend(() => {
    const text = new ByteParts()
    if (response.body === null) return Effect.succeed({ end: "Ended", text })
    const reader: ReadableStreamDefaultReader<Uint8Array> = response.body.getReader()
    // Without an effect for each chunk, since most answers are short.
    const read = async (): Promise<BodyEnd> => {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return "Ended"
        if (text.length + value.length > maxBytes) return "TooLong"
        text.add(value)
      }
    }
    return Effect.promise(() => read().catch(() => "Broke" as const)).pipe(
      Effect.map((end) => ({ end, text })),
      Effect.ensuring(Effect.promise(() => reader.cancel().catch(() => undefined)))
    )
  })

/**
 * Reads a body of which little matters, or nothing, so that its connection is used again: what comes without a pause, up to
 * 64 KiB.
 */
export const readBriefly = (response: Response): Effect.Effect<string> =>
  Effect.suspend(() => {
    const text = new ByteParts()
    const take = (chunk: Uint8Array) =>
      Effect.sync(() => {
        if (text.length + chunk.length > maxBriefBody) return "TooLong"
        text.add(chunk)
        return undefined
      })
    return Effect.map(
      readChunks(response, take, () => true),
      () => text.text()
    )
  })

/** Servers refuse requests with more bytes of headers than 8 to 16 KiB. */
const maxEventId = 4096

/**
 * The value of `Last-Event-ID` for an id: its UTF-8 bytes (HTML "Server-sent events" §9.2.3). Undefined for one that no header
 * can have: the stream cannot be resumed there.
 */
const lastEventIdOf = (id: string): string | undefined => {
  const value = Buffer.from(id).toString("latin1")
  return /^[\t -~\x80-\xff]+$/.test(value) && value.length <= maxEventId ? value : undefined
}

/** Where the events of a stream end, for the next stream that goes on with them. */
export interface Cursor {
  /** The id of the last event that was delivered, as the value of a header. */
  lastEventId: string | undefined
  /** The delay that the server requests before a stream is opened again, in milliseconds. */
  retry: number | undefined
}

const emptyLine = Buffer.from("\n\n")

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
    const take = Effect.fnUntraced(function* (chunk: Uint8Array) {
      const events = reader.add(chunk)
      if (events === "TooLong") return events
      for (const { data, id, name } of events) {
        if (name === "message" && data.length > 0) {
          const messages = messagesIn(data)
          if (messages === undefined) onInvalid()
          for (const message of messages ?? []) yield* deliver(message)
        } else if (name !== "message" && onOther !== undefined) yield* onOther(name, data)
        // After the delivery: what was not delivered is sent again by the server.
        if (id !== undefined) cursor.lastEventId = lastEventIdOf(id)
      }
      return undefined
    })
    return Effect.flatMap(readChunks(response, take, isEnough), (end) =>
      // Some servers leave out the empty line after their last event. One that is cut off is no JSON.
      end === "Ended" ? Effect.map(take(emptyLine), (last) => last ?? end) : Effect.succeed(end)
    )
  })
