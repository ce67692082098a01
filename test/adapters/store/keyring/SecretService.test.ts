import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { createConnection, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Keyring } from "../../../../src/adapters/store/keyring/Keyring.ts"
import { timeouts } from "../../../../src/adapters/store/keyring/KeyringLimits.ts"
import * as KeyringOverBus from "../../../../src/adapters/store/keyring/KeyringOverBus.ts"
import * as KeyringProcess from "../../../../src/adapters/store/keyring/KeyringProcess.ts"
import { spawnChild } from "../../../../src/adapters/store/keyring/KeyringStart.ts"
import { SecretServiceReader } from "../../../../src/adapters/store/keyring/SecretServiceReader.ts"
import * as SystemKeyring from "../../../../src/adapters/store/keyring/SystemKeyring.ts"
import * as KeyringStore from "../../../../src/adapters/store/keyring/KeyringStore.ts"
import { CredentialKey } from "../../../../src/domain/CredentialKey.ts"
import { CredentialStore } from "../../../../src/ports/CredentialStore.ts"
import { ForeignKeyring } from "../../../../src/ports/ForeignKeyring.ts"
import { credentialWith } from "../../../contract/CredentialStoreContract.ts"
import {
  hasSecretService,
  type SecretService,
  startMuteBus,
  startSecretService
} from "../../../servers/SecretService.ts"
import { temporaryFolder } from "../../TemporaryFolder.ts"

const bytes = (text: string) => new TextEncoder().encode(text)

type Variables = Readonly<Record<string, string | undefined>>
type Options = Omit<KeyringProcess.KeyringProcessOptions, "backend" | "start">

const environmentWith = (env: Variables) => {
  const { DBUS_SESSION_BUS_ADDRESS: _, ...inherited } = process.env
  return { ...inherited, ...env }
}

/** The keyring that a program would find in this environment, with a process for everything. */
const byProcess = (env: Variables, options: Options = {}) =>
  KeyringProcess.layer({
    backend: "secretservice",
    timeouts: { start: 30, answer: 0.5, user: 1 },
    ...options,
    start: (backend) => spawnChild(backend, environmentWith(env))
  })

/** The same, read over the bus. */
const overBus = (env: Variables, options: Options = {}) =>
  KeyringOverBus.layer({ open: () => SecretServiceReader.connect(environmentWith(env)) }).pipe(
    Layer.provide(byProcess(env, options))
  )

/** A keyring that only one test uses. */
const ownService = Effect.acquireRelease(
  Effect.promise(() => startSecretService()),
  (service) => Effect.promise(() => service.close())
)

const ways = [
  ["by a process", byProcess],
  ["over the bus", overBus]
] as const

/** Why an entry cannot be read. */
const failure = Effect.gen(function* () {
  const entries = yield* Keyring
  return (yield* Effect.flip(entries.get("notion"))).reason
})

describe.skipIf(!hasSecretService).each(ways)(
  "the Secret Service %s (needs dbus and gnome-keyring)",
  (_, keyring) => {
    let real: SecretService

    beforeAll(async () => {
      real = await startSecretService()
    })
    afterAll(() => real.close())

    it.live.each<readonly [string, Uint8Array]>([
      ["a text", bytes("a text")],
      ["nothing", new Uint8Array()],
      ["every byte", Uint8Array.from({ length: 256 }, (_, at) => at)],
      ["64 KiB", bytes("é🦊x\u0000".repeat(8192))]
    ])("keeps %s", ([, secret]) =>
      Effect.gen(function* () {
        const entries = yield* Keyring
        yield* entries.set("notion", secret)
        assert.deepStrictEqual(yield* entries.get("notion"), Option.some(Uint8Array.from(secret)))
        assert.isTrue(yield* entries.remove("notion"))
        assert.isFalse(yield* entries.remove("notion"))
        assert.isTrue(Option.isNone(yield* entries.get("notion")))
      }).pipe(Effect.provide(keyring(real.env)))
    )

    it.live("has the entries of other programs, by their service", () =>
      Effect.gen(function* () {
        // What the Python package keyring writes (jaraco/keyring, backends/SecretService.py).
        const attributes = ["application", "Python keyring library", "service", "other-program", "username"]
        for (const name of ["one", "two"]) {
          execFileSync("secret-tool", ["store", "--label=x", ...attributes, name], {
            env: { ...process.env, ...real.env },
            input: `secret of ${name}`
          })
        }
        const { find } = yield* ForeignKeyring
        const found = yield* find("other-program")
        assert.deepStrictEqual(
          found.map(({ account, secret }) => [account, Redacted.value(secret)]).toSorted(),
          [
            ["one", "secret of one"],
            ["two", "secret of two"]
          ]
        )
        assert.deepStrictEqual(yield* find("nothing"), [])
      }).pipe(Effect.provide(SystemKeyring.layer.pipe(Layer.provide(keyring(real.env)))))
    )

    it.live("is another process's too", () =>
      Effect.gen(function* () {
        yield* Keyring.use((entries) => entries.set("shared", bytes("one"))).pipe(
          Effect.provide(keyring(real.env))
        )
        const read = yield* Keyring.use((entries) => entries.get("shared")).pipe(
          Effect.provide(keyring(real.env))
        )
        assert.deepStrictEqual(Option.map(read, String), Option.some(String(bytes("one"))))
      })
    )

    it.live("is not there without a session bus, and nothing else is taken for it", () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* failure)._tag, "Unavailable")
      }).pipe(
        Effect.provide(keyring({ DBUS_SESSION_BUS_ADDRESS: undefined, XDG_RUNTIME_DIR: "/nonexistent" }))
      )
    )

    it.live("is not there behind a socket that does not exist", () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* failure)._tag, "Unavailable")
      }).pipe(Effect.provide(keyring({ DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent/bus" })))
    )

    it.live("has timed out on a bus that never answers, which is nobody's to unlock", () =>
      Effect.gen(function* () {
        const said: Array<string> = []
        const mute = yield* Effect.acquireRelease(
          Effect.promise(() => startMuteBus()),
          (bus) => Effect.promise(() => bus.close())
        )
        const tell = (message: string) => Effect.sync(() => void said.push(message))
        const reason = yield* Effect.provide(failure, keyring(mute.env, { tell }))
        assert.strictEqual(reason._tag, "TimedOut")
        assert.include(reason._tag === "TimedOut" ? reason.detail : "", "does not answer")
        assert.deepStrictEqual(said, [])
      })
    )

    it.live("is not there where nothing was ever set up", () =>
      Effect.gen(function* () {
        const bare = yield* Effect.acquireRelease(
          Effect.promise(() => startSecretService({ collection: false })),
          (service) => Effect.promise(() => service.close())
        )
        const reason = yield* Keyring.use((entries) => Effect.flip(entries.set("notion", bytes("x")))).pipe(
          Effect.provide(keyring(bare.env))
        )
        assert.strictEqual(reason.reason._tag, "Unavailable")
      })
    )

    describe("that is locked", () => {
      let locked: SecretService

      beforeAll(async () => {
        locked = await startSecretService()
        await Effect.runPromise(
          Keyring.use((entries) => entries.set("notion", bytes("secret"))).pipe(
            Effect.provide(keyring(locked.env))
          )
        )
        await locked.lock()
      })
      afterAll(() => locked.close())

      it.live("says so where its prompt cannot be shown", () =>
        Effect.gen(function* () {
          const reason = yield* Effect.provide(failure, keyring(locked.env))
          assert.strictEqual(reason._tag, "Locked")
        })
      )

      it.live("still lists the names", () =>
        Effect.gen(function* () {
          const directory = join(yield* temporaryFolder, "names")
          const store = (env: Readonly<Record<string, string>>) =>
            KeyringStore.layer({ directory }).pipe(Layer.provide(keyring(env)))
          const key = CredentialKey.of("linear")
          yield* CredentialStore.use((open) => open.put(key, credentialWith("x"))).pipe(
            Effect.provide(store(real.env))
          )
          const listed = yield* CredentialStore.use((open) => open.list).pipe(
            Effect.provide(store(locked.env))
          )
          assert.deepStrictEqual(listed, [key])
        })
      )

      describe("and whose prompt nobody answers", () => {
        beforeAll(() => locked.askNobody())

        it.live("is given up where even nothing may be interrupted, as in a refresh", () =>
          Effect.gen(function* () {
            const reason = yield* Effect.uninterruptible(Effect.provide(failure, keyring(locked.env)))
            assert.strictEqual(reason._tag, "TimedOut")
          })
        )

        it.live("is given up at once where nobody is there to answer it", () =>
          Effect.gen(function* () {
            const reason = yield* Effect.provide(failure, keyring(locked.env))
            // The timeout grows on a loaded machine, so it is compared with its lower bound only.
            assert.isAtLeast(reason._tag === "TimedOut" ? reason.after : 0, 0.5)
          })
        )

        it.live("is waited for longer, with a message, where somebody is", () =>
          Effect.gen(function* () {
            const said: Array<string> = []
            const reason = yield* Effect.provide(
              failure,
              keyring(locked.env, { tell: (message) => Effect.sync(() => void said.push(message)) })
            )
            // The timeout grows on a loaded machine, so it is compared with its lower bound only.
            assert.isAtLeast(reason._tag === "TimedOut" ? reason.after : 0, 1)
            assert.lengthOf(said, 1)
            assert.include(said[0], "answer there")
          })
        )

        it.live("does not keep the fibers of the program from running, nor from being interrupted", () =>
          Effect.gen(function* () {
            const entries = yield* Keyring
            const ended = yield* entries.get("notion").pipe(Effect.timeoutOption("100 millis"))
            assert.isTrue(Option.isNone(ended))
          }).pipe(Effect.provide(keyring(locked.env, { timeouts })))
        )
      })
    })

    it.live("that stops in the middle fails, and works again once it is back", () =>
      Effect.gen(function* () {
        const service = yield* ownService
        yield* Effect.gen(function* () {
          const entries = yield* Keyring
          yield* entries.set("notion", bytes("kept"))
          service.pause()
          assert.strictEqual((yield* Effect.flip(entries.get("notion"))).reason._tag, "TimedOut")
          service.resume()
          assert.isTrue(Option.isSome(yield* entries.get("notion")))
        }).pipe(Effect.provide(keyring(service.env)))
      })
    )

    it.live("that dies fails, and fails again", () =>
      Effect.gen(function* () {
        const service = yield* ownService
        yield* Effect.gen(function* () {
          const entries = yield* Keyring
          yield* entries.set("notion", bytes("kept"))
          yield* Effect.promise(() => service.kill())
          const reason = (yield* Effect.flip(entries.get("notion"))).reason
          assert.include(["Unavailable", "BackendError"], reason._tag)
        }).pipe(Effect.provide(keyring(service.env)))
      })
    )
  }
)

describe.skipIf(!hasSecretService)("the process that uses the Secret Service", () => {
  let real: SecretService

  beforeAll(async () => {
    real = await startSecretService()
  })
  afterAll(() => real.close())

  it.live("is asked any number of times over a few connections: a message bus has only so many", () =>
    Effect.gen(function* () {
      const pids: Array<number | undefined> = []
      const layer = KeyringProcess.layer({
        backend: "secretservice",
        start: (backend) => {
          const child = spawnChild(backend, { ...process.env, ...real.env })
          pids.push(child.pid)
          return child
        }
      })
      yield* Effect.gen(function* () {
        const entries = yield* Keyring
        yield* Effect.forEach(Array.from({ length: 150 }), (_, at) => entries.get(`server-${at}`))
        assert.isBelow(readdirSync(`/proc/${pids[0]}/fd`).length, 100)
      }).pipe(Effect.provide(layer))
    })
  )

  it.live("is spoken to by a process that is told no secrets of ours", () =>
    Effect.gen(function* () {
      const env = { ...process.env, ...real.env, MCP_CLI_ENCRYPTION_KEY: "hunter2", VAULT_TOKEN: "hunter2" }
      const pids: Array<number | undefined> = []
      const layer = KeyringProcess.layer({
        backend: "secretservice",
        start: (backend) => {
          const child = spawnChild(backend, env)
          pids.push(child.pid)
          return child
        }
      })
      yield* Effect.gen(function* () {
        yield* (yield* Keyring).set("notion", bytes("hunter2"))
        for (const file of ["environ", "cmdline"]) {
          assert.notInclude(readFileSync(`/proc/${pids[0]}/${file}`, "latin1"), "hunter2")
        }
      }).pipe(Effect.provide(layer))
    })
  )

  it.live("is spoken to by a new process after the old one was killed", () =>
    Effect.gen(function* () {
      const processes: Array<ReturnType<typeof spawnChild>> = []
      const layer = KeyringProcess.layer({
        backend: "secretservice",
        start: (backend) => {
          const child = spawnChild(backend, { ...process.env, ...real.env })
          processes.push(child)
          return child
        }
      })
      yield* Effect.gen(function* () {
        const entries = yield* Keyring
        yield* entries.set("again", bytes("kept"))
        const [first] = processes
        const gone = new Promise((done) => first?.once("exit", done))
        first?.kill("SIGKILL")
        yield* Effect.promise(() => gone)
        assert.isTrue(Option.isSome(yield* entries.get("again")))
        assert.lengthOf(processes, 2)
      }).pipe(Effect.provide(layer))
    })
  )
})

/** A bus in front of another one: it forwards single bytes, and keeps all that it has forwarded. */
const startTap = (address: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const folder = mkdtempSync(join(tmpdir(), "mcp-cli-tap-"))
      const path = join(folder, "bus")
      const seen: Array<Buffer> = []
      const sockets = new Set<Socket>()
      const server = createServer((near) => {
        const far = createConnection(address.replace(/^unix:path=|,.*$/g, ""))
        for (const [from, to] of [
          [near, far],
          [far, near]
        ] as const) {
          sockets.add(from)
          from.on("error", () => undefined)
          from.on("close", () => to.destroy())
          from.on("data", (bytes) => {
            seen.push(bytes)
            for (const byte of bytes) to.write(Buffer.of(byte))
          })
        }
      })
      await new Promise<void>((done) => server.listen(path, done))
      const close = async () => {
        const closed = new Promise((done) => server.close(done))
        for (const socket of sockets) socket.destroy()
        await closed
        rmSync(folder, { recursive: true, force: true })
      }
      return {
        env: { DBUS_SESSION_BUS_ADDRESS: `unix:path=${path}` },
        seen: () => Buffer.concat(seen),
        close
      }
    }),
    ({ close }) => Effect.promise(close)
  )

describe.skipIf(!hasSecretService)("a read over the bus", () => {
  let real: SecretService

  beforeAll(async () => {
    real = await startSecretService()
  })
  afterAll(() => real.close())

  /** Stores an entry as any program may. */
  const store = (attributes: ReadonlyArray<string>, secret: string) =>
    execFileSync("secret-tool", ["store", "--label=x", "service", "mcp-cli-oauth", ...attributes], {
      env: { ...process.env, ...real.env },
      input: secret
    })

  /** Reads in this environment, and counts what is left to the process. */
  const counted = (env: Variables) => {
    const asked = { count: 0 }
    const counting = Layer.effect(
      Keyring,
      Effect.map(Keyring, (keyring) => ({
        ...keyring,
        get: (account: string) => {
          asked.count += 1
          return keyring.get(account)
        }
      }))
    ).pipe(Layer.provide(byProcess(env, { timeouts })))
    const open = () => SecretServiceReader.connect(environmentWith(env))
    return { asked, layer: KeyringOverBus.layer({ open, timeout: 60 }).pipe(Layer.provide(counting)) }
  }

  it.live("asks no process, and shows no secret to who watches the bus", () =>
    Effect.gen(function* () {
      const secret = `a secret of ${"some ".repeat(1000)}length`
      store(["username", "watched"], secret)
      const tap = yield* startTap(real.env["DBUS_SESSION_BUS_ADDRESS"] ?? "")
      const { asked, layer } = counted(tap.env)
      const read = yield* Keyring.use((entries) => entries.get("watched")).pipe(Effect.provide(layer))
      assert.strictEqual(Buffer.from(Option.getOrThrow(read)).toString(), secret)
      assert.strictEqual(asked.count, 0)
      const seen = tap.seen().toString("latin1")
      assert.include(seen, "watched")
      assert.notInclude(seen, "secret of")
      assert.notInclude(seen, Buffer.from(secret).toString("base64").slice(0, 16))
    })
  )

  it.live("sees what was stored since the last one", () =>
    Effect.gen(function* () {
      const { asked, layer } = counted(real.env)
      yield* Effect.gen(function* () {
        const entries = yield* Keyring
        for (const secret of ["one", "two"]) {
          store(["username", "changed"], secret)
          assert.deepStrictEqual(
            Option.map(yield* entries.get("changed"), String),
            Option.some(String(bytes(secret)))
          )
        }
        assert.strictEqual(asked.count, 0)
        assert.isTrue(yield* entries.remove("changed"))
        assert.isTrue(Option.isNone(yield* entries.get("changed")))
      }).pipe(Effect.provide(layer))
    })
  )

  it.live("finds what was expected before the program had loaded, also where it is gone by then", () =>
    Effect.gen(function* () {
      for (const name of ["kept", "gone"]) store(["username", name], name)
      const reader = yield* Effect.acquireRelease(
        Effect.sync(() => SecretServiceReader.connect(environmentWith(real.env))),
        (opened) => Effect.sync(() => opened?.close())
      )
      reader?.expect("kept")
      reader?.expect("gone")
      // The answers come in the order of the requests.
      yield* Effect.promise(async () => reader?.read("absent"))
      execFileSync("secret-tool", ["clear", "service", "mcp-cli-oauth", "username", "gone"], {
        env: { ...process.env, ...real.env }
      })
      const read = (name: string) => Effect.promise(async () => reader?.read(name))
      assert.deepStrictEqual(yield* read("kept"), bytes("kept"))
      assert.isUndefined(yield* read("gone"))
    })
  )

  it.live("leaves an account that two entries have to the process, which says so", () =>
    Effect.gen(function* () {
      store(["username", "twice"], "one")
      store(["username", "twice", "other", "attribute"], "two")
      const { asked, layer } = counted(real.env)
      const reason = yield* Keyring.use((entries) => Effect.flip(entries.get("twice"))).pipe(
        Effect.provide(layer)
      )
      assert.include(reason.reason._tag === "BackendError" ? reason.reason.detail : "", "second entry")
      assert.strictEqual(asked.count, 1)
    })
  )

  it.live("connects again to a keyring that was restarted", () =>
    Effect.gen(function* () {
      const service = yield* ownService
      const { asked, layer } = counted(service.env)
      yield* Effect.gen(function* () {
        const entries = yield* Keyring
        yield* entries.set("notion", bytes("kept"))
        assert.isTrue(Option.isSome(yield* entries.get("notion")))
        yield* Effect.promise(() => service.restart())
        // The first one finds its session gone.
        assert.isTrue(Option.isSome(yield* entries.get("notion")))
        assert.strictEqual(asked.count, 1)
        assert.isTrue(Option.isSome(yield* entries.get("notion")))
        assert.strictEqual(asked.count, 1)
      }).pipe(Effect.provide(layer))
    })
  )

  it.live("takes no other bus for the one of its address", () =>
    Effect.gen(function* () {
      store(["username", "mine"], "secret")
      const address = real.env["DBUS_SESSION_BUS_ADDRESS"] ?? ""
      const read = (at: string) =>
        Effect.promise(async () => {
          const reader = SecretServiceReader.connect(environmentWith({ DBUS_SESSION_BUS_ADDRESS: at }))
          const secret = await reader?.read("mine")
          reader?.close()
          return secret
        })
      assert.match(address, /,guid=/)
      assert.deepStrictEqual(yield* read(address), bytes("secret"))
      assert.isUndefined(yield* read(address.replace(/guid=\w+/, `guid=${"0".repeat(32)}`)))
    })
  )

  it.live.each(["tcp:host=localhost,port=1", "autolaunch:", "unix:path=/a%20b", "unix:tmpdir=/tmp", ""])(
    "leaves a bus at %s to the process",
    (address) =>
      Effect.sync(() =>
        assert.isUndefined(
          SecretServiceReader.connect(environmentWith({ DBUS_SESSION_BUS_ADDRESS: address }))
        )
      )
  )
})
