import { Context, type Effect, type Option, Schema, type Scope } from "effect"
import type { RemoteServer, StdioServer } from "../domain/Server.ts"

/** The MCP server cannot be reached, broke the protocol, or answered with an error. */
export class McpError extends Schema.TaggedError<McpError>()("McpError", {
  server: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.server}: ${this.detail}`
  }
}

/** A tool of a server. */
export interface McpTool {
  readonly name: string
  readonly title: string | undefined
  readonly description: string | undefined
  /** JSON Schema of its arguments. */
  readonly inputSchema: Readonly<Record<string, unknown>>
}
/** A resource of a server. */
export interface McpResource {
  readonly uri: string
  readonly name: string
  readonly description: string | undefined
  readonly mimeType: string | undefined
}
/** A prompt of a server. */
export interface McpPrompt {
  readonly name: string
  readonly description: string | undefined
  readonly arguments: ReadonlyArray<{
    readonly name: string
    readonly description: string | undefined
    readonly required: boolean
  }>
}
/** A piece of what a tool or resource gave. */
export type McpContent =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Binary"; readonly mimeType: string; readonly bytes: number }
/** What a tool gave. */
export interface McpToolResult {
  readonly content: ReadonlyArray<McpContent>
  readonly structured: Option.Option<unknown>
  /** The tool says that it failed. */
  readonly isError: boolean
  /** The answer as the protocol has it, for `--json`. */
  readonly raw: unknown
}

/**
 * An open session with an MCP server. `E` is what the way to the server can fail with besides `McpError`: for
 * HTTP whatever the token, or the sign-in, can.
 */
export interface McpSession<E> {
  readonly server: { readonly name: string; readonly version: string; readonly protocol: string }
  readonly instructions: Option.Option<string>
  readonly tools: Effect.Effect<ReadonlyArray<McpTool>, McpError | E>
  readonly call: (
    tool: string,
    args: Readonly<Record<string, unknown>>
  ) => Effect.Effect<McpToolResult, McpError | E>
  /** Empty where the server has none. */
  readonly resources: Effect.Effect<ReadonlyArray<McpResource>, McpError | E>
  readonly read: (uri: string) => Effect.Effect<ReadonlyArray<McpContent>, McpError | E>
  /** Empty where the server has none. */
  readonly prompts: Effect.Effect<ReadonlyArray<McpPrompt>, McpError | E>
  /** Any request that the server must answer: its round trip, for `ping`. */
  readonly ping: Effect.Effect<void, McpError | E>
}

/** A way to send a request to a server: with the token in it, and what that takes. */
export type Send<E, R> = (request: Request) => Effect.Effect<Response, E, R>

/** Opens MCP sessions: revision 2026-07-28 and the older ones, streamable HTTP, SSE where there is only that, stdio. */
export class McpConnector extends Context.Service<
  McpConnector,
  {
    /** Opens a session over HTTP; every request of it goes through `send`, whose errors come back as they are. */
    readonly connectHttp: <E, R>(
      server: RemoteServer,
      send: Send<E, R>
    ) => Effect.Effect<McpSession<E>, McpError | E, R | Scope.Scope>
    /** Starts the program and opens a session with it. */
    readonly connectStdio: (server: StdioServer) => Effect.Effect<McpSession<never>, McpError, Scope.Scope>
  }
>()("mcp-cli-oauth/ports/McpConnector") {}
