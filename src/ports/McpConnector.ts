import { Context, type Duration, Effect, type Option, Schema, type Scope } from "effect"
import { Remedy } from "../domain/Remedy.ts"
import type { RemoteServer, StdioServer } from "../domain/Server.ts"

/** The MCP server cannot be reached, broke the protocol, or answered with an error. */
export class McpError extends Schema.TaggedError<McpError>()("McpError", {
  server: Schema.String,
  /** What happened, as a whole sentence about the server: "it answered HTTP 500." */
  detail: Schema.String,
  /** The HTTP status, if the server answered with one that is no success. */
  status: Schema.optionalKey(Schema.Int),
  /**
   * Of a call of a tool: it was not sent, or there is no answer that says whether it was carried out. Absent: the server
   * answered.
   */
  call: Schema.optionalKey(Schema.Literals(["not made", "uncertain"])),
  remedies: Schema.Array(Remedy).pipe(Schema.withConstructorDefault(Effect.succeed([])))
}) {
  override get message(): string {
    if (this.call === undefined) return `${this.server}: ${this.detail}`
    // A detail of several lines ends with what the server wrote.
    const space = this.detail.includes("\n") ? "\n" : " "
    const outcome = this.call === "uncertain" ? "may have been carried out" : "was not made"
    return `${this.server}: ${this.detail}${space}The call ${outcome}.`
  }
}

/** What a server says about the effects of a tool. The defaults of the protocol are the dangerous ones. */
export interface McpToolAnnotations {
  /** It changes nothing. Absent: it may. */
  readonly readOnlyHint?: boolean
  /** It may delete or overwrite. Absent: it may. */
  readonly destructiveHint?: boolean
  /** A second equal call changes nothing more. Absent: it may. */
  readonly idempotentHint?: boolean
  /** It deals with what others can reach: the web, mail. Absent: it does. */
  readonly openWorldHint?: boolean
}

/** A tool of a server. */
export interface McpTool {
  readonly name: string
  readonly title: string | undefined
  readonly description: string | undefined
  /** JSON Schema of its arguments. */
  readonly inputSchema: Readonly<Record<string, unknown>>
  /** JSON Schema of its structured results. Absent: the server does not say. */
  readonly outputSchema?: Readonly<Record<string, unknown>>
  /** Absent: the server says nothing. */
  readonly annotations?: McpToolAnnotations
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
/** A picture, a sound, or another file. */
export interface McpBinary {
  readonly _tag: "Binary"
  readonly mimeType: string
  /** Its length. */
  readonly bytes: number
  readonly base64: string
  /** Of a long one, its bytes one after the other. `base64` builds a string with each use, which takes more memory. */
  readonly parts?: () => Iterable<Uint8Array>
}
/** A text. */
export interface McpText {
  readonly _tag: "Text"
  readonly text: string
  /** Of a long one, its pieces one after the other. `text` builds a string with each use, which takes more memory. */
  readonly pieces?: () => Iterable<string>
}
/** A piece of the content of a tool result, a resource or a prompt. */
export type McpContent = McpText | McpBinary
/** What a server answers with content. */
export interface McpAnswer {
  readonly content: ReadonlyArray<McpContent>
  /** The answer as the protocol has it, for programs. */
  readonly raw: unknown
  /** The same, with an instance of {@link LongText} for each long text. Absent: as `raw`. */
  readonly inPieces?: unknown
}
/** The result of a tool. */
export interface McpToolResult extends McpAnswer {
  readonly structured: Option.Option<unknown>
  /** True: the tool says that it failed. */
  readonly isError: boolean
}

/** How far a call is. */
export interface McpProgress {
  readonly progress: number
  /** Absent: the server does not know. */
  readonly total: number | undefined
  readonly message: string | undefined
}

/** How a tool is called. */
export interface McpCallOptions {
  /** How long the server may be silent; absent: as long as in the session. Progress counts as an answer. */
  readonly timeout?: Duration.Duration | undefined
  /** Is called when the server reports progress. */
  readonly onProgress?: ((progress: McpProgress) => void) | undefined
}

/** An argument whose value a server is asked to complete. */
export interface McpCompletion {
  /** The prompt, or the template of resources, that it belongs to. */
  readonly of: { readonly prompt: string } | { readonly uriTemplate: string }
  readonly argument: string
  /** What is typed so far. */
  readonly value: string
  /** The other arguments. */
  readonly given: Readonly<Record<string, string>>
}

/**
 * An open session with an MCP server. `E` are the errors of the way to the server besides `McpError`: over HTTP those
 * of the token and the sign-in.
 */
export interface McpSession<E> {
  readonly server: { readonly name: string; readonly version: string; readonly protocol: string }
  readonly instructions: Option.Option<string>
  readonly tools: Effect.Effect<ReadonlyArray<McpTool>, McpError | E>
  /** How often the server has said that its tools changed. Absent: that is not heard. */
  readonly toolChanges?: Effect.Effect<number>
  readonly call: (
    tool: string,
    args: Readonly<Record<string, unknown>>,
    options?: McpCallOptions
  ) => Effect.Effect<McpToolResult, McpError | E>
  /** Empty if the server has none. */
  readonly resources: Effect.Effect<ReadonlyArray<McpResource>, McpError | E>
  readonly read: (uri: string, options?: McpCallOptions) => Effect.Effect<McpAnswer, McpError | E>
  /** Empty if the server has none. */
  readonly prompts: Effect.Effect<ReadonlyArray<McpPrompt>, McpError | E>
  /** The messages of a prompt with these arguments. */
  readonly prompt: (
    name: string,
    args: Readonly<Record<string, string>>,
    options?: McpCallOptions
  ) => Effect.Effect<McpAnswer, McpError | E>
  /** The values that the server suggests; empty if it suggests none. */
  readonly complete: (completion: McpCompletion) => Effect.Effect<ReadonlyArray<string>, McpError | E>
  /** One round trip: any request that the server must answer. */
  readonly ping: Effect.Effect<void, McpError | E>
}

/** How one request is sent. */
export interface SendOptions {
  /** Milliseconds until the head of an answer; a refresh and a sign-in do not count. Absent: the default of the sender. */
  readonly timeout?: number
  /** False: a token that the server refuses, with 401 or for a missing scope, stays as it is, and the answer is returned. */
  readonly renew?: boolean
}

/** Sends a request to a server with the token in it, which may need a refresh or a sign-in. */
export type Send<E, R> = (request: Request, options?: SendOptions) => Effect.Effect<Response, E, R>

/** Opens MCP sessions: revision 2026-07-28 and the older ones, streamable HTTP, SSE where there is only that, stdio. */
export class McpConnector extends Context.Service<
  McpConnector,
  {
    /** Opens a session over HTTP; every request goes through `send`, whose errors are returned unchanged. */
    readonly connectHttp: <E, R>(
      server: RemoteServer,
      send: Send<E, R>
    ) => Effect.Effect<McpSession<E>, McpError | E, R | Scope.Scope>
    /** Starts the program and opens a session with it. */
    readonly connectStdio: (server: StdioServer) => Effect.Effect<McpSession<never>, McpError, Scope.Scope>
  }
>()("mcp-cli-oauth/ports/McpConnector") {}
