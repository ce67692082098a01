import type { JsonRpcMessage } from "../../domain/JsonRpcMessage.ts"

/** Changes messages that pass the proxy, or answers them. Almost all messages pass every rule as they are. */
export interface MessageRule {
  /** Takes a message of the client. A response in the place of a request answers it, and the server never gets it. */
  readonly fromClient?: (message: JsonRpcMessage) => JsonRpcMessage
  /**
   * Takes a message of the server.
   *
   * @param request what a response answers
   */
  readonly fromServer?: (message: JsonRpcMessage, request: JsonRpcMessage | undefined) => JsonRpcMessage
}

/** Applies rules to a message of the client, in order, until one of them answers it. */
export const fromClient = (rules: ReadonlyArray<MessageRule>, message: JsonRpcMessage): JsonRpcMessage => {
  let passed = message
  for (const rule of rules) {
    passed = rule.fromClient?.(passed) ?? passed
    if (message.kind === "request" && passed.kind === "response") return passed
  }
  return passed
}

/** Applies rules to a message of the server, in the reverse order. */
export const fromServer = (
  rules: ReadonlyArray<MessageRule>,
  message: JsonRpcMessage,
  request: JsonRpcMessage | undefined
): JsonRpcMessage =>
  rules.reduceRight((passed, rule) => rule.fromServer?.(passed, request) ?? passed, message)
