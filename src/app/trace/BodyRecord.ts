import { joinedBytes } from "../../domain/JoinedBytes.ts"
import { withBody } from "../../ports/HttpTransport.ts"
import { maxRecorded } from "./TraceLimits.ts"
/** What was read of a body. */
export interface BodyRecord {
  readonly text: string
  /** `complete`, or why it is not. */
  readonly end: "complete" | "too long" | "failed"
}

/** A response whose body is recorded while its reader reads it. */
export interface RecordedResponse {
  readonly response: Response
  /** Resolves when nothing is read for the record alone any more. */
  readonly idle: () => Promise<void>
  /** Stops reading for the record alone. */
  readonly stop: () => Promise<void>
}

/**
 * Records the body of a response while its reader reads it. The reader gets each chunk as it arrives. If the reader
 * cancels the body, the rest is read for the record in the background, up to {@link maxRecorded}.
 *
 * @param onEnd called once, before the reader sees the end of the body
 */
export const recordBody = (response: Response, onEnd: (record: BodyRecord) => void): RecordedResponse => {
  const { body } = response
  const chunks: Array<Uint8Array> = []
  let length = 0
  let ended = false
  const finish = (how: BodyRecord["end"]) => {
    if (ended) return
    ended = true
    onEnd({ text: new TextDecoder().decode(joinedBytes(chunks)), end: how })
  }
  if (body === null) {
    finish("complete")
    return { response, idle: () => Promise.resolve(), stop: () => Promise.resolve() }
  }
  const reader = body.getReader()
  const next = async () => {
    try {
      const read = await reader.read()
      if (read.done) finish("complete")
      else {
        length += read.value.byteLength
        if (length > maxRecorded) finish("too long")
        else chunks.push(read.value)
      }
      return read
    } catch (cause) {
      finish("failed")
      throw cause
    }
  }
  /** Reads on after the reader has cancelled the body. */
  let rest: Promise<void> | undefined
  const readRest = async () => {
    try {
      for (;;) {
        if ((await next()).done) return
        if (ended) return await reader.cancel()
      }
    } catch {
      // The record has this failure already, and it has no other reader.
    }
  }
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = await next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: () => {
        rest = readRest()
      }
    },
    { highWaterMark: 0 }
  )
  return {
    response: withBody(response, stream),
    idle: async () => rest,
    stop: async () => {
      if (rest === undefined) return
      // Fails for a connection that is closed already.
      await reader.cancel().catch(() => undefined)
      await rest
    }
  }
}
