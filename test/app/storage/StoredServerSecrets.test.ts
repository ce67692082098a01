import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { readyServer } from "../../../src/app/storage/ReadyServer.ts"
import { StorageMove } from "../../../src/app/storage/StorageMove.ts"
import * as StoredServerSecrets from "../../../src/app/storage/StoredServerSecrets.ts"
import { type ConfiguredServer, destinationsOf } from "../../../src/domain/ConfiguredServer.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import type { OptionalEndpoints } from "../../../src/domain/OAuthEndpoints.ts"
import { ownCredentials } from "../../../src/domain/OwnCredentials.ts"
import { remoteServer } from "../../../src/domain/RemoteServer.ts"
import { secretRecord } from "../../../src/domain/SecretRecord.ts"
import { SecretReference } from "../../../src/domain/SecretReference.ts"
import { serverNameProblem } from "../../../src/domain/ServerRules.ts"
import { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import { ServerSecrets } from "../../../src/ports/ServerSecrets.ts"
import { credentialWith } from "../../contract/CredentialStoreContract.ts"
import { Machine, machine, program } from "../StorageWorld.ts"

const layer = StoredServerSecrets.layer.pipe(Layer.provideMerge(program))
const value = Redacted.make("the key of a user")
const secret = { server: "notion", name: "API_KEY" }
const stored = { destination: "https://mcp.test", value }

const serverAt = (url: string, ...names: ReadonlyArray<string>): ConfiguredServer => ({
  ...remoteServer(url, { name: "notion" }),
  headers: Object.fromEntries(names.map((name) => [name, new SecretReference([{ secret: name }])]))
})

describe("the secrets of servers", () => {
  it.effect("are no sign-ins, and each has its own name", () =>
    Effect.gen(function* () {
      const secrets = yield* ServerSecrets
      const store = yield* CredentialStore
      yield* store.put(CredentialKey.of("notion"), credentialWith("a token"))
      yield* secrets.put(secret, stored)
      yield* secrets.put({ server: "notion", name: "api_key" }, { ...stored, value: Redacted.make("other") })
      const found = Option.getOrUndefined(yield* secrets.find(secret))
      assert.strictEqual(found?.destination, "https://mcp.test")
      assert.strictEqual(found && Redacted.value(found.value), "the key of a user")
      assert.deepStrictEqual(yield* secrets.names, [secret, { server: "notion", name: "api_key" }])
      assert.deepStrictEqual(
        (yield* store.list).map(({ storageName }) => storageName),
        ["notion"]
      )
      assert.isTrue(yield* secrets.remove(secret))
      assert.isFalse(yield* secrets.remove(secret))
      assert.isTrue(Option.isNone(yield* secrets.find(secret)))
      assert.isTrue(Option.isSome(yield* store.get(CredentialKey.of("notion"))))
    }).pipe(Effect.provide(Layer.provideMerge(layer, machine({}))))
  )

  it.effect("move with the sign-ins", () =>
    Effect.gen(function* () {
      const secrets = yield* ServerSecrets
      yield* secrets.put(secret, stored)
      const { moved } = yield* StorageMove.use((service) => service.move("encrypted"))
      assert.deepStrictEqual(
        moved.map((key) => key.secret),
        [secret]
      )
      assert.isTrue(Option.isSome(yield* secrets.find(secret)))
    }).pipe(Effect.provide(Layer.provideMerge(layer, machine({ keyring: "secretservice" }))))
  )

  it.effect("take the place of an older one for another address when they move", () =>
    Effect.gen(function* () {
      const secrets = yield* ServerSecrets
      const { choose, store } = yield* Machine
      yield* choose({ backend: "secretservice", reason: "", since: 1, migratingFrom: [] })
      const key = CredentialKey.ofSecret(secret)
      const older = secretRecord(secret.name, "https://old.test", Redacted.make("older"), 0)
      yield* store("encrypted").put(key, older)
      yield* TestClock.adjust("1 second")
      yield* secrets.put(secret, stored)
      yield* StorageMove.use((service) => service.move("encrypted"))
      const found = Option.getOrUndefined(yield* secrets.find(secret))
      assert.strictEqual(found?.destination, "https://mcp.test")
      assert.deepStrictEqual(yield* secrets.names, [secret])
      assert.isTrue(yield* secrets.remove(secret))
      assert.deepStrictEqual(yield* store("encrypted").list, [])
    }).pipe(Effect.provide(Layer.provideMerge(layer, machine({ keyring: "secretservice" }))))
  )

  it("have names that no server of a configuration can have", () => {
    for (const server of ["notion", "Größe", "https://a.test/mcp", "a".repeat(100)]) {
      for (const name of ["API_KEY", "default", "X-Api-Key"]) {
        const key = CredentialKey.ofSecret({ server, name })
        assert.isDefined(serverNameProblem(key.server))
        assert.isFalse(key.isSignIn)
        const read = Option.getOrUndefined(CredentialKey.fromStorageName(key.storageName))
        assert.deepStrictEqual(read?.secret, { server, name })
      }
    }
    // Stores write names of up to 255 bytes, with suffixes.
    const longest = CredentialKey.ofSecret({ server: "a".repeat(100), name: "A".repeat(40) })
    assert.isBelow(longest.storageName.length, 240)
    assert.isTrue(CredentialKey.of("notion").isSignIn)
    assert.isFalse(CredentialKey.ofModels("openai").isSignIn)
    assert.isUndefined(CredentialKey.ofModels("openai").secret)
  })

  it("belong to the configuration that names their server", () => {
    const isOwn = ownCredentials([CredentialKey.of("notion", undefined, "https://mcp.test/mcp")])
    assert.isTrue(isOwn(CredentialKey.ofSecret(secret)))
    assert.isFalse(isOwn(CredentialKey.ofSecret({ server: "other", name: "API_KEY" })))
  })
})

describe("a server that refers to secrets", () => {
  it.effect("is ready with the secrets that are stored for it", () =>
    Effect.gen(function* () {
      const secrets = yield* ServerSecrets
      yield* secrets.put(secret, stored)
      const server = yield* readyServer(serverAt("https://mcp.test/mcp", "API_KEY"))
      assert(server._tag === "Http" && server.headers["API_KEY"] !== undefined)
      assert.strictEqual(Redacted.value(server.headers["API_KEY"]), "the key of a user")
      assert.deepStrictEqual((yield* secrets.read).map(Redacted.value), ["the key of a user"])
    }).pipe(Effect.provide(Layer.provideMerge(layer, machine({}))))
  )

  it.effect("leaves no value that was read to a log, also if another one replaced it", () =>
    Effect.gen(function* () {
      const secrets = yield* ServerSecrets
      const server = serverAt("https://mcp.test/mcp", "API_KEY")
      for (const text of ["the first key", "the second key", "the second key"]) {
        yield* secrets.put(secret, { ...stored, value: Redacted.make(text) })
        yield* readyServer(server)
      }
      assert.deepStrictEqual((yield* secrets.read).map(Redacted.value), ["the first key", "the second key"])
    }).pipe(Effect.provide(Layer.provideMerge(layer, machine({}))))
  )

  it.effect("names every secret that is missing", () =>
    Effect.gen(function* () {
      yield* ServerSecrets.use((secrets) => secrets.put(secret, stored))
      const error = yield* Effect.flip(readyServer(serverAt("https://mcp.test/mcp", "API_KEY", "A", "B")))
      assert(error._tag === "SecretMissing")
      assert.deepStrictEqual(error.names, ["A", "B"])
      assert.deepStrictEqual(
        error.remedies.map((remedy) => remedy._tag === "Command" && [remedy.verb, remedy.operand]),
        [
          ["secret set", "A"],
          ["secret set", "B"]
        ]
      )
    }).pipe(Effect.provide(Layer.provideMerge(layer, machine({}))))
  )

  it.effect.each(["https://evil.test/mcp", "http://localhost:1/mcp", "https://mcp.test:8443/mcp"])(
    "does not get one for %s that is stored for another origin",
    (url) =>
      Effect.gen(function* () {
        yield* ServerSecrets.use((secrets) => secrets.put(secret, stored))
        const error = yield* Effect.flip(readyServer(serverAt(url, "API_KEY")))
        assert.strictEqual(error._tag, "SecretBoundElsewhere")
        assert.include(error.message, `stored for https://mcp.test, and`)
      }).pipe(Effect.provide(Layer.provideMerge(layer, machine({}))))
  )

  it.effect("does not get the secret of its client for another server, which would get the tokens", () =>
    Effect.gen(function* () {
      const secrets = yield* ServerSecrets
      const clientAt = (url: string, endpoints: OptionalEndpoints = {}): ConfiguredServer => {
        const server = remoteServer(url, { name: "notion" })
        const client = { clientId: "c", clientSecret: new SecretReference([{ secret: "API_KEY" }]) }
        const tokenEndpoint = new URL("https://as.test/token")
        return {
          ...server,
          oauth: { ...server.oauth, source: { _tag: "ByHand", tokenEndpoint, endpoints, client } }
        }
      }
      const [destination = ""] = destinationsOf(clientAt("https://mcp.test/mcp"), "API_KEY")
      yield* secrets.put(secret, { destination, value })
      assert.strictEqual((yield* readyServer(clientAt("https://mcp.test/other")))._tag, "Http")
      for (const hostile of [
        clientAt("https://evil.test/mcp"),
        clientAt("https://mcp.test/mcp", { pushedAuthorization: new URL("https://evil.test/par") })
      ]) {
        const error = yield* Effect.flip(readyServer(hostile))
        assert.strictEqual(error._tag, "SecretBoundElsewhere")
        assert.include(error.message, "stored for https://as.test and https://mcp.test, and")
      }
    }).pipe(Effect.provide(Layer.provideMerge(layer, machine({}))))
  )

  it.effect("shows no command line, which may hold a secret", () =>
    Effect.gen(function* () {
      const programOf = (args: ReadonlyArray<string>): ConfiguredServer => ({
        _tag: "Stdio",
        name: "notion",
        command: "npx",
        args,
        env: { KEY: new SecretReference([{ secret: "API_KEY" }]) },
        cwd: undefined
      })
      const destination = JSON.stringify([["npx", "--key", "hunter22"], null])
      yield* ServerSecrets.use((secrets) => secrets.put(secret, { destination, value }))
      assert.strictEqual((yield* readyServer(programOf(["--key", "hunter22"])))._tag, "Stdio")
      const error = yield* Effect.flip(readyServer(programOf(["--key", "hunter23"])))
      assert.notMatch(JSON.stringify(error) + error.message, /hunter/)
    }).pipe(Effect.provide(Layer.provideMerge(layer, machine({}))))
  )
})
