import { Cause, Effect, Exit, type Redacted } from "effect"
import { bareRequest } from "../../domain/BareRequest.ts"
import { isSecureUrl } from "../../domain/SecureUrl.ts"
import { discardBody, HttpTransport, UserAgent, withBody } from "../../ports/HttpTransport.ts"
import { answerBody, type TextRepair } from "./AnswerBody.ts"
import { ModelHttpError } from "./ModelHttpError.ts"
import { maxAnswer, maxEvent, maxList } from "./ModelLimits.ts"

const pairsOf = (headers: HeadersInit = {}): Iterable<readonly [name: string, value: string]> =>
  Symbol.iterator in headers
    ? Array.from(headers, ([name = "", value = ""]) => [name, value] as const)
    : Object.entries(headers)

/** The request that a package of a provider makes. They send texts, so that no HTTP client has to be loaded for it. */
const requestOf = (input: RequestInfo | URL, init: RequestInit = {}): Request => {
  const { body = null, headers, method = "GET" } = init
  if ((typeof input !== "string" && !(input instanceof URL)) || (body !== null && typeof body !== "string"))
    return new Request(input, init)
  const content = body === null ? undefined : new TextEncoder().encode(body)
  return bareRequest(input, { method, headers: pairsOf(headers), content })
}

/** True if requests to a provider carry a key, or a header that may hold one. */
export const hasSecret = ({
  headers,
  key
}: {
  readonly key: Redacted.Redacted | undefined
  readonly headers: Readonly<Record<string, Redacted.Redacted>>
}): boolean =>
  key !== undefined || Object.keys(headers).some((name) => /auth|key|token|secret|cookie/i.test(name))

/** What an answer says that is JSON in place of a stream: the error of a gateway that has the status of a success, or all of it at once. */
const notStreamed = (text: string): ModelHttpError | undefined => {
  if (!/^\s*[{[]/.test(text)) return undefined
  const detail = "it answered with JSON in place of a stream. Check its base URL."
  try {
    return new ModelHttpError({ problem: "no-stream", detail, reported: JSON.parse(text) })
  } catch {
    return undefined
  }
}

/** How requests of one provider are sent. */
export interface ModelHttpOptions {
  /** The requests carry a key: they must not go over plain http, except on this machine. */
  readonly hasSecret: boolean
  /** Milliseconds until the head of the answer. */
  readonly timeout: number
  /** True: an answer is a stream. Absent: it is JSON. */
  readonly isStreamed?: boolean
  /** Makes what changes the body of a stream. */
  readonly makeRepair?: () => TextRepair
}

/**
 * A `fetch` for the providers of models, over the transport of the program.
 *
 * **Details**
 *
 * - A key, or a header that the configuration sets, is sent over https or to this machine only.
 * - No redirect is followed: the request has the conversation and the key in it.
 * - Bodies are limited, and so is one event of a stream.
 * - The signal ends the body, too: the packages of the providers only stop to read it.
 *
 * It rejects with {@link ModelHttpError} or a `NetworkError`.
 */
export const modelFetch = Effect.fnUntraced(function* (options: ModelHttpOptions) {
  const transport = yield* HttpTransport
  const userAgent = yield* UserAgent
  const context = yield* Effect.context()
  const send = Effect.fnUntraced(function* (request: Request, signal: AbortSignal | undefined) {
    const url = new URL(request.url)
    if (options.hasSecret && !isSecureUrl(url)) {
      return yield* new ModelHttpError({
        problem: "plain-http",
        detail: `its address ${url.origin} has http, over which no key is sent. Use https.`
      })
    }
    // The packages of the providers name themselves.
    request.headers.set("user-agent", userAgent)
    const response = yield* transport.send(request, { timeout: options.timeout })
    if (response.status >= 300 && response.status < 400) {
      yield* discardBody(response)
      const to = URL.parse(response.headers.get("location") ?? "", request.url)
      const place = to === null || !/^https?:$/.test(to.protocol) ? "another address" : to.origin
      return yield* new ModelHttpError({
        problem: "redirect",
        detail: `it redirects to ${place} (HTTP ${response.status}), which is not followed. Change its base URL if that is right.`
      })
    }
    const type = response.headers.get("content-type") ?? ""
    if (response.ok && request.method === "POST" && /html/i.test(type)) {
      yield* discardBody(response)
      return yield* new ModelHttpError({
        problem: "no-stream",
        detail: "it answered with a page of HTML. Check its base URL."
      })
    }
    if (response.body === null) return response
    const isStream = /event-stream/i.test(type)
    const body = answerBody(response.body, {
      maxBytes: isStream ? maxAnswer : maxList,
      maxLine: isStream ? maxEvent : maxList,
      repair: isStream ? options.makeRepair?.() : undefined,
      signal
    })
    const answer = withBody(response, body)
    if (isStream || options.isStreamed !== true || !response.ok || !/json/i.test(type)) return answer
    const text = yield* Effect.promise(() => answer.text())
    const problem = notStreamed(text)
    return problem === undefined ? withBody(response, new Blob([text]).stream()) : yield* problem
  })
  return async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = requestOf(input, init)
    const signal = init?.signal ?? undefined
    const exit = await Effect.runPromiseExitWith(context)(
      send(request, signal),
      signal === undefined ? undefined : { signal }
    )
    if (Exit.isSuccess(exit)) return exit.value
    throw Cause.squash(exit.cause)
  }
})
