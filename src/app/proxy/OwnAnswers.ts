import { errorResponse, type JsonRpcMessage, jsonRpcMessage } from "../../domain/JsonRpcMessage.ts"

/** The code of errors in JSON-RPC that are the server's own (JSON-RPC 2.0 §5.1). */
const internalError = -32_603
const parseError = -32_700
const invalidRequest = -32_600

/** A response with an error of the proxy itself. */
export const failed = (id: string, message: string): JsonRpcMessage =>
  errorResponse(id, { code: internalError, message })

/** The response to a ping that the server does not get. */
export const pong = (id = "null"): JsonRpcMessage => jsonRpcMessage({ result: {} }).withId(id)

/** The response to a text that is no JSON. */
export const unreadable = (message: string, id = "null"): JsonRpcMessage =>
  errorResponse(id, { code: parseError, message })

/** The response to JSON that is no message. */
export const noMessage = (id = "null"): JsonRpcMessage =>
  errorResponse(id, { code: invalidRequest, message: "This is no message of JSON-RPC." })

/**
 * The response to a request that needs a sign-in. The result of a tool, because a client shows it to its model, which tells the
 * user; for other methods an error.
 */
export const signInNeeded = (request: JsonRpcMessage, id: string, message: string): JsonRpcMessage =>
  request.method === "tools/call"
    ? jsonRpcMessage({ result: { content: [{ type: "text", text: message }], isError: true } }).withId(id)
    : failed(id, message)
