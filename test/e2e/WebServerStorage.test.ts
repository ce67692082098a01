import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import {
  ClientRegistrations,
  CredentialKey,
  CredentialLock,
  CredentialStore,
  DynamicRegistration
} from "mcp-cli-oauth"
import { credentialLockContract, credentialStoreContract, exampleCredential } from "mcp-cli-oauth/testing"
import * as Database from "../../examples/web-server/Database.ts"
import * as LeaseLock from "../../examples/web-server/LeaseLock.ts"
import * as SqliteRegistrations from "../../examples/web-server/SqliteRegistrations.ts"
import * as SqliteStore from "../../examples/web-server/SqliteStore.ts"

const makeKey = () => Redacted.make(randomBytes(32).toString("base64"))
const key = makeKey()
const notion = CredentialKey.of("notion")

const temporaryFile = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "web-server-storage-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  ),
  (folder) => join(folder, "test.sqlite")
)

/** What one replica has of a file. */
const replica = (file: string, storeKey = key) =>
  Layer.mergeAll(SqliteStore.layer, SqliteRegistrations.layer, LeaseLock.layer()).pipe(
    Layer.provide(Database.layer({ file, key: storeKey })),
    Layer.fresh
  )
const start = (file: string) => Layer.build(replica(file))
const newReplica = Layer.unwrap(Effect.map(temporaryFile, (file) => replica(file)))

/** A program that holds a lock with a short lease until it is killed. */
const holder = `
import { Effect, Layer, Redacted } from "effect"
import { CredentialKey, CredentialLock } from "mcp-cli-oauth"
import * as Database from "./examples/web-server/Database.ts"
import * as LeaseLock from "./examples/web-server/LeaseLock.ts"

const layer = LeaseLock.layer({ lease: "500 millis" }).pipe(
  Layer.provide(Database.layer({ file: process.env.DATABASE, key: Redacted.make(process.env.STORE_KEY) }))
)
const hold = Effect.andThen(Effect.sync(() => process.stdout.write("held")), Effect.never)
await Effect.runPromise(
  CredentialLock.use((lock) => lock.withLock(CredentialKey.of("notion"), "refresh")(hold)).pipe(Effect.provide(layer))
)
`

/** Starts the program. It holds the lock when this is done. */
const holdInProcess = async (file: string) => {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", holder], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { PATH: process.env["PATH"], DATABASE: file, STORE_KEY: Redacted.value(key) }
  })
  const ended = new Promise<void>((done) => child.once("close", () => done()))
  await new Promise<void>((done, reject) => {
    child.stdout.once("data", () => done())
    void ended.then(() => reject(new Error("it ended before it held the lock")))
  })
  return {
    kill: () => {
      child.kill("SIGKILL")
      return ended
    }
  }
}

/** The number of leases in a file. */
const countLeases = (file: string) =>
  Effect.sync(() => {
    const database = new DatabaseSync(file)
    const { length } = database.prepare("SELECT name FROM leases").all()
    database.close()
    return length
  })

describe("the SQLite store", () => {
  it.live.each(credentialStoreContract)("$name", ({ run }) => run.pipe(Effect.provide(newReplica)))

  it.live("does not read a record with another key, or one that was moved to another name", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const store = Context.get(yield* start(file), CredentialStore)
      const other = Context.get(yield* Layer.build(replica(file, makeKey())), CredentialStore)
      yield* store.put(notion, exampleCredential("token"))
      assert.strictEqual((yield* Effect.flip(other.get(notion))).reason._tag, "Corrupt")
      const database = new DatabaseSync(file)
      database.exec("UPDATE records SET name = 'linear'")
      database.close()
      const error = yield* Effect.flip(store.get(CredentialKey.of("linear")))
      assert.strictEqual(error.reason._tag, "Corrupt")
      assert.isTrue(yield* store.remove(CredentialKey.of("linear")))
    })
  )
})

describe("the lock by leases", () => {
  it.live.each(credentialLockContract)("$name", ({ run }) => run.pipe(Effect.provide(newReplica)))

  it.effect("excludes another replica for as long as its holder lives", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const one = Context.get(yield* start(file), CredentialLock)
      const other = Context.get(yield* start(file), CredentialLock)
      const entered = yield* Deferred.make<void>()
      const holder = yield* Effect.forkChild(
        one.withLock(notion, "refresh")(Effect.andThen(Deferred.succeed(entered, undefined), Effect.never))
      )
      yield* Deferred.await(entered)
      const waiter = yield* Effect.forkChild(other.withLock(notion, "refresh")(Effect.succeed("in")))
      yield* TestClock.adjust("2 minutes")
      const refused = yield* Fiber.await(waiter)
      assert.isTrue(Exit.isFailure(refused))
      yield* Fiber.interrupt(holder)
      assert.strictEqual(yield* other.withLock(notion, "refresh")(Effect.succeed("in")), "in")
    })
  )

  it.live("is free soon after its holder is killed", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const held = yield* Effect.promise(() => holdInProcess(file))
      const lock = Context.get(yield* start(file), CredentialLock)
      assert.strictEqual(yield* countLeases(file), 1)
      yield* Effect.promise(() => held.kill())
      // Nothing released it: it expires.
      assert.strictEqual(yield* countLeases(file), 1)
      assert.strictEqual(yield* lock.withLock(notion, "refresh")(Effect.succeed("in")), "in")
      assert.strictEqual(yield* countLeases(file), 0)
    })
  )
})

describe("the shared registrations", () => {
  const registrationKey = { issuer: "https://as.test", redirectUri: "https://app.example.com/callback" }
  const registration = (clientId: string) =>
    new DynamicRegistration({
      clientId,
      clientSecret: Redacted.make("the client secret"),
      authenticationMethod: "client_secret_post",
      redirectUri: registrationKey.redirectUri
    })

  it.live("are the same at all replicas, and lose only the client that was forgotten", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const one = Context.get(yield* start(file), ClientRegistrations)
      const other = Context.get(yield* start(file), ClientRegistrations)
      assert.isTrue(Option.isNone(yield* one.get(registrationKey)))
      yield* one.put(registrationKey, registration("first"))
      assert.deepEqual(yield* other.get(registrationKey), Option.some(registration("first")))
      yield* other.put(registrationKey, registration("second"))
      yield* one.remove(registrationKey, "first")
      assert.deepEqual(yield* one.get(registrationKey), Option.some(registration("second")))
      yield* one.remove(registrationKey, "second")
      assert.isTrue(Option.isNone(yield* other.get(registrationKey)))
    })
  )
})
