import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Keyring } from "../../../../src/adapters/store/keyring/Keyring.ts"
import { timeouts } from "../../../../src/adapters/store/keyring/KeyringLimits.ts"
import * as KeyringProcess from "../../../../src/adapters/store/keyring/KeyringProcess.ts"
import { spawnChild } from "../../../../src/adapters/store/keyring/KeyringStart.ts"
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

/** The keyring that a program would find in this environment. */
const keyring = (
  env: Readonly<Record<string, string | undefined>>,
  options: Omit<KeyringProcess.KeyringProcessOptions, "backend" | "start"> = {},
  expected?: string
) => {
  const { DBUS_SESSION_BUS_ADDRESS: _, ...inherited } = process.env
  return KeyringProcess.layer({
    backend: "secretservice",
    timeouts: { start: 30, answer: 0.5, user: 1 },
    ...options,
    start: (backend) => spawnChild(backend, { ...inherited, ...env }, expected)
  })
}

/** Why nothing can be read in this environment, and how long it took to say so, in milliseconds. */
const failureIn = (
  env: Readonly<Record<string, string | undefined>>,
  options?: Omit<KeyringProcess.KeyringProcessOptions, "backend" | "start">,
  expected?: string
) =>
  Effect.gen(function* () {
    const entries = yield* Keyring
    return (yield* Effect.flip(entries.get("notion"))).reason
  }).pipe(Effect.provide(keyring(env, options, expected)))

describe.skipIf(!hasSecretService)("the Secret Service (needs dbus and gnome-keyring)", () => {
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

  it.live.each(["expected", "something else"])("is the same where %s was expected", (expected) =>
    Effect.gen(function* () {
      const entries = yield* Keyring
      assert.isTrue(Option.isNone(yield* entries.get("expected")))
      yield* entries.set("expected", bytes("one"))
      const read = yield* entries.get("expected")
      assert.deepStrictEqual(Option.map(read, String), Option.some(String(bytes("one"))))
      assert.isTrue(yield* entries.remove("expected"))
    }).pipe(Effect.provide(keyring(real.env, {}, expected)))
  )

  it.live("is not there without a session bus, and nothing else is taken for it", () =>
    Effect.gen(function* () {
      const reason = yield* failureIn({
        DBUS_SESSION_BUS_ADDRESS: undefined,
        XDG_RUNTIME_DIR: "/nonexistent"
      })
      assert.strictEqual(reason._tag, "Unavailable")
    })
  )

  it.live.each([undefined, "notion"])("is not there behind a socket that does not exist", (expected) =>
    Effect.gen(function* () {
      const bus = { DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent/bus" }
      const reason = yield* failureIn(bus, {}, expected)
      assert.strictEqual(reason._tag, "Unavailable")
    })
  )

  it.live.each([undefined, "notion"])(
    "has timed out on a bus that never answers, which is nobody's to unlock",
    (expected) =>
      Effect.gen(function* () {
        const said: Array<string> = []
        const mute = yield* Effect.acquireRelease(
          Effect.promise(() => startMuteBus()),
          (bus) => Effect.promise(() => bus.close())
        )
        const tell = (message: string) => Effect.sync(() => void said.push(message))
        const reason = yield* failureIn(mute.env, { tell }, expected)
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
        const reason = yield* failureIn(locked.env)
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
        const listed = yield* CredentialStore.use((open) => open.list).pipe(Effect.provide(store(locked.env)))
        assert.deepStrictEqual(listed, [key])
      })
    )

    describe("and whose prompt nobody answers", () => {
      beforeAll(() => locked.askNobody())

      it.live("is given up where even nothing may be interrupted, as in a refresh", () =>
        Effect.gen(function* () {
          const reason = yield* Effect.uninterruptible(failureIn(locked.env))
          assert.strictEqual(reason._tag, "TimedOut")
        })
      )

      it.live("is given up at once where nobody is there to answer it", () =>
        Effect.gen(function* () {
          const reason = yield* failureIn(locked.env)
          // The timeout grows on a loaded machine, so it is compared with its lower bound only.
          assert.isAtLeast(reason._tag === "TimedOut" ? reason.after : 0, 0.5)
        })
      )

      it.live("is waited for longer, with a message, where somebody is", () =>
        Effect.gen(function* () {
          const said: Array<string> = []
          const reason = yield* failureIn(locked.env, {
            tell: (message) => Effect.sync(() => void said.push(message))
          })
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
      const service = yield* Effect.acquireRelease(
        Effect.promise(() => startSecretService()),
        (started) => Effect.promise(() => started.close())
      )
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
      const service = yield* Effect.acquireRelease(
        Effect.promise(() => startSecretService()),
        (started) => Effect.promise(() => started.close())
      )
      yield* Effect.gen(function* () {
        const entries = yield* Keyring
        yield* entries.set("notion", bytes("kept"))
        yield* Effect.promise(() => service.kill())
        const reason = (yield* Effect.flip(entries.get("notion"))).reason
        assert.include(["Unavailable", "BackendError"], reason._tag)
      }).pipe(Effect.provide(keyring(service.env)))
    })
  )

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
