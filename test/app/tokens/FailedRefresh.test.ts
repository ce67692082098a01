import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Fiber, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { ScriptedUser } from "../../../src/adapters/scripted/ScriptedUser.ts"
import { exitCodeOf } from "../../../src/app/cli/ExitCode.ts"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import * as Credentials from "../../../src/app/credentials/Credentials.ts"
import * as SignIn from "../../../src/app/signin/SignIn.ts"
import * as AccessTokens from "../../../src/app/tokens/AccessTokens.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import type { RemoteServer } from "../../../src/domain/Server.ts"
import { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import {
  InvalidClient,
  Malformed,
  Refused,
  TokenEndpoint,
  type TokenFailure,
  TokenRequestError,
  Transient
} from "../../../src/ports/TokenEndpoint.ts"
import { byHand, serverNamed, world } from "../World.ts"

const notion = serverNamed("notion")

/** A world in which refreshes fail from when `fails` is set. */
const failing = (options: Parameters<typeof world>[0] = {}) => {
  const state: { fails?: TokenFailure; requests: number } = { requests: 0 }
  const layer = world({
    ...options,
    wrapTokenEndpoint: Layer.effect(
      TokenEndpoint,
      Effect.map(TokenEndpoint, (service) =>
        TokenEndpoint.of({
          ...service,
          refresh: (request) =>
            Effect.suspend(() => {
              state.requests += 1
              return state.fails === undefined
                ? service.refresh(request)
                : Effect.delay(
                    new TokenRequestError({
                      server: "notion",
                      origin: "https://as.test",
                      reason: state.fails
                    }),
                    "30 millis"
                  )
            })
        })
      )
    )
  })
  return { state, layer }
}

const signIn = (server: RemoteServer = notion) =>
  SignIn.SignIn.use((service) => service.signIn({ server, account: undefined }))
const get = (server: RemoteServer = notion) =>
  AccessTokens.AccessTokens.use((tokens) => tokens.get({ server }))
const opened = ScriptedUser.use((user) => Effect.succeed(user.opened.length))
const stored = CredentialStore.use((store) => store.get(CredentialKey.of("notion")))

/** The outcome of a command that needs a token, after the retries. */
const outcome = (server: RemoteServer = notion) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(get(server).pipe(Effect.result))
    yield* TestClock.adjust("1 minute")
    const result = yield* Fiber.join(fiber)
    if (result._tag === "Success") return { code: 0, text: "" }
    const { failure } = result
    return { code: exitCodeOf(Cause.fail(failure)), text: errorText(failure) }
  })

const startProcess = Layer.build(
  Layer.fresh(
    AccessTokens.layer.pipe(Layer.provideMerge(SignIn.layer), Layer.provideMerge(Credentials.layer))
  )
).pipe(Effect.map((services) => Context.get(services, AccessTokens.AccessTokens)))

const over: ReadonlyArray<readonly [string, Refused | InvalidClient]> = [
  ["Metabase", new Refused({ error: "invalid_request", status: 400 })],
  ["Atlassian", new Refused({ error: "unauthorized_client", description: "refresh_token is invalid" })],
  [
    "Atlassian, 401",
    new InvalidClient({ error: "unauthorized_client", description: "refresh_token is invalid" })
  ],
  ["GitHub", new Refused({ error: "bad_refresh_token", status: 200 })],
  ["Slack", new Refused({ error: "invalid_refresh_token", status: 200 })],
  ["Entra", new Refused({ error: "interaction_required", description: "AADSTS50076" })],
  ["OpenID Connect", new Refused({ error: "login_required" })],
  ["a resource server", new Refused({ error: "invalid_token", status: 401 })],
  ["access_denied", new Refused({ error: "access_denied", status: 403 })],
  ["a scope that is gone", new Refused({ error: "invalid_scope" })],
  ["no refresh tokens any more", new Refused({ error: "unsupported_grant_type" })],
  ["a code of its own", new Refused({ error: "grant_withdrawn_by_tenant", status: 400 })]
]

describe("a refresh that is refused for good", () => {
  it.effect.each(over)("ends the sign-in, in the words of the server: %s", ([, failure]) => {
    const { layer, state } = failing({ present: false })
    return Effect.gen(function* () {
      yield* signIn()
      yield* TestClock.adjust("2 hours")
      state.fails = failure
      const { code, text } = yield* outcome()
      assert.strictEqual(code, 3)
      const words =
        failure.description === undefined ? failure.error : `${failure.error}: ${failure.description}`
      assert.strictEqual(
        text,
        `The sign-in to notion is over: it is no longer accepted (${words}).\nRun: mcp-cli auth login notion`
      )
      assert.isUndefined(Option.getOrThrow(yield* stored).tokens)
      assert.strictEqual(state.requests, 1)
    }).pipe(Effect.provide(layer))
  })

  it.effect.each(over)("leads a user who is present to the full sign-in: %s", ([, failure]) => {
    const { layer, state } = failing()
    return Effect.gen(function* () {
      yield* get()
      yield* TestClock.adjust("2 hours")
      state.fails = failure
      assert.strictEqual((yield* outcome()).code, 0)
      assert.strictEqual(yield* opened, 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is over, and has not expired, once the access token that was still valid has", () => {
    const { layer, state } = failing({ present: false })
    return Effect.gen(function* () {
      yield* signIn()
      yield* TestClock.adjust("57 minutes")
      state.fails = new Refused({ error: "token_revoked" })
      assert.strictEqual((yield* outcome()).code, 0)
      yield* TestClock.adjust("1 hour")
      assert.include(
        (yield* outcome()).text,
        "The sign-in to notion is over: it is no longer accepted (token_revoked)."
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect.each<readonly [string, TokenFailure]>([
    [
      "Keycloak",
      new InvalidClient({ error: "unauthorized_client", description: "Invalid client credentials" })
    ],
    ["RFC 6749", new InvalidClient({ description: "the secret has expired" })],
    ["GitHub", new Refused({ error: "incorrect_client_credentials", status: 200 })],
    ["Slack", new Refused({ error: "bad_client_secret", status: 200 })]
  ])("names the field of a client secret that is wrong, and opens no browser: %s", ([, failure]) => {
    const { layer, state } = failing()
    return Effect.gen(function* () {
      yield* signIn(byHand("notion"))
      yield* TestClock.adjust("2 hours")
      state.fails = failure
      const { code, text } = yield* outcome(byHand("notion"))
      assert.strictEqual(code, 2)
      assert.include(text, 'Check "client_id" and "client_secret" in the oauth block of notion.')
      if ("description" in failure && failure.description !== undefined)
        assert.include(text, failure.description)
      assert.strictEqual(yield* opened, 1)
      assert.isDefined(Option.getOrThrow(yield* stored).tokens?.refreshToken)
    }).pipe(Effect.provide(layer))
  })
})

const unclear: ReadonlyArray<readonly [string, TokenFailure]> = [
  ["500", new Transient({ detail: "HTTP 500", status: 500 })],
  ["a page", new Malformed({ detail: "HTTP 403" })],
  ["a message", new Malformed({ detail: "HTTP 400: refresh token expired" })],
  ["a gateway", new Refused({ error: "unauthorized", status: 401 })],
  ["a proof", new Refused({ error: "invalid_dpop_proof", status: 400 })]
]

describe("a refresh whose answer says nothing about the refresh token", () => {
  it.effect.each(unclear)("names the way out, and loses nothing: %s", ([, failure]) => {
    const { layer, state } = failing({ present: false })
    return Effect.gen(function* () {
      yield* signIn()
      yield* TestClock.adjust("2 hours")
      state.fails = failure
      const { code, text } = yield* outcome()
      assert.strictEqual(code, 3)
      assert.include(text, "mcp-cli auth login notion")
      delete state.fails
      assert.strictEqual((yield* outcome()).code, 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect.each(unclear)("leads a user who is present to the full sign-in: %s", ([, failure]) => {
    const { layer, state } = failing()
    return Effect.gen(function* () {
      yield* get()
      yield* TestClock.adjust("2 hours")
      state.fails = failure
      assert.strictEqual((yield* outcome()).code, 0)
      assert.strictEqual(yield* opened, 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect.each([
    ...unclear,
    [
      "server_error",
      new Transient({ detail: "HTTP 500: server_error", status: 500, error: "server_error" })
    ] as const
  ])("ends the sign-in after a day, and not before: %s", ([, failure]) => {
    const { layer, state } = failing({ present: false })
    return Effect.gen(function* () {
      yield* signIn()
      yield* TestClock.adjust("2 hours")
      state.fails = failure
      yield* outcome()
      yield* TestClock.adjust("23 hours")
      yield* outcome()
      assert.isDefined(Option.getOrThrow(yield* stored).tokens)
      yield* TestClock.adjust("2 hours")
      const { code, text } = yield* outcome()
      assert.strictEqual(code, 3)
      assert.match(text, /^The sign-in to notion is over: it is no longer accepted \(.*, for a day\)\./)
      assert.isUndefined(Option.getOrThrow(yield* stored).tokens)
    }).pipe(Effect.provide(layer))
  })

  it.effect("does not end a sign-in that worked in between", () => {
    const { layer, state } = failing({ present: false })
    return Effect.gen(function* () {
      yield* signIn()
      yield* TestClock.adjust("2 hours")
      state.fails = new Transient({ detail: "HTTP 500", status: 500 })
      yield* outcome()
      delete state.fails
      yield* outcome()
      yield* TestClock.adjust("25 hours")
      state.fails = new Transient({ detail: "HTTP 500", status: 500 })
      yield* outcome()
      assert.isDefined(Option.getOrThrow(yield* stored).tokens)
    }).pipe(Effect.provide(layer))
  })

  it.effect.each<readonly [string, TokenFailure]>([
    ["no network", new Transient({ detail: "no such host" })],
    ["429", new Transient({ detail: "HTTP 429", status: 429 })],
    ["503", new Transient({ detail: "HTTP 503", status: 503 })],
    ["slow_down", new Refused({ error: "slow_down", status: 400 })],
    ["temporarily_unavailable", new Transient({ detail: "x", status: 500, error: "temporarily_unavailable" })]
  ])("is no reason for a browser if waiting helps: %s", ([, failure]) => {
    const { layer, state } = failing()
    return Effect.gen(function* () {
      yield* get()
      yield* TestClock.adjust("2 hours")
      state.fails = failure
      for (const wait of ["1 second", "25 hours"] as const) {
        yield* TestClock.adjust(wait)
        const { code, text } = yield* outcome()
        assert.strictEqual(code, 5)
        assert.include(text, "Nothing was lost. Try again later.")
        assert.notInclude(text, "auth login")
      }
      assert.strictEqual(yield* opened, 1)
    }).pipe(Effect.provide(layer))
  })
})

describe("ten processes during an outage", () => {
  it.effect.each<readonly [string, TokenFailure, number]>([
    ["503", new Transient({ detail: "HTTP 503", status: 503 }), 4],
    ["no network", new Transient({ detail: "no such host" }), 4],
    ["a page", new Malformed({ detail: "HTTP 403" }), 1]
  ])("share the failure of the first, and a later one tries again: %s", ([, failure, attempts]) => {
    const { layer, state } = failing({ present: false, latency: "30 millis" })
    return Effect.gen(function* () {
      const processes = yield* Effect.all(Array.from({ length: 10 }, () => startProcess))
      const signingIn = yield* Effect.forkChild(signIn())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(signingIn)
      yield* TestClock.adjust("2 hours")
      state.fails = failure
      const running = yield* Effect.forkChild(
        Effect.all(
          processes.map((process) => Effect.flip(process.get({ server: notion }))),
          { concurrency: "unbounded" }
        )
      )
      yield* TestClock.adjust("10 seconds")
      const errors = yield* Fiber.join(running)
      assert.strictEqual(new Set(errors.map(({ message }) => message)).size, 1)
      assert.strictEqual(state.requests, attempts)
      delete state.fails
      const [late] = processes
      const again = yield* Effect.forkChild(late!.get({ server: notion }))
      yield* TestClock.adjust("1 second")
      assert.isNotEmpty(Redacted.value((yield* Fiber.join(again)).accessToken))
    }).pipe(Effect.provide(layer), Effect.scoped)
  })
})
