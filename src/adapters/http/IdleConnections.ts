import { nodeModule } from "../platform/NodeModule.ts"
import { keptIdle } from "./HttpLimits.ts"

/** The part of a socket that is used here. */
interface Socket {
  readonly destroy: () => void
  readonly once: (event: "close", listener: () => void) => unknown
}
/** Raw header fields of undici: names and values take turns. */
type RawHeaders = ReadonlyArray<{ readonly toString: () => string }>
/** The messages of undici's channels that are read here. */
interface Message {
  readonly connectParams: { readonly protocol: string; readonly host: string }
  readonly request: { readonly origin?: unknown }
  readonly socket: Socket
  readonly response: { readonly headers: RawHeaders }
}

/** The wall clock: the time of a suspended machine counts, too. The HTTP clients of Node have no place for a service. */
// @effect-diagnostics-next-line globalDate:off
const now = () => Date.now()

/** `Keep-Alive: timeout=N`, in milliseconds. */
const announced = (keepAlive: string): number | undefined => {
  const [, seconds] = /\btimeout=(\d+)/i.exec(keepAlive) ?? []
  return seconds === undefined ? undefined : Number(seconds) * 1000
}

/** A connection, and how long it may be idle. One that waits for its first request is idle since it was opened. */
class Connection {
  /** Of its last request. */
  origin: string
  /** Requests without a complete answer. */
  #running = 0
  #idleSince = now()
  /** How long the server keeps it without a request; in milliseconds. */
  #kept = keptIdle

  constructor(origin: string) {
    this.origin = origin
  }

  sent(): void {
    this.#running++
  }

  /** @param keepAlive the header of this name */
  answered(keepAlive: string): void {
    this.#kept = announced(keepAlive) ?? keptIdle
  }

  ended(): void {
    this.#running--
    this.#idleSince = now()
  }

  /** It was idle for half of the time that the server keeps it. */
  isTooOld(time: number): boolean {
    return this.#running === 0 && time - this.#idleSince >= this.#kept / 2
  }
}

const connections = new Map<Socket, Connection>()
/** When the connections to an origin were checked: a thousand requests at once do it once. */
const checkedAt = new Map<string, number>()
const running = new WeakMap<object, Connection>()

/** What is known of a connection, which is open. */
export const connectionOf = (socket: Socket, origin: string): Connection => {
  const known = connections.get(socket)
  if (known !== undefined) {
    known.origin = origin
    return known
  }
  const connection = new Connection(origin)
  connections.set(socket, connection)
  socket.once("close", () => connections.delete(socket))
  return connection
}

const keepAliveIn = (headers: RawHeaders): string => {
  const name = headers.findIndex((field, index) => index % 2 === 0 && /^keep-alive$/i.test(field.toString()))
  return name < 0 ? "" : (headers[name + 1]?.toString() ?? "")
}

const ended = ({ request }: Message) => {
  running.get(request)?.ended()
  running.delete(request)
}

/** Those of undici, the HTTP client below `fetch` of Node. */
const readers: Readonly<Record<string, (message: Message) => void>> = {
  "undici:client:connected": ({ connectParams: { host, protocol }, socket }) =>
    void connectionOf(socket, `${protocol}//${host}`),
  "undici:client:sendHeaders": ({ request, socket }) => {
    const connection = connectionOf(socket, String(request.origin))
    connection.sent()
    running.set(request, connection)
  },
  "undici:request:headers": ({ request, response }) =>
    running.get(request)?.answered(keepAliveIn(response.headers)),
  "undici:request:trailers": ended,
  "undici:request:error": ended
}

const channels = nodeModule("node:diagnostics_channel")
for (const [name, read] of Object.entries(readers))
  channels?.subscribe(name, (message) => read(message as Message))

/**
 * Closes the connections to an origin that were idle for half of the time that the server keeps them.
 *
 * A request on a connection that the server closes at that moment gets no answer, and only some may be sent again. Undici has
 * a timer for this. It counts its own turns and not the time, so that connections live longer in a busy process.
 */
export const closeIdleConnections = (origin: string): void => {
  const time = now()
  if (checkedAt.get(origin) === time) return
  checkedAt.set(origin, time)
  for (const [socket, connection] of connections)
    if (connection.origin === origin && connection.isTooOld(time)) socket.destroy()
}
