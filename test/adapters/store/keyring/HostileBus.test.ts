import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer, type Socket } from "node:net"
import { join } from "node:path"
import { lengthOf, Marshal } from "../../../../src/adapters/store/keyring/BusMessage.ts"
import { SecretServiceReader } from "../../../../src/adapters/store/keyring/SecretServiceReader.ts"
import { temporaryFolder } from "../../TemporaryFolder.ts"

/** An answer to the call of this serial. */
const answer = (serial: number, signature: string, body: Marshal, type = 2): Buffer => {
  const message = new Marshal().uint8(0x6c).uint8(type).uint8(0).uint8(1).uint32(body.length).uint32(serial)
  message
    .array([5, 8], (code) => {
      message.uint8(code).signature(code === 5 ? "u" : "g")
      if (code === 5) message.uint32(serial)
      else message.signature(signature)
    })
    .align(8)
  return Buffer.concat([message.bytes, body.bytes])
}

const paths = (...found: ReadonlyArray<string>): Marshal => {
  const inner = new Marshal()
  for (const path of found) inner.string(path)
  return new Marshal().octets(inner.bytes).octets(Buffer.alloc(0))
}

const hello = answer(1, "s", new Marshal().string(":1.1"))
/** The session of a service with this public number. */
const session = (number: Buffer, type = "ay") =>
  answer(2, "vo", new Marshal().signature(type).octets(number).string("/s/1"))
const goodSession = session(Buffer.alloc(128, 7))
const oneItem = answer(3, "aoao", paths("/i/1"))
const secretOf = (path: string, iv: Buffer, encrypted: Buffer) =>
  answer(4, "(oayays)", new Marshal().string(path).octets(iv).octets(encrypted).string("text/plain"))

/** A bus that sends this as it gets each of the calls, the authentication first. Undefined: it closes the connection. */
const startBus = (script: ReadonlyArray<Buffer | string | undefined>) =>
  Effect.gen(function* () {
    const path = join(yield* temporaryFolder, "bus")
    const sockets: Array<Socket> = []
    const closed = Promise.withResolvers<void>()
    const server = createServer((socket) => {
      sockets.push(socket)
      let received = Buffer.alloc(0)
      let step = 0
      const proceed = () => {
        const next = script[step++]
        if (next === undefined) return void socket.destroy()
        socket.write(next)
      }
      socket.on("error", () => undefined)
      socket.on("close", () => closed.resolve())
      socket.on("data", (bytes) => {
        received = Buffer.concat([received, bytes])
        if (step === 0) {
          const end = received.indexOf("BEGIN\r\n")
          if (end < 0) return
          received = received.subarray(end + 7)
          proceed()
        }
        for (let length = lengthOf(received); length !== undefined; length = lengthOf(received)) {
          if (length > received.length) return
          received = received.subarray(length)
          proceed()
        }
      })
    })
    yield* Effect.acquireRelease(
      Effect.promise(() => new Promise<void>((done) => server.listen(path, done))),
      () =>
        Effect.promise(() => {
          for (const socket of sockets) socket.destroy()
          return new Promise((done) => server.close(done))
        })
    )
    return { path, closed: closed.promise }
  })

const ok = "OK 0123\r\n"
const huge = (field: number) => {
  const bytes = Buffer.from(hello)
  bytes.writeUInt32LE(0xffffffff, field)
  return bytes
}

describe("a hostile bus", () => {
  it.live.each<readonly [string, ReadonlyArray<Buffer | string | undefined>]>([
    ["closes at once", [undefined]],
    ["closes after the authentication", [ok]],
    ["closes after Hello", [ok, hello]],
    ["closes after OpenSession", [ok, hello, goodSession]],
    ["closes after SearchItems", [ok, hello, goodSession, oneItem]],
    ["refuses the user", ["REJECTED EXTERNAL\r\n"]],
    ["sends a line without an end", [Buffer.alloc(1024 * 1024, 0x20), "", "", ""]],
    ["sends a message of 4 GB", [ok, huge(4), "", ""]],
    ["sends a header of 4 GB", [ok, huge(12), "", ""]],
    ["is big-endian", [ok, Buffer.from(hello).fill(0x42, 0, 1), "", ""]],
    ["refuses each call", [ok, answer(1, "s", new Marshal().string("x"), 3), "", ""]],
    ["has a session of another type", [ok, hello, session(Buffer.alloc(128, 7), "as"), oneItem]],
    ["has no public number", [ok, hello, session(Buffer.alloc(0)), oneItem]],
    ["has the public number 0", [ok, hello, session(Buffer.alloc(128)), oneItem]],
    ["has the public number 1", [ok, hello, session(Buffer.of(1)), oneItem]],
    ["has a public number beyond the group", [ok, hello, session(Buffer.alloc(128, 0xff)), oneItem]],
    ["has a long public number", [ok, hello, session(Buffer.alloc(100_000, 7)), oneItem]],
    ["has items of another type", [ok, hello, goodSession, answer(3, "as", paths("/i/1"))]],
    ["has half of an item", [ok, hello, goodSession, answer(3, "aoao", new Marshal().uint32(99))]],
    [
      "has a vector of another length",
      [ok, hello, goodSession, oneItem, secretOf("/s/1", Buffer.alloc(3), Buffer.alloc(16))]
    ],
    [
      "has a secret that the key does not open",
      [ok, hello, goodSession, oneItem, secretOf("/s/1", Buffer.alloc(16), Buffer.alloc(17))]
    ],
    [
      "has an empty secret",
      [ok, hello, goodSession, oneItem, secretOf("/s/1", Buffer.alloc(16), Buffer.alloc(0))]
    ]
  ])("that %s gives no secret, and keeps no connection", ([, script]) =>
    Effect.gen(function* () {
      const { closed, path } = yield* startBus(script)
      const reader = SecretServiceReader.connect({ DBUS_SESSION_BUS_ADDRESS: `unix:path=${path}` })
      assert.isUndefined(yield* Effect.promise(async () => reader?.read("notion")))
      assert.isFalse(reader?.isOpen)
      yield* Effect.promise(() => closed)
    })
  )

  it.live("gives no secret of another session", () =>
    Effect.gen(function* () {
      const other = secretOf("/s/2", Buffer.alloc(16), Buffer.alloc(16))
      const { path } = yield* startBus([ok, hello, goodSession, oneItem, other])
      const reader = SecretServiceReader.connect({ DBUS_SESSION_BUS_ADDRESS: `unix:path=${path}` })
      assert.isUndefined(yield* Effect.promise(async () => reader?.read("notion")))
      reader?.close()
    })
  )
})
