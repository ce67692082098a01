/** The most of a body that is recorded, in bytes: what OAuth says is far shorter. */
export const maxRecorded = 64 * 1024

/** What has been read of a body. */
export interface BodyRecord {
  readonly text: string
  /** `whole`, or why it is not. */
  readonly end: "whole" | "too long" | "broke off"
}

/** An answer that is recorded while its reader reads it. */
export interface RecordedResponse {
  readonly response: Response
  /** Settled when nothing is read any more on behalf of the record alone. */
  readonly idle: () => Promise<void>
  /** Ends that reading. */
  readonly stop: () => Promise<void>
}

/**
 * An answer with the same status, headers and body whose body is recorded in passing: the reader gets every chunk when it
 * comes. What the reader lets go of is read on to its end, or as far as is recorded, without anybody waiting for it.
 *
 * @param onEnd called once, before the reader learns that the body has ended
 */
export const recordBody = (response: Response, onEnd: (record: BodyRecord) => void): RecordedResponse => {
  const { body } = response
  const chunks: Array<Uint8Array> = []
  let length = 0
  let ended = false
  const finish = (how: BodyRecord["end"]) => {
    if (ended) return
    ended = true
    onEnd({ text: new TextDecoder().decode(joined(chunks)), end: how })
  }
  if (body === null) {
    finish("whole")
    return { response, idle: () => Promise.resolve(), stop: () => Promise.resolve() }
  }
  const reader = body.getReader()
  const next = async () => {
    try {
      const read = await reader.read()
      if (read.done) finish("whole")
      else {
        length += read.value.byteLength
        if (length > maxRecorded) finish("too long")
        else chunks.push(read.value)
      }
      return read
    } catch (cause) {
      finish("broke off")
      throw cause
    }
  }
  /** Reading on for nobody else; absent: somebody else still has the body. */
  let rest: Promise<void> | undefined
  const readRest = async () => {
    try {
      for (;;) {
        if ((await next()).done) return
        if (ended) return await reader.cancel()
      }
    } catch {
      // The record says already that it broke off; nobody else reads it any more.
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
  const { headers, status, statusText } = response
  return {
    response: new Response(stream, { headers, status, statusText }),
    idle: async () => rest,
    stop: async () => {
      if (rest === undefined) return
      // A connection that broke has nothing to cancel.
      await reader.cancel().catch(() => undefined)
      await rest
    }
  }
}

const joined = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(chunks.reduce((sum, { byteLength }) => sum + byteLength, 0))
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.byteLength
  }
  return whole
}
