import { Context, type Effect, type Scope } from "effect"
import type { JsonRpcMessage, JsonRpcText } from "../domain/JsonRpcMessage.ts"

/** What a client wrote on one line. */
export type ClientText =
  | JsonRpcText
  /** A line with more bytes than allowed. Its `id`, as JSON, if it could be found. */
  | { readonly _tag: "TooLong"; readonly id: string | undefined; readonly maxMiB: number }

/** The client at the other end. */
export interface OpenClient {
  /**
   * Reads what the client writes until it ends: the input ends, a signal arrives, or the client is gone. The next line is
   * not read before `take` ends.
   */
  readonly receive: (take: (text: ClientText) => Effect.Effect<void>) => Effect.Effect<void>
  /** Writes a message, and ends once the client can take another one. */
  readonly send: (message: JsonRpcMessage) => Effect.Effect<void>
}

/** The MCP client that started this program, which speaks over stdin and stdout (MCP "stdio"). */
export class LocalClient extends Context.Service<
  LocalClient,
  {
    /** Takes stdin and stdout over. Until the scope closes, stdout carries messages only. */
    readonly open: Effect.Effect<OpenClient, never, Scope.Scope>
  }
>()("mcp-cli-oauth/ports/LocalClient") {}
