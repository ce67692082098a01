import type { RequestListener, ServerResponse } from "node:http"
import { text } from "node:stream/consumers"
import { Effect } from "effect"
import { listen } from "./McpServers.ts"

/** A JSON-RPC message. */
export interface Message {
  readonly id?: number | string
  readonly method: string
  readonly params?: { readonly protocolVersion?: string }
}
/** Answers a request. */
export type Answer = (response: ServerResponse, message: Message) => void

/** Answers with JSON. */
export const json = (response: ServerResponse, body: unknown, status = 200) =>
  response
    .writeHead(status, { "content-type": "application/json" })
    .end(typeof body === "string" ? body : JSON.stringify(body))

/** Answers with a result. */
export const result = (response: ServerResponse, { id }: Message, value: unknown) =>
  json(response, { jsonrpc: "2.0", id, result: value })

/** Answers with a JSON-RPC error. */
export const refusal = (response: ServerResponse, { id }: Message, error: object, status = 200) =>
  json(response, { jsonrpc: "2.0", id, error }, status)

/** The result of `initialize`. */
export const initialized = (protocolVersion: string) => ({
  protocolVersion,
  capabilities: { tools: {} },
  serverInfo: { name: "older", version: "1" }
})

/** A server of 2025-06-18 that gives other answers to some methods. `heard` are the methods of its requests. */
export const olderServer = (answers: Readonly<Record<string, Answer>>) => {
  const heard: Array<string> = []
  const listener: RequestListener = async (request, response) => {
    const message: Message = JSON.parse((await text(request)) || `{"method":"${request.method}"}`)
    heard.push(message.method)
    const answer = answers[message.method]
    if (answer !== undefined) return answer(response, message)
    switch (message.method) {
      case "initialize":
        return result(response, message, initialized("2025-06-18"))
      case "tools/list":
        return result(response, message, { tools: [{ name: "echo", inputSchema: { type: "object" } }] })
      case "notifications/initialized":
        return response.writeHead(202).end()
      default:
        return refusal(response, message, { code: -32601, message: "Method not found" })
    }
  }
  return Effect.map(listen(listener), (url) => ({ url, heard }))
}

/** Answers with a status. */
export const status =
  (code: number, body = "", headers = {}): Answer =>
  (response) =>
    response.writeHead(code, headers).end(body)
