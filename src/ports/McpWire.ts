import { Context, type Effect, type Scope } from "effect"
import type { JsonRpcMessage } from "../domain/JsonRpcMessage.ts"
import type { RemoteTransport } from "../domain/RemoteCommandLine.ts"
import type { RemoteServer } from "../domain/Server.ts"
import type { McpError, Send, SendOptions } from "./McpConnector.ts"

/** Takes a message of the server. The next one is not read before it ends. */
export type Deliver = (message: JsonRpcMessage) => Effect.Effect<void>

/** How one message is sent. */
export interface PostOptions extends SendOptions {
  /** Headers of this message. They win over those that the wire and the configuration set. */
  readonly headers?: Readonly<Record<string, string>>
}

/** How sending a message ended. */
export type PostEnd =
  /** The response to the request was delivered. `status` is that of HTTP, if it is no success. */
  | { readonly _tag: "Answered"; readonly status?: number }
  /** The server took a notification or a response. */
  | { readonly _tag: "Accepted" }
  /** The request arrived, and there is no response to it. Whether it ran is unknown. */
  | { readonly _tag: "Unanswered"; readonly error: McpError }
  /** The server does not know the session, and did nothing. */
  | { readonly _tag: "SessionLost"; readonly session: string }

/** Why a standing stream is not opened again. */
export type ListenEnd =
  /** The server has none: 405, or another refusal. */
  | { readonly _tag: "NotOffered"; readonly status: number }
  | { readonly _tag: "SessionLost"; readonly session: string }

/** What a server negotiated with `initialize`. */
export interface WireSession {
  /** Absent: the server has no sessions. */
  readonly id: string | undefined
  readonly protocolVersion: string | undefined
}

/** How a standing stream is kept open. */
export interface ListenOptions<E> {
  /** Is called when the stream is open. */
  readonly onOpen?: Effect.Effect<void>
  /** Is called when it cannot be opened, with the milliseconds until the next attempt. */
  readonly onFailure?: (error: E, delay: number) => Effect.Effect<void>
}

/**
 * The way to one server for whole messages, as the bytes that they are. `E` are the errors of the way besides `McpError`:
 * those of the token and the network.
 */
export interface Wire<E> {
  /** What the last `initialize` led to; `undefined` before. */
  readonly session: () => WireSession | undefined
  /**
   * Sends a message and delivers what the server sends for it, up to the response. A stream that breaks is resumed if the
   * server numbers its events. Interruption ends the HTTP request, which cancels it in revision 2026-07-28.
   *
   * An `initialize` is sent without a session, and its response starts the next one.
   *
   * An HTTP error with a JSON-RPC error as its body is delivered as the response. Fails with `McpError` for every other
   * answer that is no response, and with `E` if there is no answer. A message is never sent twice, except after a 401 by
   * `send` and after a redirect.
   */
  readonly post: (
    message: JsonRpcMessage,
    deliver: Deliver,
    options?: PostOptions
  ) => Effect.Effect<PostEnd, McpError | E>
  /**
   * Delivers the messages of the standing stream (GET) of this session. It opens the stream again, with the last event id,
   * for as long as it runs: after the end of a stream, an error of the server, and an error of `send`.
   */
  readonly listen: (deliver: Deliver, options?: ListenOptions<McpError | E>) => Effect.Effect<ListenEnd>
}

/** How a wire is opened. */
export interface OpenOptions {
  /** Streamable HTTP, HTTP+SSE of 2024-11-05, or the other one if the server has not the first. Absent: as configured. */
  readonly transport?: RemoteTransport
  /** False: cookies are neither taken nor sent. */
  readonly cookies?: boolean
}

/** Exchanges messages with servers over streamable HTTP, or over the transport before it (MCP "Transports"), without a look at what they say. */
export class McpWire extends Context.Service<
  McpWire,
  {
    /**
     * Makes the way to a server. It sends nothing yet. Every request goes through `send`, whose errors are returned
     * unchanged. A session that is open when the scope closes is ended with one DELETE.
     *
     * Cookies of the server are sent back to it (RFC 6265): load balancers use them to find the process with the session.
     *
     * Over HTTP+SSE a session is one stream: when it ends, the session is lost, and `initialize` opens the next one.
     *
     * Fails if the configuration has headers that cannot be sent.
     */
    readonly open: <E, R>(
      server: RemoteServer,
      send: Send<E, R>,
      options?: OpenOptions
    ) => Effect.Effect<Wire<E>, McpError, R | Scope.Scope>
  }
>()("mcp-cli-oauth/ports/McpWire") {}
