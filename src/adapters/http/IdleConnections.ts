import { nodeModule } from "../platform/NodeModule.ts"
import { keptIdle } from "./HttpLimits.ts"

/** A connection of undici, the HTTP client below `fetch` of Node. */
interface Connection {
  /** Of its last request. */
  origin: string
  /** Requests without a complete answer. */
  running: number
  idleSince: number
  /** How long the server keeps it without a request; in milliseconds. */
  kept: number
}
interface Socket {
  readonly destroy: () => void
  readonly once: (event: "close", listener: () => void) => void
}
/** Raw header fields: names and values take turns. */
type RawHeaders = ReadonlyArray<{ readonly toString: () => string }>
/** The messages of undici's channels that are read here. */
interface Message {
  readonly connectParams: { readonly protocol: string; readonly host: string }
  readonly request: { readonly origin?: unknown }
  readonly socket: Socket
  readonly response: { readonly headers: RawHeaders }
}

const connections = new Map<Socket, Connection>()
/** When the connections to an origin were checked: a thousand requests at once do it once. */
const checkedAt = new Map<string, number>()
const running = new WeakMap<object, Connection>()

/** The wall clock: the time of a suspended machine counts, too. Undici has no place for a service. */
// @effect-diagnostics-next-line globalDate:off
const now = () => Date.now()

/** `Keep-Alive: timeout=N` of an answer, in milliseconds. */
const announced = (headers: RawHeaders): number | undefined => {
  const name = headers.findIndex((field, index) => index % 2 === 0 && /^keep-alive$/i.test(field.toString()))
  const [, seconds] = /\btimeout=(\d+)/i.exec(headers[name + 1]?.toString() ?? "") ?? []
  return name < 0 || seconds === undefined ? undefined : Number(seconds) * 1000
}

const ended = ({ request }: Message) => {
  const connection = running.get(request)
  if (connection === undefined) return
  running.delete(request)
  connection.running--
  connection.idleSince = now()
}

/** What is known of a connection. One that waits for its first request is idle since it was opened. */
const connectionOf = (socket: Socket): Connection => {
  const known = connections.get(socket)
  if (known !== undefined) return known
  const connection = { origin: "", running: 0, idleSince: now(), kept: keptIdle }
  connections.set(socket, connection)
  socket.once("close", () => connections.delete(socket))
  return connection
}

const readers: Readonly<Record<string, (message: Message) => void>> = {
  "undici:client:connected": ({ connectParams: { host, protocol }, socket }) => {
    connectionOf(socket).origin = `${protocol}//${host}`
  },
  "undici:client:sendHeaders": ({ request, socket }) => {
    const connection = connectionOf(socket)
    connection.origin = String(request.origin)
    connection.running++
    running.set(request, connection)
  },
  "undici:request:headers": ({ request, response }) => {
    const connection = running.get(request)
    if (connection !== undefined) connection.kept = announced(response.headers) ?? keptIdle
  },
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
    if (
      connection.origin === origin &&
      connection.running === 0 &&
      time - connection.idleSince >= connection.kept / 2
    )
      socket.destroy()
}
