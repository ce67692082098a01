import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as CredentialStatus from "../../../src/app/credentials/CredentialStatus.ts"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import { Malformed, Refused, type TokenFailure, Transient } from "../../../src/domain/TokenFailure.ts"
import { SignIn } from "../../../src/app/signin/SignIn.ts"
import { exampleCredential } from "../../../src/testing/Contract.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import { Corrupt, type StorageFailure, TimedOut, VaultFailure } from "../../../src/ports/StorageFailure.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import type { OAuthSettings } from "../../../src/domain/Server.ts"
import { MemoryStore } from "../../../src/testing.ts"
import { byHand, world } from "../World.ts"
import { storageBackends } from "../../../src/ports/StorageBackend.ts"

const key = CredentialKey.of("s")

/** The state of a sign-in by these settings, now and two hours later. */
const states = (oauth: Partial<OAuthSettings>, options: Parameters<typeof world>[0]) =>
  Effect.gen(function* () {
    const state = CredentialStatus.CredentialStatus.use((status) => status.of(key))
    const before = yield* state
    yield* SignIn.use((service) => service.signIn({ server: byHand("s", oauth) }))
    const signedIn = yield* state
    yield* TestClock.adjust("2 hours")
    return [before, signedIn, yield* state].map((found) => found.state)
  }).pipe(Effect.provide(CredentialStatus.layer.pipe(Layer.provideMerge(world(options)))))

describe("the state of a sign-in", () => {
  it.effect("is that it can be refreshed, where there is a refresh token", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* states({}, {}), ["signed out", "signed in", "refreshable"])
    })
  )

  it.effect("is that it can be refreshed, and no time, after a sign-in by a clock that was ahead", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("2 days")
      yield* SignIn.use((service) => service.signIn({ server: byHand("s") }))
      yield* TestClock.setTime(0)
      const { expiresAt, state } = yield* CredentialStatus.CredentialStatus.use((status) => status.of(key))
      assert.deepStrictEqual([state, expiresAt], ["refreshable", undefined])
    }).pipe(Effect.provide(CredentialStatus.layer.pipe(Layer.provideMerge(world()))))
  )

  it.effect("is that it has expired, where there is none", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* states({}, { refreshTokens: false }), [
        "signed out",
        "signed in",
        "expired"
      ])
    })
  )

  it.effect("is never that it has expired, where nobody has to approve", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* states({ grant: { _tag: "ClientCredentials" } }, {}), [
        "signed out",
        "signed in",
        "refreshable"
      ])
    })
  )
})

describe("a refresh that failed", () => {
  it.effect.each<readonly [string, TokenFailure, string | undefined]>([
    ["a page", new Malformed({ detail: "HTTP 403" }), "HTTP 403"],
    ["500", new Transient({ detail: "HTTP 500", status: 500 }), "HTTP 500"],
    ["a gateway", new Refused({ error: "forbidden", status: 401 }), "forbidden"],
    [
      "server_error",
      new Transient({ detail: "HTTP 500: server_error", status: 500, error: "server_error" }),
      undefined
    ],
    ["503", new Transient({ detail: "HTTP 503", status: 503 }), undefined],
    ["no network", new Transient({ detail: "no such host" }), undefined]
  ])("is reported if a sign-in may be needed: %s", ([, failure, expected]) =>
    Effect.gen(function* () {
      const server = byHand("s")
      yield* SignIn.use((service) => service.signIn({ server }))
      yield* TestClock.adjust("2 hours")
      yield* ScriptedAuthorizationServer.use(({ failNext }) => failNext(failure, failure, failure, failure))
      const using = yield* Effect.forkChild(
        AccessTokens.use((tokens) => tokens.get({ server })).pipe(Effect.result)
      )
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(using))._tag, "Failure")
      const status = yield* CredentialStatus.CredentialStatus.use((service) => service.of(key))
      assert.strictEqual(status.state, "refreshable")
      assert.strictEqual(status.failed?.answer, expected)
    }).pipe(Effect.provide(CredentialStatus.layer.pipe(Layer.provideMerge(world({ present: false })))))
  )
})

const keysOf = (...servers: ReadonlyArray<string>) => servers.map((server) => CredentialKey.of(server))

/** The states of five servers in a store that answers each of them in this way, and how often it was asked. */
const ofFive = (reason: StorageFailure, isWanted?: (key: CredentialKey) => boolean) =>
  Effect.gen(function* () {
    let asked = 0
    const memory = yield* CredentialStore
    const store = Layer.succeed(CredentialStore, {
      ...memory,
      list: Effect.succeed(["a", "b", "c", "d", "e"].map((server) => CredentialKey.of(server))),
      get: () =>
        Effect.suspend(() => {
          asked++
          return new StorageError({ reason })
        })
    })
    const { accounts: all } = yield* CredentialStatus.CredentialStatus.use((status) =>
      status.all(keysOf("a", "b", "c", "d", "e"), isWanted)
    ).pipe(Effect.provide(CredentialStatus.layer.pipe(Layer.provide(store))))
    return { all, asked }
  }).pipe(Effect.provide(MemoryStore.layer))

describe("the states of all sign-ins", () => {
  it.effect.each<readonly [string, StorageFailure]>([
    [
      "a keyring that waits for somebody",
      new TimedOut({ backend: storageBackends.secretservice, after: 3, detail: "x" })
    ],
    ["a Vault that is away", new VaultFailure({ address: "https://v.test", problem: "timeout", detail: "x" })]
  ])("are told at once of %s: it is not waited for again for each of them", ([, reason]) =>
    Effect.gen(function* () {
      const { all, asked } = yield* ofFive(reason)
      assert.strictEqual(asked, 1)
      assert.deepStrictEqual(
        all.map(({ key: { server }, problem, state }) => [server, state, problem?.reason]),
        ["a", "b", "c", "d", "e"].map((server) => [server, "unreadable", reason])
      )
    })
  )

  it.effect.each<readonly [string, StorageFailure]>([
    ["a damaged record", new Corrupt({ path: "x", detail: "x" })],
    ["a path", new VaultFailure({ address: "https://v.test", problem: "forbidden", detail: "x" })]
  ])("are each looked at where %s is what is wrong", ([, reason]) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ofFive(reason)).asked, 5)
    })
  )

  it.effect(
    "are that nobody is signed in where the store does not even list anything, though it is locked",
    () =>
      Effect.gen(function* () {
        const memory = yield* CredentialStore
        const reason = new TimedOut({ backend: storageBackends.secretservice, after: 3, detail: "x" })
        const store = Layer.succeed(CredentialStore, {
          ...memory,
          list: Effect.succeed([CredentialKey.of("kept")]),
          get: () => new StorageError({ reason })
        })
        const { accounts } = yield* CredentialStatus.CredentialStatus.use((status) =>
          status.all(keysOf("kept", "never"))
        ).pipe(Effect.provide(CredentialStatus.layer.pipe(Layer.provide(store))))
        assert.deepStrictEqual(
          accounts.map(({ state }) => state),
          ["unreadable", "signed out"]
        )
      }).pipe(Effect.provide(MemoryStore.layer))
  )

  it.effect("are of each server that has the name, and of the configured one even if it has no sign-in", () =>
    Effect.gen(function* () {
      const store = yield* CredentialStore
      const { resource, tokens } = exampleCredential("any")
      yield* TestClock.setTime(tokens?.obtainedAt ?? 0)
      yield* store.put(CredentialKey.of("s"), exampleCredential("of another project"))
      yield* store.put(CredentialKey.of("t"), exampleCredential("of this one"))
      const here = "https://here.test/mcp"
      const { accounts } = yield* CredentialStatus.CredentialStatus.use((status) =>
        status.all([CredentialKey.of("s", "default", here), CredentialKey.of("t", "default", resource)])
      ).pipe(Effect.provide(CredentialStatus.layer))
      assert.sameDeepMembers(
        accounts.map((account) => [account.key.server, account.resource, account.state]),
        [
          ["s", resource, "signed in"],
          ["s", here, "signed out"],
          ["t", resource, "signed in"]
        ]
      )
    }).pipe(Effect.provide(MemoryStore.layer))
  )

  it.effect("are those of one server, where only that is wanted: no other is asked about", () =>
    Effect.gen(function* () {
      const { all, asked } = yield* ofFive(
        new Corrupt({ path: "x", detail: "x" }),
        ({ server }) => server === "c"
      )
      assert.deepStrictEqual([all.map((found) => found.key.server), asked], [["c"], 1])
    })
  )

  it.effect.each<readonly [string, StorageFailure, states: ReadonlyArray<string>, asked: number]>([
    [
      "a Vault that is away, none of which is asked for then",
      new VaultFailure({ address: "https://v.test", problem: "timeout", detail: "x" }),
      ["unreadable", "unreadable"],
      0
    ],
    [
      "a Vault whose policy lets nobody list, which are looked at",
      new VaultFailure({ address: "https://v.test", problem: "forbidden", detail: "x" }),
      ["signed out", "signed out"],
      2
    ]
  ])("are told of the servers that are known, with %s", ([, reason, expected, asks]) =>
    Effect.gen(function* () {
      let asked = 0
      const memory = yield* CredentialStore
      const store = Layer.succeed(CredentialStore, {
        ...memory,
        list: new StorageError({ reason }),
        get: (wanted: CredentialKey) => {
          asked++
          return memory.get(wanted)
        }
      })
      const { accounts, unlisted } = yield* CredentialStatus.CredentialStatus.use((status) =>
        status.all(keysOf("a", "b"))
      ).pipe(Effect.provide(CredentialStatus.layer.pipe(Layer.provide(store))))
      assert.deepStrictEqual(
        accounts.map(({ state }) => state),
        expected
      )
      assert.deepStrictEqual([unlisted?.reason, asked], [reason, asks])
    }).pipe(Effect.provide(MemoryStore.layer))
  )
})
