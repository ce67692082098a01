import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric, Redacted, Tracer } from "effect"
import { TestClock } from "effect/testing"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import { bearerChallenge } from "../../../src/domain/Challenge.ts"
import { Transient } from "../../../src/ports/TokenEndpoint.ts"
import { serverNamed, world } from "../World.ts"

const get = (account?: string, server = serverNamed("notion")) =>
  AccessTokens.use((tokens) => tokens.get({ server, account }))
const away = new Transient({ detail: "HTTP 503" })

/** Collects the spans of `AccessTokens`. */
const recording = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  return {
    layer: Layer.succeed(Tracer.Tracer, tracer),
    all: spans,
    /** The spans of the sources since the last call: each name with its attributes. */
    take: () =>
      spans
        .splice(0)
        .filter(({ name }) => name.startsWith("AccessTokens."))
        .map(({ attributes, name }): Record<string, unknown> => ({ name, ...Object.fromEntries(attributes) }))
  }
}

/** The counters that are not zero, by name and attributes. */
const counts = Effect.map(Metric.snapshot, (snapshot) =>
  Object.fromEntries(
    snapshot.flatMap(({ attributes, id, state }) =>
      id.startsWith("mcp.oauth.") && "count" in state
        ? [[[id, ...Object.values(attributes ?? {})].join(" "), Number(state.count)]]
        : []
    )
  )
)

/** Counters that no other test has counted in. */
const counting = (present: boolean) =>
  Layer.provideMerge(
    world({ present }),
    Layer.sync(Metric.MetricRegistry, () => new Map())
  )

describe("the sources of tokens", () => {
  it.effect("are traced with server, account, kind and outcome, and memory is not", () => {
    const { layer, take } = recording()
    return Effect.gen(function* () {
      yield* get()
      const signedIn = take()
      const common = { "mcp.oauth.server": "notion", "mcp.oauth.account": signedIn[0]?.["mcp.oauth.account"] }
      assert.deepEqual(signedIn, [
        { name: "AccessTokens.store", ...common, "mcp.oauth.outcome": "sign_in_needed" },
        {
          name: "AccessTokens.sign_in",
          ...common,
          "mcp.oauth.reason": "never signed in",
          "mcp.oauth.outcome": "usable"
        }
      ])
      yield* get()
      assert.deepEqual(take(), [])
      yield* TestClock.adjust("2 hours")
      yield* get()
      assert.deepEqual(take(), [
        { name: "AccessTokens.store", ...common, "mcp.oauth.outcome": "stale" },
        { name: "AccessTokens.store", ...common, "mcp.oauth.outcome": "stale" },
        {
          name: "AccessTokens.refresh",
          ...common,
          "mcp.oauth.renewal": "refresh_token",
          "mcp.oauth.outcome": "usable"
        }
      ])
    }).pipe(Effect.provide(Layer.provideMerge(world(), layer)))
  })

  it.effect("are traced with the failure of a refresh, although the token is still served", () => {
    const { layer, take } = recording()
    return Effect.gen(function* () {
      yield* get()
      yield* TestClock.adjust("56 minutes")
      yield* ScriptedAuthorizationServer.use(({ failNext }) => failNext(away))
      yield* get()
      assert.deepInclude(take().at(-1), {
        name: "AccessTokens.refresh",
        "mcp.oauth.outcome": "failed",
        "error.type": "Transient"
      })
    }).pipe(Effect.provide(Layer.provideMerge(world(), layer)))
  })

  it.effect("are traced without secrets, and without the name of the account", () => {
    const { all, layer } = recording()
    return Effect.gen(function* () {
      const { accessToken, refreshToken } = yield* get("jane@example.com")
      yield* TestClock.adjust("2 hours")
      yield* get("jane@example.com")
      const ours = all.filter(({ name }) => name.startsWith("AccessTokens."))
      const text = JSON.stringify(ours.map(({ attributes, name }) => [name, ...attributes]))
      assert.match(text, /"mcp\.oauth\.account","[0-9a-f]{8}"/)
      for (const secret of [accessToken, refreshToken!].map(Redacted.value)) assert.notInclude(text, secret)
      assert.notInclude(text, "jane")
    }).pipe(Effect.provide(Layer.provideMerge(world(), layer)))
  })

  it.effect("give an account the same pseudonym each time, and another account another one", () => {
    const { layer, take } = recording()
    const pseudonyms = () => new Set(take().map((span) => span["mcp.oauth.account"]))
    return Effect.gen(function* () {
      yield* get("jane")
      const first = pseudonyms()
      yield* TestClock.adjust("2 hours")
      yield* get("jane")
      assert.deepEqual(pseudonyms(), first)
      yield* get("john")
      assert.notDeepEqual(pseudonyms(), first)
      assert.strictEqual(first.size, 1)
    }).pipe(Effect.provide(Layer.provideMerge(world(), layer)))
  })

  it.effect("are counted: sign-ins, refreshes, and failures by reason", () =>
    Effect.gen(function* () {
      yield* get()
      yield* get("other")
      yield* TestClock.adjust("56 minutes")
      yield* ScriptedAuthorizationServer.use(({ failNext }) => failNext(away))
      yield* get()
      yield* get("other")
      yield* get()
      assert.deepEqual(yield* counts, {
        "mcp.oauth.sign_ins never signed in": 2,
        "mcp.oauth.refreshes refresh_token": 1,
        "mcp.oauth.failures refresh Transient": 1
      })
      const tokens = yield* AccessTokens
      const challenge = bearerChallenge(`Bearer error="insufficient_scope", scope="write"`)
      const { accessToken } = yield* get()
      yield* tokens.stepUp({ server: serverNamed("notion"), challenge }, accessToken)
      assert.deepInclude(yield* counts, { "mcp.oauth.sign_ins missing scopes": 1 })
    }).pipe(Effect.provide(counting(true)))
  )

  it.effect("count a sign-in that needs an absent user as a failure", () =>
    Effect.gen(function* () {
      yield* Effect.flip(get())
      assert.deepEqual(yield* counts, { "mcp.oauth.failures sign_in SignInRequired": 1 })
    }).pipe(Effect.provide(counting(false)))
  )
})
