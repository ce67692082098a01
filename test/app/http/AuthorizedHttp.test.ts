import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { ScriptedUser } from "../../../src/adapters/scripted/ScriptedUser.ts"
import * as AccessTokens from "../../../src/app/tokens/AccessTokens.ts"
import * as AuthorizedHttp from "../../../src/app/http/AuthorizedHttp.ts"
import { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import { HttpTransport } from "../../../src/ports/HttpTransport.ts"
import { KnownSignInNeeds, type SignInNeed } from "../../../src/ports/KnownSignInNeeds.ts"
import { byHand, serverNamed, world } from "../World.ts"

const notion = serverNamed("notion")

/** A resource server in memory: takes the tokens that the scripted authorization server takes. */
const guarded = (
  seen: Array<{ readonly body: string; readonly token: string | null; readonly fresh: boolean }>,
  open = false,
  refusal: Pick<ResponseInit, "headers" | "status"> = {
    status: 401,
    headers: { "www-authenticate": 'Bearer scope="mcp:read"' }
  },
  dead: ReadonlySet<string> = new Set()
) =>
  Layer.effect(
    HttpTransport,
    Effect.map(ScriptedAuthorizationServer, ({ accepts }) =>
      HttpTransport.of({
        send: Effect.fn("guarded.send")(function* (request, options) {
          const token = request.headers.get("authorization")?.replace(/^Bearer /, "") ?? null
          const body = yield* Effect.promise(() => request.text())
          seen.push({ body, token, fresh: options?.fresh === true })
          const isDead = token !== null && dead.has(token)
          const good = !isDead && (open || (token !== null && (yield* accepts(Redacted.make(token)))))
          return good ? new Response("hello") : new Response("no", refusal)
        })
      })
    )
  )

const overResource = (...options: Parameters<typeof guarded>) =>
  AuthorizedHttp.layer.pipe(Layer.provide(guarded(...options)), Layer.provideMerge(world()))

const post = (url = "https://notion.test/mcp") => new Request(url, { method: "POST", body: "question" })
const send = (request: Request, server = notion) =>
  AuthorizedHttp.AuthorizedHttp.use((http) => http.sendTo(server)(request))

describe("a request to a server", () => {
  it.effect("opens its connection before the store is read, which may take longer", () => {
    const steps: Array<string> = []
    const noted = Layer.effect(
      CredentialStore,
      Effect.map(CredentialStore, (store) =>
        CredentialStore.of({
          ...store,
          get: (key) =>
            Effect.andThen(
              Effect.sync(() => steps.push("read")),
              store.get(key)
            )
        })
      )
    )
    const transport = Layer.succeed(HttpTransport, {
      connect: ({ origin }) => Effect.sync(() => void steps.push(`connect to ${origin}`)),
      send: () =>
        Effect.sync(() => {
          steps.push("send")
          return new Response()
        })
    })
    return Effect.gen(function* () {
      yield* send(post())
      assert.deepEqual(steps, ["connect to https://notion.test", "read", "send"])
      // With a header of its own there is nothing to wait for.
      steps.length = 0
      yield* send(post(), { ...notion, headers: { authorization: Redacted.make("Basic eA==") } })
      assert.deepEqual(steps, ["send"])
    }).pipe(
      Effect.provide(
        AuthorizedHttp.layer.pipe(Layer.provide(transport), Layer.provideMerge(world({ wrapStore: noted })))
      )
    )
  })

  it.effect(
    "signs in when the server asks for it, for the scopes that it asks for, and is sent once more",
    () => {
      const seen: Parameters<typeof guarded>[0] = []
      return Effect.gen(function* () {
        const response = yield* send(post())
        assert.strictEqual(response.status, 200)
        assert.deepEqual(
          seen.map(({ body }) => body),
          ["question", "question"]
        )
        assert.isNull(seen[0]!.token)
        const { opened } = yield* ScriptedUser
        assert.deepEqual(
          opened.map((url) => url.searchParams.get("scope")),
          ["mcp:read"]
        )
      }).pipe(Effect.provide(overResource(seen)))
    }
  )

  it.effect.each([
    [false, ["later"]],
    [true, ["none", "none"]]
  ] as const)("takes note of what an answer without a token shows: open %s", ([open, expected]) => {
    const noted: Array<SignInNeed> = []
    const memory = Layer.succeed(KnownSignInNeeds, {
      recall: () => Effect.undefined,
      note: (_, need) => Effect.sync(() => void noted.push(need))
    })
    return Effect.gen(function* () {
      yield* send(post())
      yield* send(post())
      // The second one has a token if the first one required it.
      assert.deepEqual<ReadonlyArray<SignInNeed>>(noted, expected)
    }).pipe(Effect.provide(overResource([], open).pipe(Layer.provide(memory))))
  })

  it.effect("carries the token from the start once the user has signed in", () => {
    const seen: Parameters<typeof guarded>[0] = []
    return Effect.gen(function* () {
      yield* send(post())
      yield* send(post())
      assert.strictEqual(seen.length, 3)
      assert.isNotNull(seen[2]!.token)
    }).pipe(Effect.provide(overResource(seen)))
  })

  it.effect("refreshes a token that the server no longer takes, once", () => {
    const seen: Parameters<typeof guarded>[0] = []
    return Effect.gen(function* () {
      yield* send(post())
      const tokens = yield* AccessTokens.AccessTokens
      const before = yield* tokens.get({ server: notion })
      yield* tokens.reject({ server: notion }, before.accessToken)
      const response = yield* send(post())
      assert.strictEqual(response.status, 200)
      assert.strictEqual((yield* ScriptedUser).opened.length, 1)
      assert.strictEqual((yield* ScriptedAuthorizationServer).counts.refreshes, 1)
    }).pipe(Effect.provide(overResource(seen)))
  })

  // Servers and gateways that refuse a token with another status than that of RFC 6750 §3.1.
  it.effect.each([
    [403, 'Bearer error="invalid_token"', 200],
    [403, "bearer realm=x error=Invalid_Token", 200],
    [400, 'Basic realm="x", Bearer error="invalid_token", error_description="expired"', 200],
    [403, "Bearer", 403],
    [403, 'Bearer error="access_denied"', 403],
    [400, 'Bearer error="invalid_request"', 400],
    [404, 'Bearer error="invalid_token"', 404]
  ] as const)("after a refusal of the token with %i and %s ends with %i", ([status, challenge, expected]) => {
    const seen: Array<Parameters<typeof guarded>[0][number]> = []
    const dead = new Set<string>()
    const refusal = { status, headers: { "www-authenticate": challenge } }
    return Effect.gen(function* () {
      yield* send(post(), byHand("notion"))
      dead.add(seen.at(-1)?.token ?? "")
      assert.strictEqual((yield* send(post(), byHand("notion"))).status, expected)
      assert.strictEqual((yield* ScriptedUser).opened.length, 1)
      const { refreshes } = (yield* ScriptedAuthorizationServer).counts
      assert.strictEqual(refreshes, expected === 200 ? 1 : 0)
    }).pipe(Effect.provide(overResource(seen, false, refusal, dead)))
  })

  it.effect("is sent again over a new connection, since the server may close an idle one meanwhile", () => {
    const seen: Parameters<typeof guarded>[0] = []
    return Effect.gen(function* () {
      yield* send(post())
      yield* send(post())
      assert.deepEqual(
        seen.map(({ fresh }) => fresh),
        [false, true, false]
      )
    }).pipe(Effect.provide(overResource(seen)))
  })

  it.effect("gives back a second 401 as it is", () =>
    Effect.gen(function* () {
      const response = yield* send(post())
      assert.strictEqual(response.status, 401)
    }).pipe(
      Effect.provide(
        AuthorizedHttp.layer.pipe(
          Layer.provide(
            Layer.succeed(HttpTransport, { send: () => Effect.succeed(new Response("no", { status: 401 })) })
          ),
          Layer.provideMerge(world())
        )
      )
    )
  )

  it.effect("asks for no sign-in where the server wants none", () => {
    const seen: Parameters<typeof guarded>[0] = []
    return Effect.gen(function* () {
      yield* send(post())
      assert.deepEqual(
        seen.map(({ token }) => token),
        [null]
      )
      assert.strictEqual((yield* ScriptedUser).opened.length, 0)
    }).pipe(Effect.provide(overResource(seen, true)))
  })

  it.effect("signs in before the first request where the endpoints are written by hand", () => {
    const seen: Parameters<typeof guarded>[0] = []
    return Effect.gen(function* () {
      yield* send(post(), byHand("notion"))
      assert.strictEqual(seen.length, 1)
      assert.isNotNull(seen[0]!.token)
    }).pipe(Effect.provide(overResource(seen)))
  })

  it.effect("takes no token to another origin", () => {
    const seen: Parameters<typeof guarded>[0] = []
    return Effect.gen(function* () {
      yield* send(post())
      yield* send(post("https://elsewhere.test/mcp"))
      assert.isNull(seen.at(-1)!.token)
    }).pipe(Effect.provide(overResource(seen)))
  })

  it.effect("leaves a server alone whose entry brings its own Authorization header", () => {
    const seen: Parameters<typeof guarded>[0] = []
    return Effect.gen(function* () {
      const own = { ...notion, headers: { Authorization: Redacted.make("Bearer own") } }
      const response = yield* send(post(), own)
      assert.strictEqual(response.status, 401)
      assert.strictEqual((yield* ScriptedUser).opened.length, 0)
    }).pipe(Effect.provide(overResource(seen)))
  })
})
