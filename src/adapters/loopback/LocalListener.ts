import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { Effect, FiberSet, Layer, type Scope } from "effect"
import {
  type LocalAnswer,
  LocalListener,
  LocalListenError,
  type LocalPlace,
  type LocalRequest
} from "../../ports/LocalListener.ts"
import { explainErrno } from "../platform/Errno.ts"
import { type LocalLimits, localLimits } from "./LocalLimits.ts"
import { bindLoopback, loadHttp } from "./LoopbackBind.ts"
import { peerOwners } from "./PeerOwner.ts"
import { listenAtSocket } from "./UnixSocket.ts"

/** Reads a body. Never completes if its connection closes: that interrupts the reader. */
const readBody = (
  request: IncomingMessage,
  maxBytes: number,
  start: () => void
): Effect.Effect<Uint8Array<ArrayBuffer> | undefined> =>
  Effect.callback((resume) => {
    const chunks: Array<Buffer> = []
    let length = 0
    const tooLong = () => {
      request.pause()
      resume(Effect.undefined)
    }
    if (Number(request.headers["content-length"] ?? 0) > maxBytes) return tooLong()
    start()
    request.on("data", (chunk: Buffer) => {
      length += chunk.length
      if (length > maxBytes) return tooLong()
      chunks.push(chunk)
    })
    request.on("end", () => resume(Effect.succeed(Buffer.concat(chunks))))
    // "close" of the response tells.
    request.on("error", () => undefined)
  })

const pairs = (raw: ReadonlyArray<string>): LocalRequest["headers"] =>
  Array.from({ length: raw.length / 2 }, (_, at) => [
    (raw[2 * at] ?? "").toLowerCase(),
    raw[2 * at + 1] ?? ""
  ])

/** Resolves when a response can take more, or its connection is gone. */
const whenDrained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      response.off("drain", done)
      response.off("close", done)
      resolve()
    }
    response.on("drain", done)
    response.on("close", done)
  })

/**
 * Copies a stream as fast as the response takes it. A stream that fails breaks the connection: its end would look like a whole
 * answer.
 */
const copy = async (reader: ReadableStreamDefaultReader<Uint8Array>, response: ServerResponse) => {
  // The head goes out before the first event of a stream, and in one packet with a body that is there already.
  const alone = setImmediate(() => response.flushHeaders())
  try {
    for (;;) {
      const { done, value } = await reader.read()
      clearImmediate(alone)
      if (response.destroyed) return
      if (done) break
      if (!response.write(value)) await whenDrained(response)
    }
    response.end()
  } catch {
    clearImmediate(alone)
    response.destroy()
  }
}

const write = (
  request: IncomingMessage,
  response: ServerResponse,
  answer: LocalAnswer
): Effect.Effect<void> => {
  const { body, headers, status } = answer
  const head = () => {
    // The rest of a body that is not read must not be taken for the next request.
    if (!request.complete) response.shouldKeepAlive = false
    const raw = headers.flatMap(([name, value]) => [name, value])
    response.writeHead(status, raw)
  }
  if (body === null || typeof body === "string") {
    return Effect.sync(() => {
      head()
      response.end(body ?? undefined)
    })
  }
  return Effect.acquireUseRelease(
    Effect.sync(() => body.getReader()),
    (reader) =>
      Effect.promise(() => {
        head()
        return copy(reader, response)
      }),
    (reader) => Effect.sync(() => void reader.cancel().catch(() => undefined))
  )
}

const whenClosed = (response: ServerResponse): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const done = () => resume(Effect.void)
    response.once("close", done)
    return Effect.sync(() => response.off("close", done))
  })

/** Listens with `node:http`, whose parser refuses ambiguous framing, such as `Content-Length` beside `Transfer-Encoding`. */
export const layer = (limits: LocalLimits = localLimits): Layer.Layer<LocalListener> =>
  Layer.succeed(
    LocalListener,
    LocalListener.of({
      listen: Effect.fn("LocalListener.listen")(function* (place, handle): Effect.fn.Return<
        LocalPlace,
        LocalListenError,
        Scope.Scope
      > {
        const run = yield* FiberSet.makeRuntime<never>()
        const owners = peerOwners()
        const mayBeOthers = new WeakMap<Socket, boolean>()
        let at: LocalPlace = place
        let checksUser = false

        const onRequest = (request: IncomingMessage, response: ServerResponse, waitsToSend = false): void => {
          const { socket } = request
          const mayBeOfAnotherUser = () => {
            const known = mayBeOthers.get(socket) ?? (checksUser && owners.mayBeAnotherUser(socket))
            mayBeOthers.set(socket, known)
            return known
          }
          const local: LocalRequest = {
            method: request.method ?? "",
            target: request.url ?? "",
            headers: pairs(request.rawHeaders),
            body: (maxBytes) =>
              readBody(request, maxBytes, () => {
                if (waitsToSend) response.writeContinue()
              }),
            mayBeOfAnotherUser
          }
          // What is written to a connection that is gone fails, and "close" has told.
          response.on("error", () => undefined)
          const answered = Effect.flatMap(handle(local, at), (answer) => write(request, response, answer))
          run(
            Effect.raceFirst(answered, whenClosed(response)).pipe(
              Effect.onError(() => Effect.sync(() => response.destroy()))
            )
          )
        }

        const make: Effect.Effect<Server> = Effect.map(loadHttp, ({ createServer }) => {
          const server = createServer(
            {
              maxHeaderSize: limits.headers,
              headersTimeout: limits.head,
              requestTimeout: limits.request,
              keepAliveTimeout: limits.idle,
              connectionsCheckingInterval: Math.min(limits.head, 1000),
              noDelay: true
            },
            (request, response) => onRequest(request, response)
          )
          // Otherwise Node asks for the body of a request that is refused (RFC 9110 §10.1.1).
          server.on("checkContinue", (request, response) => onRequest(request, response, true))
          return server
        })

        if (place._tag === "Socket") {
          yield* listenAtSocket(make, place.path)
          return at
        }
        const { port } = yield* bindLoopback(make, ["127.0.0.1", "::1"], place.port).pipe(
          Effect.mapError(
            (code) =>
              new LocalListenError({
                place: place.port === 0 ? "a free port" : `port ${place.port}`,
                detail: code === "EADDRINUSE" ? "another program uses it" : explainErrno(code)
              })
          )
        )
        at = { _tag: "Port", port }
        checksUser = owners.canTell(port)
        return at
      })
    })
  )
