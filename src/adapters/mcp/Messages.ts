/** A JSON object. */
export type Fields = Readonly<Record<string, unknown>>

/** True for a JSON object. */
export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

type Id = string | number

/** A JSON-RPC request. */
export interface RpcRequest {
  readonly jsonrpc: "2.0"
  readonly id: Id
  readonly method: string
  readonly params?: Fields
}
/** A JSON-RPC request without an answer. */
export interface RpcNotification {
  readonly jsonrpc: "2.0"
  readonly method: string
  readonly params?: Fields
}
/** An answer to a request. */
export interface RpcResult {
  readonly jsonrpc: "2.0"
  readonly id: Id
  readonly result: Fields
}
/** An answer to a request that failed. The id is absent or null if the other side could not read it. */
export interface RpcFailure {
  readonly jsonrpc: "2.0"
  readonly id?: Id | null
  readonly error: { readonly code: number; readonly message: string; readonly data?: unknown }
}
/** A JSON-RPC 2.0 message. */
export type RpcMessage = RpcRequest | RpcNotification | RpcResult | RpcFailure

const isId = (id: unknown): boolean => typeof id === "string" || typeof id === "number"

/** True if a JSON value is a JSON-RPC 2.0 message. */
export const isMessage = (value: unknown): value is RpcMessage => {
  if (!isFields(value) || value["jsonrpc"] !== "2.0") return false
  const { error, id, method, params, result } = value
  if (method !== undefined)
    return (
      typeof method === "string" &&
      (id === undefined || isId(id)) &&
      (params === undefined || isFields(params))
    )
  if (result !== undefined) return isFields(result) && isId(id)
  return (
    isFields(error) &&
    Number.isInteger(error["code"]) &&
    typeof error["message"] === "string" &&
    (id === undefined || id === null || isId(id))
  )
}

/** True for a message that must be answered. */
export const isRequest = (message: RpcMessage): message is RpcRequest =>
  "method" in message && "id" in message && message.id !== undefined
