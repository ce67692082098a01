import { Deferred, Effect, type Scope } from "effect"
import { printable } from "../../domain/PrintableText.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { isSameOrigin } from "../../domain/SecureUrl.ts"
import * as Remedy from "../../domain/Remedy.ts"
import { McpError, type Send } from "../../ports/McpConnector.ts"
import type { Identity } from "./Connection.ts"
import { McpClient, type Connection } from "./McpClient.ts"
import { EventReader } from "./wire/EventReader.ts"
import { exchange } from "./wire/WireRequests.ts"
import { WireFailures } from "./wire/WireFailures.ts"

/** A client over the older SSE transport, before its handshake. */
export interface SseConnection<E> {
  readonly client: McpClient<E>
  readonly isAlive: () => boolean
  /** Opens the stream, which is the session. */
  readonly start: Effect.Effect<void, McpError | E>
}

const chunksOf = (response: Response) => {
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = response.body?.getReader()
  return {
    next: Effect.promise(async () => {
      try {
        return (await reader?.read())?.value
      } catch {
        return undefined
      }
    }),
    cancel: Effect.promise(async () => reader?.cancel().catch(() => undefined))
  }
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * Makes a client over the transport of revision 2024-11-05: one stream has the messages of the server, and each message for it
 * is a POST to the address that the stream names first. The stream is not opened again, because that is another session.
 */
export const openSseConnection = Effect.fnUntraced(function* <E, R>(options: {
  readonly server: RemoteServer
  readonly identity: Identity
  readonly send: Send<McpError | E, R>
}): Effect.fn.Return<SseConnection<E>, never, R | Scope.Scope> {
  const { identity, send, server } = options
  const context = yield* Effect.context<R>()
  const scope = yield* Effect.scope
  const failures = new WireFailures(server)
  const endpoint = yield* Deferred.make<URL, McpError>()
  const ended = yield* Deferred.make<never, McpError>()
  let isAlive = true

  const sendTo = (url: URL, method: "GET" | "POST", headers: HeadersInit, body?: Uint8Array) =>
    Effect.provideContext(
      exchange({ ...server, url }, send, { method, headers: new Headers(headers), body }),
      context
    )
  /** The status alone: few servers say more about a stream. */
  const refused = ({ headers, status }: Response) => failures.status({ status, statusText: "", headers }, "")

  const connection: Connection<E> = {
    isRequestOfItsOwn: false,
    ended: Deferred.await(ended),
    post: Effect.fnUntraced(function* (message) {
      const url = yield* Deferred.await(endpoint)
      const body = new TextEncoder().encode(JSON.stringify(message))
      const response = yield* sendTo(url, "POST", { "content-type": "application/json" }, body)
      const said = yield* Effect.promise(() => response.text().catch(() => ""))
      if (!response.ok) return yield* failures.status(response, said)
      return { _tag: "Accepted" }
    })
  }
  const client = yield* McpClient.make<E>(connection, identity)

  const take = Effect.fnUntraced(function* (name: string, data: string) {
    if (name === "message") return yield* client.receive(parsed(data))
    if (name !== "endpoint") return
    const target = URL.parse(data, server.url)
    yield* target !== null && isSameOrigin(target, server.url)
      ? Deferred.succeed(endpoint, target)
      : Deferred.fail(endpoint, failures.unusable(`it names another origin: ${printable(data)}`))
  })

  const read = Effect.fnUntraced(function* (response: Response) {
    const reader = new EventReader({ maxBytes: Infinity, onRetry: () => undefined })
    const { cancel, next } = chunksOf(response)
    yield* Effect.gen(function* () {
      for (let chunk = yield* next; chunk !== undefined; chunk = yield* next) {
        const events = reader.add(chunk)
        for (const { data, name } of events === "TooLong" ? [] : events) yield* take(name, data.text())
      }
    }).pipe(Effect.ensuring(cancel))
    isAlive = false
    yield* Deferred.fail(endpoint, failures.closed)
    yield* Deferred.fail(ended, failures.closed)
  })

  const start = Effect.gen(function* () {
    const response = yield* sendTo(server.url, "GET", { accept: "text/event-stream" })
    const type = response.headers.get("content-type")
    if (!response.ok) return yield* refused(response)
    if (!/^\s*text\/event-stream\b/i.test(type ?? "")) {
      return yield* new McpError({
        server: server.name,
        detail: `it opens no SSE stream: it answered with ${printable(type ?? "nothing")}.`,
        remedies: [Remedy.check(Remedy.entryOf(server.name), ["url"])]
      })
    }
    yield* Effect.forkIn(read(response), scope, { startImmediately: true })
    yield* Deferred.await(endpoint)
  })
  return { client, isAlive: () => isAlive, start }
})
