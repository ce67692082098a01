import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { remedyText } from "../../../src/app/cli/RemedyText.ts"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { ScriptedUser } from "../../../src/adapters/scripted/ScriptedUser.ts"
import { SignIn } from "../../../src/app/signin/SignIn.ts"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import type { TokenSet } from "../../../src/domain/TokenSet.ts"
import { CredentialLock, LockError } from "../../../src/ports/CredentialLock.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import { storageBackends } from "../../../src/ports/StorageBackend.ts"
import { BackendError } from "../../../src/ports/StorageFailure.ts"
import { Superseded } from "../../../src/ports/Superseded.ts"
import { TokenEndpoint, TokenRequestError, Unanswered } from "../../../src/ports/TokenEndpoint.ts"
import { serverNamed, world } from "../World.ts"

const server = serverNamed("notion")
const key = CredentialKey.of("notion")
const signIn = (device = false) => SignIn.use((service) => service.signIn({ server, device }))
const get = AccessTokens.use((tokens) => tokens.get({ server }))
const opened = ScriptedUser.use((user) => Effect.succeed(user.opened.length))
const away = new StorageError({
  reason: new BackendError({ backend: storageBackends.vault, detail: "a test's" })
})
const storedToken = CredentialStore.use((store) => store.get(key)).pipe(
  Effect.map((found) => Option.getOrUndefined(found)?.tokens?.accessToken)
)
const assertStored = (tokens: TokenSet) =>
  Effect.map(storedToken, (token) => assert.isTrue(token !== undefined && tokens.holds(token)))
/** Lets everything that waits for a retry run to its end. */
const within = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect)
    for (let second = 0; second < 300 && fiber.pollUnsafe() === undefined; second++) {
      yield* TestClock.adjust("1 second")
    }
    return yield* Fiber.join(fiber)
  })

/** A world in which reads, writes or locks fail from the token answer on, until a test repairs them. */
const failing = (what: "reads" | "all of the store" | "locks", options: Parameters<typeof world>[0] = {}) => {
  const state = { isBroken: false }
  const wrapStore = Layer.effect(
    CredentialStore,
    Effect.map(CredentialStore, (store) =>
      CredentialStore.of({
        ...store,
        get: (wanted) => (state.isBroken && what !== "locks" ? away : store.get(wanted)),
        put: (wanted, credential) =>
          state.isBroken && what === "all of the store" ? away : store.put(wanted, credential)
      })
    )
  )
  const breaking = <A, E, R>(request: Effect.Effect<A, E, R>) =>
    Effect.tap(request, () =>
      Effect.sync(() => {
        state.isBroken = true
      })
    )
  const wrapTokenEndpoint = Layer.effect(
    TokenEndpoint,
    Effect.map(TokenEndpoint, (service) =>
      TokenEndpoint.of({
        ...service,
        exchange: (request) => breaking(service.exchange(request)),
        grant: (request) => breaking(service.grant(request))
      })
    )
  )
  const wrapLock = Layer.effect(
    CredentialLock,
    Effect.map(CredentialLock, (lock) =>
      CredentialLock.of({
        withLock: (wanted, purpose) => (effect) =>
          Effect.suspend(() =>
            what === "locks" && state.isBroken && purpose === "refresh"
              ? new LockError({ name: wanted.server })
              : lock.withLock(wanted, purpose)(effect)
          )
      })
    )
  )
  return { state, layer: world({ ...options, wrapStore, wrapTokenEndpoint, wrapLock }) }
}

/** A refresh lock whose file is removed once, while the result of a sign-in is about to be stored. */
const removedOnce = () => {
  const locks = { removed: 0, confirmed: 0, isLost: false }
  const wrapLock = Layer.effect(
    CredentialLock,
    Effect.map(CredentialLock, (lock) =>
      CredentialLock.of({
        withLock: (wanted, purpose) => (effect) =>
          Effect.suspend(() => {
            if (purpose === "refresh") locks.isLost = false
            return lock.withLock(wanted, purpose)(effect)
          }),
        confirm: ({ server: name }) =>
          Effect.suspend(() => {
            if (locks.removed === 0) {
              locks.removed += 1
              locks.isLost = true
            }
            if (locks.isLost) return new LockError({ name, detail: "its file was removed" })
            locks.confirmed += 1
            return Effect.void
          })
      })
    )
  )
  return { locks, wrapLock }
}

describe("tokens that the user has just approved", () => {
  for (const device of [false, true]) {
    const how = device ? "by a device code" : "in the browser"
    for (const what of ["reads", "all of the store", "locks"] as const) {
      it.effect(`${how} survive a failure of ${what} after that, and are stored later`, () => {
        const { layer, state } = failing(what, device ? { devicePending: 0 } : {})
        return Effect.gen(function* () {
          const { tokens } = yield* within(signIn(device))
          assert.isTrue((yield* get).holds(tokens.accessToken))
          state.isBroken = false
          yield* TestClock.adjust("56 minutes")
          yield* within(get)
          assert.isAtMost(yield* opened, 1)
          const { counts } = yield* ScriptedAuthorizationServer
          assert.deepInclude(counts, { refreshes: 1, revokedFamilies: 0 })
        }).pipe(Effect.provide(layer))
      })
    }
  }

  it.effect("are told to be in memory only if they cannot be locked for storing", () => {
    const { layer } = failing("locks")
    return Effect.gen(function* () {
      yield* within(signIn())
      const { told } = yield* ScriptedUser
      assert.lengthOf(told, 1)
      assert.include(told[0], "could not be stored: Another mcp-cli process is using the credential")
    }).pipe(Effect.provide(layer))
  })

  it.effect("replace what a process that took over the lost lock has stored", () => {
    let overtakes = 0
    const overtaken = Layer.effect(
      CredentialStore,
      Effect.map(CredentialStore, (store) =>
        CredentialStore.of({
          ...store,
          put: Effect.fn("overtaken.put")(function* (wanted, credential) {
            if (overtakes === 0) return yield* store.put(wanted, credential)
            overtakes -= 1
            const before = Option.getOrThrow(yield* store.get(wanted))
            yield* store.put(wanted, before.next({}))
            return yield* new StorageError({ reason: new Superseded({ server: wanted.server }) })
          })
        })
      )
    )
    return Effect.gen(function* () {
      yield* signIn()
      overtakes = 1
      const { tokens } = yield* signIn()
      yield* assertStored(tokens)
      const { accepts } = yield* ScriptedAuthorizationServer
      assert.isTrue(yield* accepts(tokens.accessToken))
    }).pipe(Effect.provide(world({ wrapStore: overtaken })))
  })

  it.effect.each<readonly [string, boolean]>([
    ["in the browser", false],
    ["by a device code", true]
  ])("%s are stored under another lock if the first one was removed", ([, device]) => {
    const { locks, wrapLock } = removedOnce()
    return Effect.gen(function* () {
      const { tokens } = yield* within(signIn(device))
      yield* assertStored(tokens)
      assert.deepInclude(locks, { removed: 1, confirmed: 2 })
      assert.lengthOf(
        (yield* ScriptedUser).told.filter((line) => line.includes("could not be stored")),
        0
      )
    }).pipe(Effect.provide(world({ wrapLock, ...(device ? { devicePending: 0 } : {}) })))
  })

  it.effect("of a grant without a user are stored although the caller leaves", () => {
    const machine = serverNamed("notion", {
      grant: { _tag: "ClientCredentials" },
      source: {
        _tag: "Discovered",
        client: { clientId: "written", clientSecret: Redacted.make("written-secret") }
      }
    })
    return Effect.gen(function* () {
      const leaving = yield* Effect.forkChild(AccessTokens.use((tokens) => tokens.get({ server: machine })))
      yield* TestClock.adjust("1 second")
      const left = yield* Effect.forkChild(Fiber.interrupt(leaving))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(left)
      assert.isDefined(yield* storedToken)
    }).pipe(Effect.provide(world({ latency: "5 seconds", present: false })))
  })
})

describe("a code whose answer was lost", () => {
  const lost = new Unanswered({ detail: "no answer within 30 seconds", end: "timeout" })

  it("does not let its error say that nothing was lost", () => {
    const error = new TokenRequestError({
      server: "notion",
      origin: "https://as.test",
      purpose: "sign-in",
      reason: lost
    })
    assert.deepEqual(
      error.remedies.map((remedy) => remedyText(remedy)),
      ["To start again, run: mcp-cli auth login notion"]
    )
  })
})
