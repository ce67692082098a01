import { Effect } from "effect"
import { type JsonRpcMessage, jsonRpcMessage } from "../../../src/domain/JsonRpcMessage.ts"
import { McpError } from "../../../src/ports/McpConnector.ts"
import type { Deliver, PostEnd, PostOptions, Wire, WireSession } from "../../../src/ports/McpWire.ts"

/** A message that a server got. */
export interface Sent {
  readonly message: JsonRpcMessage
  readonly headers: Readonly<Record<string, string>>
}

/** Answers one message. */
export type Answer = (
  message: JsonRpcMessage,
  deliver: Deliver,
  options: PostOptions
) => Effect.Effect<PostEnd, McpError>

/** A response of a value, to whatever request. */
export const result =
  (value: object): Answer =>
  (message, deliver) =>
    Effect.as(deliver(jsonRpcMessage({ result: value }).withId(message.id ?? "null")), { _tag: "Answered" })

/** An error to whatever request. */
export const error =
  (code: number, status?: number): Answer =>
  (message, deliver) =>
    Effect.as(deliver(jsonRpcMessage({ error: { code, message: "no" } }).withId(message.id ?? "null")), {
      _tag: "Answered",
      ...(status === undefined ? {} : { status })
    })

/** An HTTP error. */
export const refused =
  (status?: number): Answer =>
  () =>
    new McpError({
      server: "example",
      detail: `it answered HTTP ${status}.`,
      ...(status === undefined ? {} : { status })
    })

export const discovered = result({
  resultType: "complete",
  supportedVersions: ["2026-07-28"],
  capabilities: { tools: {} }
})

/** A wire whose server answers by the method. It has a session after `initialize`, and counts its standing streams. */
export const fakeWire = (answers: Readonly<Record<string, Answer>>) => {
  const sent: Array<Sent> = []
  const state = { listening: 0 }
  let session: WireSession | undefined
  const wire: Wire<never> = {
    session: () => session,
    post: (message, deliver, options = {}) =>
      Effect.suspend(() => {
        sent.push({ message, headers: options.headers ?? {} })
        if (message.kind !== "request") return Effect.succeed<PostEnd>({ _tag: "Accepted" })
        const answer = answers[message.method ?? ""] ?? error(-32601)
        return answer(
          message,
          (given) => {
            if (message.method === "initialize" && !given.isError)
              session = { id: "one", protocolVersion: "2025-11-25" }
            return deliver(given)
          },
          options
        )
      }),
    listen: () =>
      Effect.suspend(() => {
        state.listening++
        return Effect.never
      })
  }
  return { wire, sent, state, methods: () => sent.map(({ message }) => message.method ?? message.kind) }
}
