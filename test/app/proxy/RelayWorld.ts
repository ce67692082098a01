import type { IncomingMessage, ServerResponse } from "node:http"
import { text } from "node:stream/consumers"
import { Deferred, Duration, Effect, Layer, Queue } from "effect"
import * as MemoryLock from "../../../src/adapters/lock/MemoryLock.ts"
import * as ServerWire from "../../../src/adapters/mcp/wire/ServerWire.ts"
import * as MemoryStore from "../../../src/adapters/store/memory/MemoryStore.ts"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import * as Credentials from "../../../src/app/credentials/Credentials.ts"
import * as AuthorizedHttp from "../../../src/app/http/AuthorizedHttp.ts"
import type { MessageRule } from "../../../src/app/proxy/MessageRule.ts"
import * as SignInPrompt from "../../../src/app/proxy/SignInPrompt.ts"
import { stdioProxy } from "../../../src/app/proxy/StdioProxy.ts"
import * as SignIn from "../../../src/app/signin/SignIn.ts"
import * as AccessTokens from "../../../src/app/tokens/AccessTokens.ts"
import type { Opening } from "../../../src/domain/BrowserElection.ts"
import { ByteParts } from "../../../src/domain/ByteParts.ts"
import { readJsonRpc } from "../../../src/domain/JsonRpcMessage.ts"
import { remoteServer } from "../../../src/domain/RemoteServer.ts"
import * as WireLive from "../../../src/live/WireLive.ts"
import { Browser } from "../../../src/ports/Browser.ts"
import type { ClientText } from "../../../src/ports/LocalClient.ts"
import { BrowserOpenings } from "../../../src/ports/BrowserOpenings.ts"
import { UserInteraction } from "../../../src/ports/UserInteraction.ts"
import { listen } from "../../adapters/mcp/McpServers.ts"

/** A message as a client sees it. */
export interface Seen {
  readonly id?: unknown
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: Record<string, unknown>
  readonly error?: { readonly code: number; readonly message: string }
}

/** A client that is connected to a server through the proxy. */
export interface ProxiedClient {
  /** Writes a message, a line as it is, or what the adapter says of one. */
  readonly write: (message: object | string | { readonly _tag: "TooLong" }) => Effect.Effect<void>
  /** The next line that the proxy writes. */
  readonly line: Effect.Effect<string>
  /** The next message that the proxy writes. */
  readonly next: Effect.Effect<Seen>
  /** Lines that the proxy has written and no test has read. */
  readonly waiting: Effect.Effect<number>
  /** Ends the input, and waits until the proxy has ended. */
  readonly close: Effect.Effect<void>
  /** What the user of the proxy was told. */
  readonly told: ReadonlyArray<string>
}

/** What the users of these tests do. */
export interface ProxiedOptions {
  /** Opens the pages of sign-ins. Absent: no browser may be opened. */
  readonly open?: (url: URL) => Effect.Effect<void>
  /** The browsers that other processes have opened, none of which runs now except those of {@link runningPid}. */
  readonly openings?: ReadonlyArray<Opening>
  readonly rules?: ReadonlyArray<MessageRule>
  readonly silence?: number
}

/** A process that runs, besides the proxy. */
export const runningPid = 7

const stackOf = ({ open, openings = [] }: ProxiedOptions) => {
  let recorded = openings
  return Layer.mergeAll(
    AuthorizedHttp.layer,
    ServerWire.layer({ maxMessageMiB: 1 }),
    Layer.succeed(BrowserOpenings, {
      mayOpen: open !== undefined,
      pid: 8,
      isRunning: (pid) => pid === runningPid,
      read: () => Effect.sync(() => recorded),
      replace: (_, openings) => Effect.sync(() => void (recorded = openings))
    })
  ).pipe(
    Layer.provideMerge(AccessTokens.layer),
    Layer.provideMerge(SignIn.layer),
    Layer.provideMerge(Credentials.layer),
    Layer.provideMerge(SignInPrompt.layer),
    Layer.provideMerge(
      Layer.mergeAll(
        MemoryStore.layer,
        MemoryLock.layer,
        Layer.succeed(Browser, { open: (url) => open?.(url) ?? Effect.void }),
        Layer.mock(UserInteraction, {
          attention: Effect.void,
          present: false,
          timeout: Duration.minutes(5),
          askToSignIn: () => Effect.void,
          pastedRedirect: () => Effect.never,
          tell: () => Effect.void
        })
      )
    ),
    Layer.provideMerge(WireLive.layer)
  )
}

/** Starts a proxy in front of a server. */
export const proxied = Effect.fnUntraced(function* (url: URL, options: ProxiedOptions = {}) {
  const input = yield* Queue.unbounded<ClientText | "end">()
  const output = yield* Queue.unbounded<string>()
  const ended = yield* Deferred.make<void>()
  const told: Array<string> = []
  const proxy = stdioProxy({
    client: {
      receive: (take) =>
        Effect.gen(function* () {
          for (;;) {
            const text = yield* Queue.take(input)
            if (text === "end") return
            yield* take(text)
          }
        }),
      send: (message) => Effect.asVoid(Queue.offer(output, message.line().text()))
    },
    server: remoteServer(url, { name: "demo" }),
    account: undefined,
    rules: options.rules ?? [],
    silence: options.silence,
    prefix: "own-",
    textOf: (error) => errorText(error).replaceAll("\n", " "),
    tell: (error) => Effect.sync(() => void told.push(error.message))
  })
  yield* proxy.pipe(
    Effect.scoped,
    Effect.provide(stackOf(options)),
    Effect.ensuring(Deferred.succeed(ended, undefined)),
    Effect.forkScoped
  )
  const line = Queue.take(output)
  return {
    told,
    write: (message) => {
      if (typeof message === "object" && "_tag" in message) {
        return Effect.asVoid(Queue.offer(input, { _tag: "TooLong", id: undefined, maxMiB: 1 }))
      }
      const text = typeof message === "string" ? message : JSON.stringify(message)
      return Effect.asVoid(Queue.offer(input, readJsonRpc(ByteParts.ofText(text))))
    },
    line,
    next: Effect.map(line, (text) => JSON.parse(text) as Seen),
    waiting: Queue.size(output),
    close: Effect.andThen(Queue.offer(input, "end"), Deferred.await(ended))
  } satisfies ProxiedClient
})

/** A request of JSON-RPC. */
export const request = (id: unknown, method: string, params: object = {}) => ({
  jsonrpc: "2.0",
  id,
  method,
  params
})
export const initialize = (capabilities: object = {}, id: unknown = 0) =>
  request(id, "initialize", {
    protocolVersion: "2025-11-25",
    capabilities,
    clientInfo: { name: "test", version: "1" }
  })
export const initialized = { jsonrpc: "2.0", method: "notifications/initialized" }

/** The handshake of a client, up to what the server has of it. */
export const handshake = (client: ProxiedClient, capabilities: object = {}) =>
  Effect.gen(function* () {
    yield* client.write(initialize(capabilities))
    const answer = yield* client.next
    yield* client.write(initialized)
    return answer
  })

/** One request as a server sees it. */
export interface Call {
  readonly http: string
  readonly session: string | undefined
  readonly message: Seen
  readonly body: string
  readonly headers: IncomingMessage["headers"]
  readonly response: ServerResponse
}

/** An MCP server with sessions whose answers a test gives. */
export interface ScriptedServer {
  readonly url: URL
  readonly calls: ReadonlyArray<Call>
  /** `POST initialize`, `GET`, `DELETE` and so on, in order. */
  readonly log: () => ReadonlyArray<string>
  /** Answers 404 from now on to the sessions so far. */
  readonly forget: () => void
  /** The standing stream that is open last. */
  readonly stream: Effect.Effect<ServerResponse>
}

/** Answers a message with a result. */
export const answerWith = ({ message: { id }, response }: Call, result: object): void =>
  void response
    .writeHead(200, { "content-type": "application/json" })
    .end(JSON.stringify({ jsonrpc: "2.0", id, result }))

/** An event with a message. */
export const event = (message: object | string): string =>
  `data: ${typeof message === "string" ? message : JSON.stringify(message)}\n\n`

/**
 * Serves sessions.
 *
 * @param handle answers a message; false: the default answers it, with an empty result
 */
export const sessionServer = (
  handle: (call: Call) => boolean | void | Promise<boolean | void> = () => false
) =>
  Effect.gen(function* () {
    const calls: Array<Call> = []
    const sessions = new Set<string>()
    const streams = yield* Queue.unbounded<ServerResponse>()
    let made = 0
    const origin = yield* listen(async (incoming, response) => {
      const body = await text(incoming)
      const message = (body === "" ? {} : JSON.parse(body)) as Seen
      const session = incoming.headers["mcp-session-id"] as string | undefined
      const call = {
        http: incoming.method ?? "",
        session,
        message,
        body,
        headers: incoming.headers,
        response
      }
      calls.push(call)
      if (session !== undefined && !sessions.has(session)) return void response.writeHead(404).end()
      if ((await handle(call)) === true) return
      if (call.http === "DELETE") return void response.writeHead(200).end()
      if (call.http === "GET") {
        response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders()
        return void Queue.offerUnsafe(streams, response)
      }
      if (message.method === "initialize") {
        const id = `session-${++made}`
        sessions.add(id)
        response.setHeader("mcp-session-id", id)
        return answerWith(call, { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: {} })
      }
      if (message.id === undefined || message.method === undefined) return void response.writeHead(202).end()
      answerWith(call, {})
    })
    return {
      url: new URL("/mcp", origin),
      calls,
      log: () => calls.map(({ http, message }) => [http, message.method].filter(Boolean).join(" ")),
      forget: () => sessions.clear(),
      stream: Queue.take(streams)
    } satisfies ScriptedServer
  })
