import { membersOf } from "./JsonMembers.ts"
import type { JsonRpcMessage } from "./JsonRpcMessage.ts"

/** Codes of JSON-RPC errors (MCP 2026-07-28 "Error Codes"). */
export const errorCodes = {
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  headerMismatch: -32020,
  unsupportedVersion: -32022
} as const

/** The code of a response with an error. */
export const codeOf = (response: JsonRpcMessage): number | undefined => {
  const error = response.raw("error")
  const code = error === undefined ? undefined : membersOf(error)?.findLast(({ name }) => name === "code")
  const value = code === undefined ? undefined : Number(code.value.text())
  return Number.isInteger(value) ? value : undefined
}

/** True for an error that only a server of the modern revisions sends. */
export const isModernError = (response: JsonRpcMessage): boolean => {
  const code = codeOf(response) ?? 0
  return code <= errorCodes.headerMismatch && code >= errorCodes.unsupportedVersion
}
