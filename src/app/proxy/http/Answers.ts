import type { Remediable } from "../../../domain/Remedy.ts"
import type { HeaderField, LocalAnswer } from "../../../ports/LocalListener.ts"

/** The code of errors in JSON-RPC that are the server's own (JSON-RPC 2.0 §5.1). */
const internalError = -32_603

/** Bytes of a request that are read again for its `id`. Larger ones carry data, and few fail. */
const maxReread = 65_536

/** The `id` of a request; null for a batch, a notification, and what cannot be read. */
const idOf = (body: Uint8Array): string | number | null => {
  if (body.length === 0 || body.length > maxReread) return null
  try {
    const message: unknown = JSON.parse(new TextDecoder().decode(body))
    const id = typeof message === "object" && message !== null && "id" in message ? message.id : null
    return typeof id === "string" || Number.isSafeInteger(id) ? (id as string | number) : null
  } catch {
    return null
  }
}

/** An error of the proxy itself, as the clients of MCP show it to their users. */
export const errorAnswer = (
  status: number,
  message: string,
  headers: ReadonlyArray<HeaderField>,
  request: Uint8Array = new Uint8Array()
): LocalAnswer => ({
  status,
  headers: [...headers, ["content-type", "application/json"]],
  body: JSON.stringify({ jsonrpc: "2.0", id: idOf(request), error: { code: internalError, message } })
})

/** The status of an error on the way to the server (RFC 9110 §15.6). */
export const statusOf = (error: Remediable & { readonly _tag: string }): 502 | 504 =>
  error._tag === "NetworkError" && "unanswered" in error && error.unanswered === "timeout" ? 504 : 502
