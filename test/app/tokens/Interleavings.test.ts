import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Duration, Effect, Exit, Fiber, Layer, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import * as Credentials from "../../../src/app/credentials/Credentials.ts"
import * as SignIn from "../../../src/app/signin/SignIn.ts"
import * as SignOut from "../../../src/app/signin/SignOut.ts"
import * as AccessTokens from "../../../src/app/tokens/AccessTokens.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import { storageBackends } from "../../../src/ports/StorageBackend.ts"
import { BackendError } from "../../../src/ports/StorageFailure.ts"
import type { TokenSet } from "../../../src/domain/TokenSet.ts"
import { TokenEndpoint } from "../../../src/ports/TokenEndpoint.ts"
import { defaultTokenPolicy, TokenPolicy } from "../../../src/ports/TokenPolicy.ts"
import { serverNamed, world } from "../World.ts"

const server = serverNamed("notion")
const key = CredentialKey.of("notion")
const unavailable = new StorageError({
  reason: new BackendError({ backend: storageBackends.vault, detail: "a test's" })
})
const holdFor = Duration.seconds(15)

/** What happens at a replica. Some happen more often, since what they lead to takes several of them. */
const common = [
  "get",
  "get",
  "both get",
  "both get",
  "signIn",
  "signOut",
  "evict",
  "evict",
  "loadOthers"
] as const
const operations = <const Does extends "get unsaved">(...others: ReadonlyArray<Does>) =>
  Schema.Array(
    Schema.Struct({
      at: Schema.Literals([0, 1]),
      does: Schema.Literals([...common, "outage", "recover", "await", ...others]),
      /** Seconds that pass after it has begun, which may be before it ends. */
      seconds: Schema.Literals([0, 0.02, 0.05, 20, 20, 310, 310, 700])
    })
  ).check(Schema.isMinLength(4), Schema.isMaxLength(14))

interface Operation {
  readonly at: 0 | 1
  readonly does: (typeof common)[number] | "outage" | "recover" | "await" | "get unsaved"
  readonly seconds: number
}

/** What a run has seen. */
const makeRecord = () => ({
  reading: true,
  writing: true,
  /** Writes that failed after the server had replaced a refresh token. */
  failedPuts: 0,
  issued: new Set<string>(),
  /** When the last sign-out ended. Absent: a sign-in has begun since. */
  signedOutAt: undefined as number | undefined,
  lastOutageAt: Number.NEGATIVE_INFINITY,
  pending: 0,
  problems: new Array<string>()
})
type Record = ReturnType<typeof makeRecord>

const store = (record: Record) =>
  Layer.effect(
    CredentialStore,
    Effect.map(CredentialStore, (real) =>
      CredentialStore.of({
        ...real,
        get: (wanted) =>
          Effect.andThen(
            Effect.sleep("10 millis"),
            Effect.suspend(() => (record.reading ? real.get(wanted) : Effect.fail(unavailable)))
          ),
        put: (wanted, credential) =>
          Effect.andThen(
            Effect.sleep("10 millis"),
            Effect.suspend(() => {
              if (record.writing) return real.put(wanted, credential)
              record.failedPuts += 1
              return Effect.fail(unavailable)
            })
          ),
        remove: (wanted) =>
          Effect.andThen(
            Effect.sleep("10 millis"),
            Effect.suspend(() => (record.writing ? real.remove(wanted) : Effect.fail(unavailable)))
          )
      })
    )
  )

/** Remembers every access token that the server issues. */
const recordIssued = (record: Record) =>
  Layer.effect(
    TokenEndpoint,
    Effect.map(TokenEndpoint, (real) => {
      const note = <E>(answer: Effect.Effect<TokenSet, E>) =>
        Effect.tap(answer, ({ accessToken }) =>
          Effect.sync(() => record.issued.add(Redacted.value(accessToken)))
        )
      return TokenEndpoint.of({
        ...real,
        exchange: (request) => note(real.exchange(request)),
        refresh: (request) => note(real.refresh(request))
      })
    })
  )

const startReplica = Layer.build(
  Layer.fresh(
    Layer.merge(AccessTokens.layer, SignOut.layer).pipe(
      Layer.provideMerge(SignIn.layer),
      Layer.provideMerge(Credentials.layer),
      Layer.provide(Layer.succeed(TokenPolicy, { ...defaultTokenPolicy, holdFor, maxAccounts: 4 }))
    )
  )
).pipe(
  Effect.map((services) => ({
    signIn: Context.get(services, SignIn.SignIn).signIn({ server }),
    get: Context.get(services, AccessTokens.AccessTokens).get({ server }),
    signOut: Context.get(services, SignOut.SignOut).logout(server),
    evict: Context.get(services, Credentials.Credentials).evict(key),
    loadOthers: Effect.forEach(["a", "b", "c", "d"], (account) =>
      Context.get(services, Credentials.Credentials).load(server, CredentialKey.of("notion", account))
    )
  }))
)
type Replica = Effect.Success<typeof startReplica>

const getAt = Effect.fnUntraced(function* (replica: Replica, record: Record) {
  const began = yield* Clock.currentTimeMillis
  const signedOutAt = record.signedOutAt
  const tokens = yield* Effect.exit(replica.get)
  const now = yield* Clock.currentTimeMillis
  if (Exit.isFailure(tokens)) return
  const { accessToken } = tokens.value
  if (!record.issued.has(Redacted.value(accessToken))) record.problems.push("a token that nobody issued")
  if (tokens.value.isExpired(began)) record.problems.push("an expired token")
  const isLong = signedOutAt !== undefined && began - signedOutAt > Duration.toMillis(holdFor)
  if (isLong && record.signedOutAt === signedOutAt && record.lastOutageAt < signedOutAt) {
    record.problems.push(`a token ${(now - signedOutAt) / 1000} s after the sign-out`)
  }
})

const signInAt = (replica: Replica, record: Record) =>
  Effect.suspend(() => {
    record.signedOutAt = undefined
    return Effect.exit(replica.signIn)
  }).pipe(Effect.ensuring(Effect.sync(() => (record.signedOutAt = undefined))))

const signOutAt = Effect.fnUntraced(function* (replica: Replica, record: Record) {
  const result = yield* Effect.exit(replica.signOut)
  if (Exit.isSuccess(result) && result.value._tag === "Revoked") {
    record.signedOutAt = yield* Clock.currentTimeMillis
  }
})

const step = Effect.fnUntraced(function* (
  replicas: ReadonlyArray<Replica>,
  record: Record,
  { at, does }: Operation,
  outage: "all" | "writes"
) {
  const replica = replicas[at % replicas.length]!
  switch (does) {
    case "get":
      return yield* getAt(replica, record)
    case "both get":
      return yield* Effect.forEach(replicas, (one) => getAt(one, record), { concurrency: "unbounded" })
    case "get unsaved":
      record.writing = false
      yield* getAt(replica, record)
      record.writing = true
      return
    case "signIn":
      return yield* signInAt(replica, record)
    case "signOut":
      return yield* signOutAt(replica, record)
    case "evict":
      return yield* replica.evict
    case "loadOthers":
      return yield* Effect.ignore(replica.loadOthers)
    case "outage":
      record.lastOutageAt = Number.POSITIVE_INFINITY
      record.writing = false
      record.reading = outage === "writes"
      return
    case "recover":
      if (!record.writing) record.lastOutageAt = yield* Clock.currentTimeMillis
      record.writing = true
      record.reading = true
      return
    case "await":
      return
  }
})

/** Runs operations, each in a fiber of its own. */
const run = Effect.fnUntraced(function* (
  replicas: ReadonlyArray<Replica>,
  record: Record,
  steps: ReadonlyArray<Operation>,
  outage: "all" | "writes"
) {
  let running: Array<Fiber.Fiber<unknown>> = []
  for (const operation of steps) {
    running.push(yield* Effect.forkChild(step(replicas, record, operation, outage)))
    yield* TestClock.adjust(operation.seconds * 1000)
    if (operation.does === "await") {
      yield* TestClock.adjust("10 minutes")
      yield* Fiber.awaitAll(running)
      running = []
    }
  }
  record.reading = true
  record.writing = true
  yield* TestClock.adjust("10 minutes")
  yield* Fiber.awaitAll(running)
})

const options = (record: Record) =>
  ({
    present: false,
    lifetime: "10 minutes",
    latency: "30 millis",
    wrapStore: store(record),
    wrapTokenEndpoint: recordIssued(record)
  }) as const

describe("any interleaving", () => {
  it.effect.prop(
    "of two replicas uses each refresh token once, and serves only tokens that are signed in",
    [operations()],
    ([steps]) => {
      const record = makeRecord()
      return Effect.gen(function* () {
        const replicas = [yield* startReplica, yield* startReplica]
        yield* run(replicas, record, [{ at: 0, does: "signIn", seconds: 1 }, ...steps], "all")
        const { counts } = yield* ScriptedAuthorizationServer
        assert.deepEqual(record.problems, [])
        if (record.failedPuts === 0) assert.strictEqual(counts.revokedFamilies, 0)
      }).pipe(Effect.provide(world(options(record))), Effect.scoped)
    },
    { arbitrary: { runs: 200 } }
  )

  it.effect.prop(
    "of one replica loses no sign-in, whenever the store fails",
    [operations("get unsaved"), Schema.Literals(["all", "writes"])],
    ([steps, outage]) => {
      const record = makeRecord()
      return Effect.gen(function* () {
        const replica = yield* startReplica
        yield* run([replica], record, [{ at: 0, does: "signIn", seconds: 1 }, ...steps], outage)
        const { accepts, counts } = yield* ScriptedAuthorizationServer
        assert.deepEqual(record.problems, [])
        assert.strictEqual(counts.revokedFamilies, 0)
        if (steps.some(({ does }) => does === "signOut")) return
        yield* TestClock.adjust("2 hours")
        const last = yield* Effect.forkChild(replica.get)
        yield* TestClock.adjust("1 minute")
        assert.isTrue(yield* accepts((yield* Fiber.join(last)).accessToken))
      }).pipe(Effect.provide(world(options(record))), Effect.scoped)
    },
    { arbitrary: { runs: 200 } }
  )
})
