import {
  type AuthProvider,
  Client,
  InsufficientScopeError,
  StreamableHTTPClientTransport
} from "@modelcontextprotocol/client"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import { Credentials } from "../../../src/app/credentials/Credentials.ts"
import { toAuthProvider } from "../../../src/app/http/SdkAuthProvider.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { TokenSet } from "../../../src/domain/TokenSet.ts"
import { liveCore, realServers } from "../DoorWorld.ts"
import { serverNamed } from "../World.ts"

/** A client of the official SDK, connected, and closed with the scope. */
const connected = (url: URL, authProvider: AuthProvider) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } })
      await client.connect(new StreamableHTTPClientTransport(url, { authProvider }))
      return client
    }),
    (client) => Effect.promise(() => client.close())
  )

const add = (client: Client) =>
  Effect.promise(() => client.callTool({ name: "add", arguments: { a: 19, b: 23 } }))

const tenCalls = (client: Client) =>
  Effect.forEach(Array.from({ length: 10 }), () => add(client), { concurrency: "unbounded" })

describe("the authProvider for version 2 of the SDK", () => {
  it.live("signs in at the first 401, once, and not by the SDK", () =>
    Effect.gen(function* () {
      const { authorizationServer, mcpServer } = yield* realServers()
      const provider = yield* toAuthProvider({ ...serverNamed("demo"), url: mcpServer.url })
      const client = yield* connected(mcpServer.url, provider)
      const { content } = yield* add(client)
      assert.deepEqual(content, [{ type: "text", text: "42" }])
      assert.strictEqual(authorizationServer.counts.get("register"), 1)
      assert.strictEqual(authorizationServer.counts.get("token:authorization_code"), 1)
    }).pipe(Effect.provide(liveCore))
  )

  it.live("refreshes once for ten calls that are answered 401 at the same moment", () =>
    Effect.gen(function* () {
      const { authorizationServer, mcpServer } = yield* realServers()
      const provider = yield* toAuthProvider({ ...serverNamed("demo"), url: mcpServer.url })
      const client = yield* connected(mcpServer.url, provider)
      mcpServer.rejectSeenTokens()
      const answers = yield* tenCalls(client)
      assert.strictEqual(answers.filter(({ isError }) => isError !== true).length, 10)
      assert.strictEqual(authorizationServer.counts.get("token:refresh_token"), 1)
      assert.strictEqual(authorizationServer.counts.get("token:authorization_code"), 1)
      assert.strictEqual(authorizationServer.revokedGrants(), 0)
    }).pipe(Effect.provide(liveCore))
  )

  it.live("refreshes an expired, rotating token once for the first ten calls of all", () =>
    Effect.gen(function* () {
      const { authorizationServer, mcpServer } = yield* realServers()
      const server = { ...serverNamed("demo"), url: mcpServer.url }
      const provider = yield* toAuthProvider(server)
      const client = yield* connected(mcpServer.url, provider)
      const credentials = yield* Credentials
      const key = CredentialKey.of(server.name, undefined)
      const found = Option.getOrThrow(yield* credentials.load(server, key))
      const now = yield* Clock.currentTimeMillis
      const tokens = found.tokens
      assert.isDefined(tokens)
      yield* credentials.save(
        key,
        found.next({
          tokens: new TokenSet({ ...tokens, obtainedAt: now - 7_200_000, expiresAt: now - 3_600_000 })
        })
      )
      const unauthorized = mcpServer.counts.get("401")
      const answers = yield* tenCalls(client)
      assert.strictEqual(answers.filter(({ isError }) => isError !== true).length, 10)
      assert.strictEqual(authorizationServer.counts.get("token:refresh_token"), 1)
      assert.strictEqual(authorizationServer.counts.get("token:authorization_code"), 1)
      assert.strictEqual(mcpServer.counts.get("401"), unauthorized)
    }).pipe(Effect.provide(liveCore))
  )

  it.live("leaves a 403 insufficient_scope to the SDK, which has an error for it", () =>
    Effect.gen(function* () {
      const { authorizationServer, mcpServer } = yield* realServers({
        mcp: { toolScopes: { add: "mcp:write" } }
      })
      const provider = yield* toAuthProvider({ ...serverNamed("demo"), url: mcpServer.url })
      const client = yield* connected(mcpServer.url, provider)
      const error = yield* Effect.promise(() =>
        client.callTool({ name: "add", arguments: { a: 19, b: 23 } }).then(
          () => undefined,
          (cause: unknown) => cause
        )
      )
      assert.instanceOf(error, InsufficientScopeError)
      assert.strictEqual(error.requiredScope, "mcp:write")
      assert.strictEqual(authorizationServer.counts.get("token:authorization_code"), 1)
    }).pipe(Effect.provide(liveCore))
  )

  it.live("gives no token where the server's entry has an Authorization header of its own", () =>
    Effect.gen(function* () {
      const server = { ...serverNamed("demo"), headers: { authorization: Redacted.make("Basic YTpi") } }
      const provider = yield* toAuthProvider(server)
      assert.isUndefined(yield* Effect.promise(() => provider.token()))
      assert.isUndefined(provider.onUnauthorized)
    }).pipe(Effect.provide(liveCore))
  )
})

/** Access tokens that are numbered: a rejected one is followed by the next. */
const numbered = (options: { readonly dpopKey?: string } = {}) => {
  const rejected: Array<string> = []
  let number = 1
  const held = Effect.sync(
    () =>
      new TokenSet({
        accessToken: Redacted.make(`token ${number}`),
        tokenType: "bearer",
        obtainedAt: 0,
        ...(options.dpopKey === undefined ? {} : { dpopKey: Redacted.make(options.dpopKey) })
      })
  )
  const layer = Layer.mock(AccessTokens, {
    get: () => held,
    getIfKnown: () => Effect.asSome(held),
    reject: (_request, token) =>
      Effect.sync(() => {
        rejected.push(Redacted.value(token))
        if (Redacted.value(token) === `token ${number}`) number += 1
      })
  })
  return { layer, rejected }
}

const refuse = (provider: { onUnauthorized?: (context: { readonly response: Response }) => Promise<void> }) =>
  Effect.promise(
    () => provider.onUnauthorized?.({ response: new Response(null, { status: 401 }) }) ?? Promise.reject()
  )

describe("which token a 401 is for", () => {
  it.effect("is the one of before, for those of many answers that come after the refresh", () => {
    const { layer, rejected } = numbered()
    return Effect.gen(function* () {
      const provider = yield* toAuthProvider(serverNamed("demo"))
      const token = Effect.promise(() => provider.token())
      yield* Effect.all([token, token, token])
      yield* refuse(provider)
      assert.strictEqual(yield* token, "token 2")
      yield* refuse(provider)
      yield* refuse(provider)
      assert.deepEqual(rejected, ["token 1", "token 1", "token 1"])
      assert.strictEqual(yield* token, "token 2")
      yield* refuse(provider)
      assert.strictEqual(yield* token, "token 3")
    }).pipe(Effect.provide(layer))
  })

  it.effect("is the newest one, once the answers to the others must have come", () => {
    const { layer } = numbered()
    return Effect.gen(function* () {
      const provider = yield* toAuthProvider(serverNamed("demo"))
      const token = Effect.promise(() => provider.token())
      yield* Effect.all([token, token, token])
      yield* refuse(provider)
      assert.strictEqual(yield* token, "token 2")
      yield* TestClock.adjust("11 seconds")
      yield* refuse(provider)
      assert.strictEqual(yield* token, "token 3")
    }).pipe(Effect.provide(layer))
  })

  it.effect("is never said of a token that is bound to a key: that one is not handed out", () => {
    const { layer } = numbered({ dpopKey: "{}" })
    return Effect.gen(function* () {
      const provider = yield* toAuthProvider(serverNamed("demo"))
      const error = yield* Effect.promise(() =>
        provider.token().then(
          () => undefined,
          (cause: unknown) => cause
        )
      )
      assert.instanceOf(error, Error)
      assert.match(error.message, /are bound to a key \(DPoP\)/)
    }).pipe(Effect.provide(layer))
  })
})
