import { spawnSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { request as httpRequest, type IncomingMessage } from "node:http"
import { connect, type Socket } from "node:net"
import { networkInterfaces } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, type Scope } from "effect"
import { localLimits, type LocalLimits } from "../../../src/adapters/loopback/LocalLimits.ts"
import { layer } from "../../../src/adapters/loopback/LocalListener.ts"
import {
  type LocalAnswer,
  LocalListener,
  type LocalPlace,
  type LocalRequest
} from "../../../src/ports/LocalListener.ts"
import { temporaryFolder } from "../TemporaryFolder.ts"

type Handle = (request: LocalRequest) => Effect.Effect<LocalAnswer>

const text = (body: string, status = 200): LocalAnswer => ({ status, headers: [], body })
const anyPort: LocalPlace = { _tag: "Port", port: 0 }

const listenAt = (place: LocalPlace, handle: Handle, limits: Partial<LocalLimits> = {}) =>
  LocalListener.use((listener) => listener.listen(place, handle)).pipe(
    Effect.provide(layer({ ...localLimits, ...limits }))
  )

/** Listens at a free port, and gives it. */
const listen = (handle: Handle, limits?: Partial<LocalLimits>) =>
  Effect.map(Effect.orDie(listenAt(anyPort, handle, limits)), (at) => (at._tag === "Port" ? at.port : 0))

/** Sends bytes, and gives what comes back until the connection closes. */
const raw = (port: number, bytes: string): Effect.Effect<string> =>
  Effect.callback((resume) => {
    let received = ""
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes, "latin1"))
    socket.on("data", (data) => {
      received += data.toString("latin1")
    })
    socket.on("error", () => undefined)
    socket.on("close", () => resume(Effect.succeed(received)))
    return Effect.sync(() => socket.destroy())
  })

/** Opens a connection that the test writes to and reads from. */
const open = (port: number): Effect.Effect<Socket, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const socket = connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
      socket.on("error", () => undefined)
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])

/** Answers, and says which requests there were. */
const recording = () => {
  const seen: Array<string> = []
  const handle: Handle = Effect.fnUntraced(function* ({ body, method, target }) {
    seen.push(`${method} ${target}`)
    const read = yield* body(1_000_000)
    return text(`${read?.length}`)
  })
  return { seen, handle }
}

describe("the listener for local programs", () => {
  it.live("answers at both addresses of loopback, and at no other", () =>
    Effect.gen(function* () {
      const port = yield* listen(() => Effect.succeed(text("hello")))
      const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
        all?.some(({ address }) => address === "::1")
      )
      for (const host of ["127.0.0.1", ...(hasIpv6 ? ["[::1]"] : [])]) {
        const answer = yield* Effect.promise(async () => (await fetch(`http://${host}:${port}/`)).text())
        assert.strictEqual(answer, "hello")
      }
      for (const { address, family, internal } of Object.values(networkInterfaces()).flatMap(
        (all) => all ?? []
      )) {
        if (internal || family !== "IPv4") continue
        const refused = yield* Effect.callback<boolean>((resume) => {
          const socket = connect(port, address, () => resume(Effect.succeed(false)))
          socket.on("error", () => resume(Effect.succeed(true)))
        })
        assert.isTrue(refused, address)
      }
    })
  )

  it.live("names a port that another program uses", () =>
    Effect.gen(function* () {
      const port = yield* listen(() => Effect.succeed(text("")))
      const error = yield* Effect.flip(listenAt({ _tag: "Port", port }, () => Effect.succeed(text(""))))
      assert.strictEqual(error.message, `Cannot listen at port ${port}: another program uses it.`)
    })
  )

  it.live("gives headers as they were sent, repeated ones too", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const port = yield* listen(({ headers }) => {
        seen.push(...headers)
        return Effect.succeed(text(""))
      })
      yield* raw(port, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nX-One: 1\r\nConnection: close\r\n\r\n")
      assert.deepEqual(seen, [
        ["host", "a"],
        ["host", "b"],
        ["x-one", "1"],
        ["connection", "close"]
      ])
    })
  )
})

describe("a request that two parsers read in two ways", () => {
  const hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
  const head = "POST /seen HTTP/1.1\r\nHost: x\r\n"
  it.live.each([
    [
      "Content-Length beside Transfer-Encoding",
      `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`
    ],
    [
      "Transfer-Encoding before Content-Length",
      `${head}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${hidden}`
    ],
    ["two lengths", `${head}Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`],
    ["a list of lengths", `${head}Content-Length: 0, ${hidden.length}\r\n\r\n${hidden}`],
    ["a signed length", `${head}Content-Length: +${hidden.length}\r\n\r\n${hidden}`],
    ["an unknown coding", `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`],
    ["chunked that is not last", `${head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${hidden}`],
    [
      "a space before the colon",
      `${head}Transfer-Encoding : chunked\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`
    ],
    ["a folded header", `${head}X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n${hidden}`],
    [
      "a line break in a header",
      `${head}X: a\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n${hidden}`
    ],
    ["a NUL in a header", `${head}X: a\0b\r\nContent-Length: 0\r\n\r\n${hidden}`],
    ["a chunk of no length", `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n${hidden}`],
    [
      "a chunk of too large a length",
      `${head}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n${hidden}`
    ]
  ] as const)("is refused, and hides no other one: %s", ([, bytes]) =>
    Effect.gen(function* () {
      const { handle, seen } = recording()
      const port = yield* listen(handle)
      assert.strictEqual(statusOf(yield* raw(port, bytes)), 400)
      assert.notInclude(seen, "GET /hidden")
    })
  )

  it.live("is read once where both agree, and the next one is its own", () =>
    Effect.gen(function* () {
      const { handle, seen } = recording()
      const port = yield* listen(handle)
      const last = "GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
      yield* raw(port, `${head}Content-Length: ${hidden.length}\r\n\r\n${hidden}${last}`)
      assert.deepEqual(seen, ["POST /seen", "GET /next"])
    })
  )
})

describe("the size and the time of a request", () => {
  it.live("are limited for its head", () =>
    Effect.gen(function* () {
      const { handle, seen } = recording()
      const port = yield* listen(handle, { headers: 4096 })
      const long = "x".repeat(5000)
      for (const bytes of [
        `GET /${long} HTTP/1.1\r\nHost: x\r\n\r\n`,
        `GET / HTTP/1.1\r\nHost: x\r\nX: ${long}\r\n\r\n`
      ]) {
        assert.strictEqual(statusOf(yield* raw(port, bytes)), 431)
      }
      assert.deepEqual(seen, [])
    })
  )

  it.live("end a connection whose head or body does not come, and no stream that goes on meanwhile", () =>
    Effect.gen(function* () {
      let push: (chunk: string) => void = () => undefined
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          push = (chunk) => controller.enqueue(Buffer.from(chunk))
        }
      })
      const port = yield* listen(
        (request) =>
          request.method === "GET"
            ? Effect.succeed({ status: 200, headers: [], body })
            : Effect.map(request.body(100), () => text("")),
        { head: 100, request: 100, idle: 100 }
      )
      const stream = yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}/`))
      // Each of these is closed by a limit, after which the stream has been silent for longer than every limit.
      assert.strictEqual(statusOf(yield* raw(port, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow")), 408)
      assert.strictEqual(
        statusOf(yield* raw(port, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nslow")),
        408
      )
      push("still here")
      const reader = stream.body!.getReader()
      const read = yield* Effect.promise(() => reader.read())
      assert.strictEqual(new TextDecoder().decode(read.value), "still here")
      yield* Effect.promise(() => reader.cancel())
    })
  )

  it.live(
    "are refused before a body is sent that is announced as too long, and while one is that is not",
    () =>
      Effect.gen(function* () {
        const port = yield* listen(({ body }) =>
          Effect.map(body(10), (read) => (read === undefined ? text("", 413) : text(`${read.length}`)))
        )
        const head = "POST / HTTP/1.1\r\nHost: x\r\n"
        const announced = yield* raw(port, `${head}Expect: 100-continue\r\nContent-Length: 11\r\n\r\n`)
        assert.strictEqual(statusOf(announced), 413)
        const chunk = `6\r\nabcdef\r\n`
        assert.strictEqual(
          statusOf(yield* raw(port, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk}${chunk}${chunk}`)),
          413
        )
        const asked = yield* raw(
          port,
          `${head}Expect: 100-continue\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc`
        )
        assert.match(asked, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/)
      })
  )
})

describe("an answer", () => {
  it.live("is given up when its program hangs up, before it starts and while it is read", () =>
    Effect.gen(function* () {
      const interrupted = yield* Deferred.make<string>()
      const cancelled = yield* Deferred.make<string>()
      const started = yield* Deferred.make<void>()
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(Buffer.from("first")),
        cancel: () => void Deferred.doneUnsafe(cancelled, Effect.succeed("cancelled"))
      })
      const port = yield* listen(({ target }) =>
        target === "/stream"
          ? Effect.succeed({ status: 200, headers: [], body })
          : Effect.andThen(Deferred.succeed(started, undefined), Effect.never).pipe(
              Effect.onInterrupt(() => Deferred.succeed(interrupted, "interrupted"))
            )
      )
      const waiting = yield* open(port)
      waiting.write("POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
      yield* Deferred.await(started)
      waiting.destroy()
      assert.strictEqual(yield* Deferred.await(interrupted), "interrupted")

      const reading = yield* open(port)
      const first = Effect.callback<void>((resume) => {
        reading.on("data", (data) => {
          if (data.includes("first")) resume(Effect.void)
        })
      })
      reading.write("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
      yield* first
      reading.destroy()
      assert.strictEqual(yield* Deferred.await(cancelled), "cancelled")
    })
  )

  it.live("is read from its source only as fast as its program reads it", () =>
    Effect.gen(function* () {
      const size = 65_536
      const count = 16_384
      let pulled = 0
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          pulled += 1
          controller.enqueue(new Uint8Array(size))
          if (pulled === count) controller.close()
        }
      })
      const port = yield* listen(() => Effect.succeed({ status: 200, headers: [], body }))
      const socket = yield* open(port)
      let received = 0
      const someRead = Effect.callback<void>((resume) => {
        socket.on("data", (data) => {
          received += data.length
          if (received < 10 * size) return
          socket.pause()
          resume(Effect.void)
        })
      })
      socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
      yield* someRead
      assert.isBelow(pulled, count / 8)
    })
  )

  it.live("that cannot be sent ends its connection", () =>
    Effect.gen(function* () {
      const port = yield* listen(() =>
        Effect.succeed({ status: 200, headers: [["x-bad", "a\r\nb: c"]], body: null })
      )
      assert.strictEqual(yield* raw(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "")
    })
  )

  it.live("that breaks off does not look like a whole one", () =>
    Effect.gen(function* () {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(Buffer.from("part")),
        pull: (controller) => controller.error(new Error("broken"))
      })
      const port = yield* listen(() => Effect.succeed({ status: 200, headers: [], body }))
      const exit = yield* Effect.exit(
        Effect.tryPromise(async () => (await fetch(`http://127.0.0.1:${port}/`)).text())
      )
      assert.isTrue(Exit.isFailure(exit))
    })
  )

  it.live("ends with the listener", () =>
    Effect.gen(function* () {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(Buffer.from("part"))
      })
      const closed = yield* Effect.gen(function* () {
        const port = yield* listen(() => Effect.succeed({ status: 200, headers: [], body }))
        const response = yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}/`))
        return Effect.exit(Effect.tryPromise(() => response.text()))
      }).pipe(Effect.scoped)
      assert.isTrue(Exit.isFailure(yield* closed))
    })
  )
})

/** Asks at a Unix socket. */
const askSocket = (path: string): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const sent = httpRequest({ socketPath: path, path: "/" }, (response: IncomingMessage) => {
      let body = ""
      response.on("data", (data) => {
        body += String(data)
      })
      response.on("end", () => resume(Effect.succeed(body)))
    })
    sent.on("error", (error) => resume(Effect.succeed(error.message)))
    sent.end()
  })

const hello: Handle = () => Effect.succeed(text("hello"))

describe.skipIf(process.platform === "win32")("a Unix socket", () => {
  const at = (path: string) => listenAt({ _tag: "Socket", path }, hello)
  const socketIn = Effect.map(temporaryFolder, (folder) => join(folder, "mcp.sock"))

  it.live("is one that only this user can open, and is removed at the end", () =>
    Effect.gen(function* () {
      const path = yield* socketIn
      const before = process.umask()
      yield* Effect.gen(function* () {
        yield* at(path)
        assert.strictEqual(statSync(path).mode & 0o777, 0o600)
        assert.strictEqual(yield* askSocket(path), "hello")
      }).pipe(Effect.scoped)
      assert.isFalse(existsSync(path))
      assert.strictEqual(process.umask(), before)
    })
  )

  it.live("takes the place of one whose program died", () =>
    Effect.gen(function* () {
      const path = yield* socketIn
      const die = `require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`
      spawnSync(process.execPath, ["-e", die, path])
      assert.isTrue(statSync(path).isSocket())
      yield* at(path)
      assert.strictEqual(yield* askSocket(path), "hello")
    })
  )

  it.live("takes the place of nothing else", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const file = join(folder, "notes.txt")
      writeFileSync(file, "mine")
      const link = join(folder, "link")
      symlinkSync(file, link)
      const subfolder = join(folder, "folder")
      mkdirSync(subfolder)
      for (const path of [file, link, subfolder]) {
        assert.include((yield* Effect.flip(at(path))).message, "it is no socket")
      }
      assert.strictEqual(readFileSync(file, "utf8"), "mine")

      const path = join(folder, "served.sock")
      yield* at(path)
      assert.include((yield* Effect.flip(at(path))).message, "another program listens there")
      assert.strictEqual(yield* askSocket(path), "hello")
    })
  )

  it.live("is not put where another user could replace it, nor where it cannot be", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const shared = join(folder, "shared")
      mkdirSync(shared)
      for (const mode of [0o777, 0o770]) {
        chmodSync(shared, mode)
        assert.include(
          (yield* Effect.flip(at(join(shared, "s")))).message,
          "other users can change its folder"
        )
      }
      // As in /tmp: others can make files there, and not replace this one.
      chmodSync(shared, 0o1777)
      yield* at(join(shared, "s"))
      const missing = yield* Effect.flip(at(join(folder, "none", "s")))
      assert.include(missing.message, "does not exist")
      const long = yield* Effect.flip(at(join(folder, "x".repeat(120))))
      assert.include(long.message, "too long")
    })
  )

  it.live("answers while another one is not removed: two of them share a folder", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const paths = ["one", "two"].map((name) => join(folder, name))
      for (const path of paths) yield* at(path)
      for (const path of paths) assert.strictEqual(yield* askSocket(path), "hello")
    })
  )
})

describe("a program that is not of this user", () => {
  it.live("is no concern where the system cannot tell: this user's own connections are served", () =>
    Effect.gen(function* () {
      const seen: Array<boolean> = []
      const port = yield* listen(({ mayBeOfAnotherUser }) => {
        seen.push(mayBeOfAnotherUser(), mayBeOfAnotherUser())
        return Effect.succeed(text(""))
      })
      yield* Effect.promise(async () => (await fetch(`http://127.0.0.1:${port}/`)).text())
      assert.deepEqual(seen, [false, false])
    })
  )
})
