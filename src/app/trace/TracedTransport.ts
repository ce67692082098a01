import { Clock, Effect, Layer } from "effect"
import { endpointRows } from "../../domain/OAuthEndpoints.ts"
import type { MessageKind, ShownAnswer, ShownBody } from "../../domain/TraceEvent.ts"
import { HttpTransport } from "../../ports/HttpTransport.ts"
import { recordBody } from "./BodyRecord.ts"
import { CurrentRecording, type Recording } from "./FlowTrace.ts"
import type { Redactor } from "./Redactor.ts"

const kindsOfAuthorizationServer: ReadonlySet<MessageKind> = new Set([
  "authorization server metadata",
  ...endpointRows.map(({ trace }) => trace)
])

const formOf = (headers: Headers): "JSON" | "form" | undefined => {
  const type = (headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? ""
  if (type === "application/x-www-form-urlencoded") return "form"
  return type === "application/json" || type.endsWith("+json") ? "JSON" : undefined
}

/** Shows a body that is neither JSON nor a form. */
const omitted = ({ body, headers }: Request | Response): ShownBody => {
  if (body === null || headers.get("content-length") === "0") return { _tag: "None" }
  const hasType = headers.has("content-type")
  return { _tag: "Omitted", why: hasType ? "it is neither JSON nor a form" : "it has no content type" }
}

type Send = HttpTransport["Service"]["send"]

/** What is shown of a request, before it is sent. */
export const shownRequest = Effect.fnUntraced(function* (redactor: Redactor, request: Request) {
  const url = new URL(request.url)
  const form = formOf(request.headers)
  // A body that cannot be read cannot be sent either, and sending it fails with the reason.
  const readText = () =>
    request
      .clone()
      .text()
      .catch(() => "")
  const sent = form === undefined ? undefined : { form, text: yield* Effect.promise(readText) }
  const kind = redactor.kindOf(url, sent)
  return {
    kind,
    method: request.method,
    url: redactor.url(kind, url),
    request: {
      headers: redactor.headers(kind, request.headers, url),
      body: sent === undefined ? omitted(request) : redactor.body(kind, "request", sent.form, sent.text)
    }
  }
})

/** Records a request, as it is about to be sent. */
const recordRequest = Effect.fnUntraced(function* ({ addLane, redactor }: Recording, request: Request) {
  const at = yield* Clock.currentTimeMillis
  const shown = yield* shownRequest(redactor, request)
  const { kind, url } = shown
  addLane(url.origin, kindsOfAuthorizationServer.has(kind) ? "authorization server" : undefined)
  return { _tag: "Exchange" as const, at, ...shown }
})

const sendRecorded = Effect.fnUntraced(function* (
  recording: Recording,
  send: Send,
  ...[request, options]: Parameters<Send>
) {
  const { add, addBody, redactor } = recording
  const exchange = yield* recordRequest(recording, request)
  const { at, kind } = exchange
  let answer: ShownAnswer = { _tag: "Pending" }
  add(() => ({ ...exchange, answer }))
  const response = yield* send(request, options).pipe(
    Effect.tapError((error) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        answer = { _tag: "NoAnswer", detail: redactor.text(error.detail), took: now - at }
      })
    )
  )
  const { headers, status } = response
  const head = {
    _tag: "Answered" as const,
    status,
    took: (yield* Clock.currentTimeMillis) - at,
    headers: redactor.headers(kind, headers, new URL(request.url))
  }
  const form = formOf(headers)
  if (form === undefined || response.body === null) {
    answer = { ...head, body: omitted(response) }
    return response
  }
  answer = { ...head, body: { _tag: "Omitted", why: "it was not complete when the flow ended" } }
  const recorded = recordBody(response, ({ end, text }) => {
    answer = {
      ...head,
      body:
        end === "complete"
          ? redactor.body(kind, "answer", form, text)
          : {
              _tag: "Omitted",
              why: end === "too long" ? "it is over 64 KiB" : "the connection failed before its end"
            }
    }
  })
  addBody(recorded)
  return recorded.response
})

/** Records each request of a traced flow and its answer, and returns the answer unchanged. */
export const layer: Layer.Layer<HttpTransport, never, HttpTransport> = Layer.effect(
  HttpTransport,
  Effect.map(HttpTransport, ({ send }) =>
    HttpTransport.of({
      send: (request, options) =>
        Effect.flatMap(CurrentRecording, (recording) =>
          recording === undefined ? send(request, options) : sendRecorded(recording, send, request, options)
        )
    })
  )
)
