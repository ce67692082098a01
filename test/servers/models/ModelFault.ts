/** What is wrong with a request, as the API answers it. */
export class Refusal extends Error {
  readonly status: number
  readonly code: string

  constructor(message: string, status = 400, code = "invalid_request_error") {
    super(message)
    this.status = status
    this.code = code
  }
}

/** Refuses a request unless something holds. */
export function must(holds: boolean, message: string, status?: number, code?: string): asserts holds {
  if (!holds) throw new Refusal(message, status, code)
}

export type Json = Readonly<Record<string, unknown>>

export const isJson = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export const record = (value: unknown, at: string): Json => {
  must(isJson(value), `Invalid type for '${at}': expected an object.`)
  return value
}

export const list = (value: unknown, at: string): ReadonlyArray<unknown> => {
  must(Array.isArray(value), `Invalid type for '${at}': expected an array.`)
  return value
}

export const text = (value: unknown, at: string): string => {
  must(typeof value === "string", `Invalid type for '${at}': expected a string.`)
  return value
}

/**
 * What the model servers do that a client has to live with. Each is the name of a model.
 *
 * - Calls: `fragments`, `interleaved`, `no-id`, `no-index`, `same-index`, `empty-ids`, `cut-arguments`, `empty-arguments`,
 *   `unknown-tool`, `object-arguments`, `stop-after-calls`.
 * - Streams: `no-done`, `left-open`, `broken-end`, `comments`, `reasoning-content`, `reasoning`, `stream-error`, `cut`, `length`, `empty`.
 * - Requests: `429`, `overloaded`, `context-full`, `no-tools`, `silent`, `html`, `json`, `json-error`, `redirect`, `filtered`.
 */
export const modes = [
  "fragments",
  "interleaved",
  "no-id",
  "no-index",
  "same-index",
  "empty-ids",
  "cut-arguments",
  "empty-arguments",
  "unknown-tool",
  "object-arguments",
  "stop-after-calls",
  "no-done",
  "left-open",
  "broken-end",
  "comments",
  "reasoning-content",
  "reasoning",
  "stream-error",
  "cut",
  "length",
  "empty",
  "429",
  "overloaded",
  "context-full",
  "no-tools",
  "silent",
  "html",
  "json",
  "json-error",
  "redirect",
  "filtered"
] as const
export type Mode = (typeof modes)[number]

/** The error of each mode that refuses a request, and the status. */
export const refusalOfMode: Partial<Record<Mode, Refusal>> = {
  "429": new Refusal("Rate limit reached for requests.", 429, "rate_limit_exceeded"),
  overloaded: new Refusal("Overloaded", 529, "overloaded_error"),
  "context-full": new Refusal(
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
    400,
    "context_length_exceeded"
  ),
  "no-tools": new Refusal("registry.ollama.ai/library/gemma:2b does not support tools", 400)
}
