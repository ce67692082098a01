import type { IncomingMessage } from "node:http"
import type { Json, Mode, Refusal } from "./ModelFault.ts"
import type { ModelAnswer, ModelMessage, ModelTool } from "./ModelScript.ts"

/** What a request says, after it was checked. */
export interface ParsedRequest {
  readonly messages: ReadonlyArray<ModelMessage>
  readonly tools: ReadonlyArray<ModelTool>
  readonly options: Json
}

/** An API: how a request is read, and how an answer and an error are written. */
export interface Api {
  readonly read: (body: Json, request: IncomingMessage, model: string) => ParsedRequest
  readonly write: (
    answer: ModelAnswer,
    context: { readonly mode: Mode | undefined; readonly model: string; readonly request: ParsedRequest }
  ) => ReadonlyArray<string>
  readonly error: (refusal: Refusal) => Json
  /** An event that says that the rest is missing. */
  readonly streamError: string
  readonly keyOf: (request: IncomingMessage) => string | undefined
}

/** An event of a stream. */
export const sse = (value: Json): string =>
  `${typeof value["type"] === "string" ? `event: ${value["type"]}\n` : ""}data: ${JSON.stringify(value)}\n\n`

/** The key after `Bearer`. */
export const bearerOf = ({ headers: { authorization } }: IncomingMessage): string | undefined =>
  authorization?.startsWith("Bearer ") === true ? authorization.slice(7) : undefined

/** An error as OpenAI writes it. */
export const openAiError = ({ code, message }: Refusal): Json => ({
  error: { message, type: "invalid_request_error", param: null, code }
})

/** A text in some pieces. */
export const pieces = (whole: string, count: number): ReadonlyArray<string> => {
  const size = Math.max(1, Math.ceil(whole.length / count))
  return Array.from({ length: Math.ceil(whole.length / size) }, (_, index) =>
    whole.slice(index * size, (index + 1) * size)
  )
}

/** The arguments of a call as text, as a mode spoils it. */
export const writtenArguments = (given: Json | string, mode: Mode | undefined): string => {
  const whole = typeof given === "string" ? given : JSON.stringify(given)
  if (mode === "cut-arguments") return whole.slice(0, -1)
  return mode === "empty-arguments" ? "" : whole
}
