import { Clock, Duration, Effect, Layer } from "effect"
import { HostAddresses } from "../../src/adapters/http/HostAddresses.ts"
import { HttpTransport, NetworkError } from "../../src/ports/HttpTransport.ts"
import { anyText, anyUrl } from "./Mutation.ts"
import type { Random } from "./Random.ts"

/** What a server does with one request. */
export interface Answer {
  readonly status: number
  readonly headers: ReadonlyArray<{ readonly name: string; readonly value: string }>
  readonly body: string
  /** Whether the body goes out as one byte for each character rather than as UTF-8. */
  readonly isBytes: boolean
  /** How often 64 KiB of spaces follow the body. */
  readonly padding: number
  /** How it ends: as it should, by a connection that breaks, never, or before it began. */
  readonly end: "whole" | "breaks" | "stalls" | "no answer"
}

/** One request that was sent. */
export interface Sent {
  readonly method: string
  readonly url: string
  readonly authorization: string | null
  /** Method, address, headers and body in one text. */
  readonly text: string
}

const statuses = [
  201, 202, 204, 206, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 410, 418, 429
] as const
const failing = [500, 502, 503, 504, 599] as const

/** An answer with this body: most often as it should be, with some of everything that servers can do wrong. */
export const anyAnswer = (random: Random, body: string, usual = 200): Answer => {
  const status = random.oneIn(6) ? random.pick(random.oneIn(3) ? failing : statuses) : usual
  const redirects = status >= 300 && status < 400
  return {
    status,
    headers: [
      ...(redirects && !random.oneIn(5) ? [{ name: "location", value: anyUrl(random) }] : []),
      ...(random.oneIn(10) ? [{ name: "retry-after", value: anyText(random) }] : []),
      ...(random.oneIn(5) ? [{ name: "dpop-nonce", value: anyText(random) }] : []),
      {
        name: "content-type",
        value: random.oneIn(8) ? anyText(random) : "application/json"
      }
    ],
    body,
    isBytes: random.oneIn(12),
    padding: random.oneIn(2_000) ? 17 : 0,
    end: random.oneIn(30) ? random.pick(["breaks", "stalls", "no answer"]) : "whole"
  }
}

/** A header value as HTTP can carry it; what it cannot is left out, as no server could send it. */
const sendable = (text: string): string => text.replace(/[^\t\x20-\x7e\x80-\xff]/g, "")

/** Milliseconds from which on a sleep is a time limit, and no wait between two tries. */
const limit = 10_000

/** Turns of the event loop without news after which nothing more is to be waited for. */
const quietTurns = 5

/** Time that passes only where nothing else can: a wait is over at once, a time limit when somebody stalls. */
const makeTime = () => {
  let now = 1_700_000_000_000
  let hasStalled = false
  const waiting = new Map<() => void, number>()
  const millis = () => Math.round(now)
  const nanos = () => BigInt(millis()) * 1_000_000n
  const endLimit = (turns: number): void => {
    if (!hasStalled || waiting.size === 0) return
    if (turns > 0) return void setImmediate(endLimit, turns - 1)
    const [next] = [...waiting].toSorted(([, a], [, b]) => a - b)
    if (next === undefined) return
    const [resume, due] = next
    waiting.delete(resume)
    now = Math.max(now, due)
    resume()
    endLimit(quietTurns)
  }
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) => {
      const wait = Duration.toMillis(duration)
      if (wait < limit) {
        now += wait
        return Effect.yieldNow
      }
      return Effect.callback<void>((resume) => {
        const end = () => resume(Effect.void)
        waiting.set(end, now + wait)
        endLimit(quietTurns)
        return Effect.sync(() => waiting.delete(end))
      })
    }
  }
  /** A server sends nothing more: whoever waits for it, now or later, waits until a time limit. */
  const stall = () => {
    hasStalled = true
    endLimit(quietTurns)
  }
  return { clock, stall }
}

const spaces = new Uint8Array(65_536).fill(0x20)

/** The body of an answer; read only as far as somebody asks. */
const bodyOf = (answer: Answer, stall: () => void): BodyInit => {
  const bytes = answer.isBytes ? Buffer.from(answer.body, "latin1") : Buffer.from(answer.body, "utf8")
  if (answer.padding === 0 && answer.end === "whole") return bytes
  let sent = 0
  return new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        if (sent === 0 && bytes.length > 0) controller.enqueue(bytes)
        else if (sent <= answer.padding) controller.enqueue(spaces)
        else if (answer.end === "stalls") {
          stall()
          return new Promise<void>(() => undefined)
        } else if (answer.end === "breaks") controller.error(new Error("the connection broke"))
        else controller.close()
        sent += 1
        return undefined
      }
    },
    { highWaterMark: 0 }
  )
}

/**
 * A network in memory, and a clock that belongs to it. It remembers every request, and answers each by `answerTo`; `undefined`
 * is a 404. Names of hosts are public, but for `inner.test`.
 */
export const makeNetwork = (answerTo: (request: Sent) => Answer | undefined) => {
  const sent: Array<Sent> = []
  const { clock, stall } = makeTime()
  const send = Effect.fnUntraced(function* (request: Request) {
    const body = request.body === null ? "" : yield* Effect.promise(() => request.text())
    const remembered: Sent = {
      method: request.method,
      url: request.url,
      authorization: request.headers.get("authorization"),
      text: [
        `${request.method} ${request.url}`,
        ...Array.from(request.headers, ([name, value]) => `${name}: ${value}`),
        body
      ].join("\n")
    }
    sent.push(remembered)
    const answer = answerTo(remembered)
    if (answer === undefined) return new Response(null, { status: 404 })
    if (answer.end === "no answer") {
      return yield* new NetworkError({
        origin: new URL(request.url).origin,
        detail: "the connection was refused"
      })
    }
    const headers = new Headers()
    for (const { name, value } of answer.headers) headers.append(name, sendable(value))
    const hasNoBody = [204, 205, 304].includes(answer.status)
    return new Response(hasNoBody ? null : bodyOf(answer, stall), { status: answer.status, headers })
  })
  const layer = Layer.mergeAll(
    Layer.succeed(HttpTransport, HttpTransport.of({ send })),
    Layer.succeed(HostAddresses, (hostname) =>
      Effect.succeed(/^inner\.test\.?$/.test(hostname) ? ["10.0.0.5"] : ["203.0.113.7"])
    ),
    Layer.succeed(Clock.Clock, clock)
  )
  return { layer, sent }
}

const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/

/** Whether OAuth may use an address at all: with TLS or on loopback, and without user information. */
export const isUsable = (text: string): boolean => {
  const url = URL.parse(text)
  return (
    url !== null &&
    (url.protocol === "https:" || (url.protocol === "http:" && loopback.test(url.hostname))) &&
    url.username === "" &&
    url.password === ""
  )
}

const inner =
  /^(0|10|127|169\.254|192\.168|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))(\.\d+)+$|^\[(::1?|::ffff:(7f|a0|c0a8|a9fe|ac1)[^\]]*|64:ff9b::a00:1|fe80[^\]]*|f[cd][^\]]*|2002:7f00[^\]]*)\]$|(^|\.)localhost\.?$|^inner\.test\.?$/

/** Whether an address is one of this machine or of a private network, out of those that inputs are made of. */
export const isInner = (text: string): boolean => inner.test(URL.parse(text)?.hostname ?? "")
