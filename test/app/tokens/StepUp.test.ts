import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import {
  ScriptedAuthorizationServer,
  type ScriptedOptions
} from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { ScriptedUser } from "../../../src/adapters/scripted/ScriptedUser.ts"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import * as AuthorizedHttp from "../../../src/app/http/AuthorizedHttp.ts"
import { SignIn } from "../../../src/app/signin/SignIn.ts"
import { DynamicRegistration } from "../../../src/domain/ClientRegistration.ts"
import { Credential } from "../../../src/domain/Credential.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { scopesOf, TokenSet } from "../../../src/domain/TokenSet.ts"
import { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import { Discovery } from "../../../src/ports/Discovery.ts"
import { HttpTransport } from "../../../src/ports/HttpTransport.ts"
import { serverNamed, world } from "../World.ts"

const notion = serverNamed("notion")

/** The scopes that each path needs; a `!` before them: whatever the token has, they are not enough. */
const paths: Readonly<Record<string, string>> = {
  "/mcp/read": "read",
  "/mcp/write": "write",
  "/mcp/both": "read write",
  "/mcp/never": "!admin",
  "/mcp/twice": "write admin"
}

/** The status of a server that misses scopes; MCP requires 403. */
const statusIn = (search: string): number => Number(new URLSearchParams(search).get("status") ?? 403)

/** A resource server whose token needs the scopes of the path; it names the first one that is missing. */
const guarded = Layer.effect(
  HttpTransport,
  Effect.map(ScriptedAuthorizationServer, ({ accepts, scopesOf: held }) => {
    const challenge = (status: number, value: string) =>
      new Response("no", { status, headers: { "www-authenticate": value } })
    return HttpTransport.of({
      send: Effect.fn("guarded.send")(function* (request) {
        const token = Redacted.make(request.headers.get("authorization")?.replace(/^Bearer /, "") ?? "")
        if (!(yield* accepts(token))) return challenge(401, 'Bearer scope="read"')
        const { pathname, search } = new URL(request.url)
        if (pathname === "/mcp/plain") return new Response("no", { status: 403 })
        if (pathname === "/mcp/commas" && !(yield* held(token)).includes("write"))
          return challenge(403, 'Bearer error="insufficient_scope", scope="read,write"')
        if (pathname === "/mcp/other") return challenge(403, 'Bearer error="access_denied", scope="write"')
        if (pathname === "/mcp/nameless") return challenge(403, 'Bearer error="insufficient_scope"')
        const has = yield* held(token)
        const [missing] = scopesOf(paths[pathname]).filter((scope) => !has.includes(scope))
        return missing === undefined
          ? new Response(`hello with ${has.join(" ")}`)
          : challenge(
              statusIn(search),
              `Bearer error="insufficient_scope", scope="${missing.replace("!", "")}"`
            )
      })
    })
  })
)

const stepping = (options: ScriptedOptions & { readonly present?: boolean } = {}) =>
  AuthorizedHttp.layer.pipe(Layer.provide(guarded), Layer.provideMerge(world(options)))

const send = (path: string, server = notion) =>
  AuthorizedHttp.AuthorizedHttp.use((http) =>
    http.sendTo(server)(new Request(`https://notion.test/mcp/${path}`, { method: "POST", body: "question" }))
  )
/** The scopes of every sign-in so far. */
const asked = Effect.map(ScriptedUser, ({ opened }) =>
  opened.map((url) => url.searchParams.get("scope") ?? "")
)
const textOf = (response: Response) => Effect.promise(() => response.text())

describe("a 403 for a missing scope", () => {
  it.effect("signs in for it besides all of before, and the request goes through", () =>
    Effect.gen(function* () {
      const response = yield* send("write")
      assert.strictEqual(response.status, 200)
      assert.strictEqual(yield* textOf(response), "hello with read write")
      assert.deepEqual(yield* asked, ["read", "read write"])
      // The next one finds the token that has both.
      assert.strictEqual((yield* send("both")).status, 200)
      assert.strictEqual((yield* asked).length, 2)
    }).pipe(Effect.provide(stepping()))
  )

  it.effect("counts with 401 as well, and renews a token that has the scope", () =>
    Effect.gen(function* () {
      const response = yield* send("write?status=401")
      assert.strictEqual(yield* textOf(response), "hello with read write")
      assert.deepEqual(yield* asked, ["read", "read write"])
      yield* SignIn.use((service) => service.signIn({ server: notion, scopes: ["read", "admin"] }))
      assert.strictEqual((yield* send("never?status=401")).status, 401)
      assert.strictEqual((yield* ScriptedAuthorizationServer).counts.refreshes, 1)
      assert.strictEqual((yield* asked).length, 3)
    }).pipe(Effect.provide(stepping()))
  )

  it.effect("reads scopes with commas between them, if the sign-in has one of them", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* send("commas")).status, 200)
      assert.deepEqual(yield* asked, ["read", "read write"])
    }).pipe(Effect.provide(stepping()))
  )

  it.effect.each(["write", "write?status=401"])("is returned where the request says so: %s", (path) =>
    Effect.gen(function* () {
      yield* send("read")
      const http = yield* AuthorizedHttp.AuthorizedHttp
      const request = new Request(`https://notion.test/mcp/${path}`, { method: "POST", body: "question" })
      const { status } = yield* http.sendTo(notion)(request, { renew: false })
      assert.strictEqual(status, path === "write" ? 403 : 401)
      assert.deepEqual(yield* asked, ["read"])
    }).pipe(Effect.provide(stepping()))
  )

  it.effect("keeps the scopes that are written by hand", () =>
    Effect.gen(function* () {
      const written = serverNamed("notion", { scopes: ["read", "profile"] })
      assert.strictEqual((yield* send("write", written)).status, 200)
      assert.deepEqual(yield* asked, ["read profile", "read profile write"])
      // A sign-in for others by hand does not put an end to them.
      yield* SignIn.use((service) => service.signIn({ server: written, scopes: ["read"] }))
      assert.strictEqual((yield* send("write", written)).status, 200)
      assert.strictEqual((yield* asked).at(-1), "read profile write")
    }).pipe(Effect.provide(stepping()))
  )

  it.effect("keeps a scope that was asked for under a name that the answers do not repeat", () =>
    Effect.gen(function* () {
      yield* SignIn.use((service) => service.signIn({ server: notion, scopes: ["all"] }))
      yield* send("write")
      assert.deepEqual(yield* asked, ["all", "all write"])
    }).pipe(Effect.provide(stepping({ grants: ["write"] })))
  )

  it.effect("is met twice in one request, and no more", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* send("twice")).status, 200)
      assert.deepEqual(yield* asked, ["read", "read write", "read write admin"])
    }).pipe(Effect.provide(stepping()))
  )

  it.effect("is given back after two sign-ins that were followed by yet another scope", () => {
    let serial = 0
    const insatiable = Layer.effect(
      HttpTransport,
      Effect.map(ScriptedAuthorizationServer, ({ accepts }) =>
        HttpTransport.of({
          send: Effect.fn("insatiable.send")(function* (request) {
            const token = request.headers.get("authorization")?.replace(/^Bearer /, "") ?? ""
            if (!(yield* accepts(Redacted.make(token)))) return new Response(null, { status: 401 })
            serial += 1
            const header = { "www-authenticate": `Bearer error=insufficient_scope, scope="s${serial}"` }
            return new Response(null, { status: 403, headers: header })
          })
        })
      )
    )
    return Effect.gen(function* () {
      assert.strictEqual((yield* send("x")).status, 403)
      assert.deepEqual(yield* asked, ["", "s1", "s1 s2"])
    }).pipe(Effect.provide(AuthorizedHttp.layer.pipe(Layer.provide(insatiable), Layer.provideMerge(world()))))
  })

  it.effect("is asked for once, where the server wants it whatever the token has", () =>
    Effect.gen(function* () {
      for (const _ of [1, 2, 3]) assert.strictEqual((yield* send("never")).status, 403)
      assert.deepEqual(yield* asked, ["read", "read admin"])
    }).pipe(Effect.provide(stepping()))
  )

  it.effect("is not asked for where the token has it already", () =>
    Effect.gen(function* () {
      yield* SignIn.use((service) => service.signIn({ server: notion, scopes: ["read", "admin"] }))
      assert.strictEqual((yield* send("never")).status, 403)
      assert.deepEqual(yield* asked, ["read admin"])
    }).pipe(Effect.provide(stepping()))
  )

  it.effect("is asked for once, where it is not granted", () =>
    Effect.gen(function* () {
      for (const _ of [1, 2, 3]) assert.strictEqual((yield* send("write")).status, 403)
      assert.deepEqual(yield* asked, ["read", "read write"])
      // Another scope is another wish.
      assert.strictEqual((yield* send("never")).status, 403)
      assert.strictEqual((yield* asked).length, 3)
    }).pipe(Effect.provide(stepping({ grants: ["read"] })))
  )

  it.effect("is asked for again an hour after it was not granted", () =>
    Effect.gen(function* () {
      for (const _ of [1, 2]) assert.strictEqual((yield* send("write")).status, 403)
      yield* TestClock.adjust("59 minutes")
      yield* send("write")
      assert.deepEqual(yield* asked, ["read", "read write"])
      yield* TestClock.adjust("1 minute")
      yield* send("write")
      assert.deepEqual(yield* asked, ["read", "read write", "read write"])
    }).pipe(Effect.provide(stepping({ grants: ["read"], lifetime: "1 day" })))
  )

  it.effect("costs one sign-in for many requests at once", () =>
    Effect.gen(function* () {
      yield* send("read")
      const responses = yield* Effect.all(
        Array.from({ length: 50 }, () => send("write")),
        { concurrency: "unbounded" }
      )
      assert.isTrue(responses.every(({ status }) => status === 200))
      assert.deepEqual(yield* asked, ["read", "read write"])
    }).pipe(Effect.provide(stepping()))
  )

  it.effect("loses no scope where two requests want different ones at once", () =>
    Effect.gen(function* () {
      yield* send("read")
      const [write, twice] = yield* Effect.all([send("write"), send("twice")], { concurrency: "unbounded" })
      assert.deepEqual([write.status, twice.status], [200, 200])
      assert.strictEqual((yield* asked).at(-1), "read write admin")
    }).pipe(Effect.provide(stepping()))
  )

  it.effect.each(["plain", "other", "nameless"])("is left alone where it is another 403: %s", (path) =>
    Effect.gen(function* () {
      const response = yield* send(path)
      assert.strictEqual(response.status, 403)
      assert.strictEqual(yield* textOf(response), "no")
      assert.deepEqual(yield* asked, ["read"])
    }).pipe(Effect.provide(stepping()))
  )

  it.effect.each<readonly [string, string, ReadonlyArray<string>, string | undefined]>([
    ["by its scope alone", 'Bearer scope="write"', [], "read write"],
    ["by a scope without quotes", "Bearer scope=write", [], "read write"],
    ["by two scopes alone", 'Bearer scope="write admin"', [], "read write admin"],
    [
      "by no scope, and the metadata lists it",
      'Bearer error="insufficient_scope"',
      ["read", "write"],
      "read write"
    ],
    [
      "by no scope, in words",
      'Bearer error="insufficient_scope", error_description="You need more"',
      ["write", "admin"],
      "read write admin"
    ],
    [
      "by no scope, and the sign-in has all that are listed",
      'Bearer error="insufficient_scope"',
      ["read"],
      undefined
    ],
    ["by no scope and no list", 'Bearer error="insufficient_scope"', [], undefined]
  ])("is understood where the server names it %s", ([, challenge, listed, requested]) => {
    const refusing = Layer.effect(
      HttpTransport,
      Effect.map(ScriptedAuthorizationServer, ({ scopesOf: held }) =>
        HttpTransport.of({
          send: Effect.fn("refusing.send")(function* (request) {
            const token = request.headers.get("authorization")?.replace(/^Bearer /, "")
            const has = token === undefined ? [] : yield* held(Redacted.make(token))
            if (has.length === 0)
              return new Response("no", {
                status: 401,
                headers: { "www-authenticate": 'Bearer scope="read"' }
              })
            return has.length > 1
              ? new Response("hello")
              : new Response("no", { status: 403, headers: { "www-authenticate": challenge } })
          })
        })
      )
    )
    const listing = Layer.effect(
      Discovery,
      Discovery.use((scripted) =>
        Effect.succeed({
          ...scripted,
          discover: (server, first) =>
            Effect.map(scripted.discover(server, first), (found) => ({
              ...found,
              scopes: found.scopes.length > 0 ? found.scopes : listed
            }))
        })
      )
    )
    return Effect.gen(function* () {
      const response = yield* send("any")
      assert.strictEqual(response.status, requested === undefined ? 403 : 200)
      assert.deepEqual(yield* asked, requested === undefined ? ["read"] : ["read", requested])
    }).pipe(
      Effect.provide(
        AuthorizedHttp.layer.pipe(
          Layer.provide(refusing),
          Layer.provideMerge(world({ wrapDiscovery: listing }))
        )
      )
    )
  })

  it.effect("says which scopes and which command, where nobody is there to approve", () =>
    Effect.gen(function* () {
      // Somebody ran the command that the first error names.
      yield* SignIn.use((service) => service.signIn({ server: notion, scopes: ["read", "profile"] }))
      const error = yield* Effect.flip(send("write"))
      assert.deepInclude(error, { _tag: "ScopeRequired", missing: ["write"] })
      assert.strictEqual(
        errorText(error),
        'notion requires the scope write, which the stored sign-in does not have.\nRun: mcp-cli auth login notion --scope "read profile write"'
      )
      assert.deepEqual(yield* asked, ["read profile"])
    }).pipe(Effect.provide(stepping({ present: false })))
  )

  const steppingUp = (sent: Redacted.Redacted, scope: string) =>
    AccessTokens.use((tokens) =>
      tokens.stepUp(
        {
          server: notion,
          challenge: { error: "insufficient_scope", resourceMetadata: undefined, scope }
        },
        sent
      )
    )
  const signedIn = (...scopes: ReadonlyArray<string>) =>
    Effect.map(
      SignIn.use((service) => service.signIn({ server: notion, scopes })),
      ({ tokens }) => tokens
    )

  it.effect("takes the token that another process got meanwhile, whether somebody is there or not", () =>
    Effect.gen(function* () {
      const sent = yield* signedIn("read")
      const newer = yield* signedIn("read", "write")
      const taken = Option.getOrThrow(yield* steppingUp(sent.accessToken, "write"))
      assert.isTrue(taken.holds(newer.accessToken))
    }).pipe(Effect.provide(stepping({ present: false })))
  )

  it.effect("takes the token of the sign-in that it had to wait for", () =>
    Effect.gen(function* () {
      const signingIn = yield* Effect.forkChild(signedIn("read"))
      yield* TestClock.adjust("1 second")
      const sent = yield* Fiber.join(signingIn)
      const both = yield* Effect.forkChild(steppingUp(sent.accessToken, "write admin"))
      const one = yield* Effect.forkChild(steppingUp(sent.accessToken, "write"))
      yield* TestClock.adjust("1 second")
      assert.deepEqual(yield* Fiber.join(one), yield* Fiber.join(both))
      assert.deepEqual(yield* asked, ["read", "read write admin"])
    }).pipe(Effect.provide(stepping({ latency: "30 millis" })))
  )

  it.effect("does not ask again whoever said no", () => {
    const unmoved = Layer.succeed(HttpTransport, {
      send: () =>
        Effect.sync(
          () =>
            new Response("no", {
              status: 403,
              headers: { "www-authenticate": 'Bearer error="insufficient_scope", scope="write"' }
            })
        )
    })
    return Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      yield* CredentialStore.use((store) =>
        store.put(
          CredentialKey.of("notion"),
          new Credential({
            resource: "https://notion.test/mcp",
            issuer: "https://as.test",
            tokenEndpoint: "https://as.test/token",
            registration: new DynamicRegistration({
              clientId: "dynamic-1",
              authenticationMethod: "none",
              redirectUri: "http://localhost:8080/callback"
            }),
            tokens: new TokenSet({
              accessToken: Redacted.make("kept"),
              tokenType: "bearer",
              obtainedAt: now,
              expiresAt: now + 3_600_000
            }),
            grantedScopes: ["read"],
            generation: 1
          })
        )
      )
      assert.strictEqual((yield* Effect.flip(send("write")))._tag, "SignInRefused")
      assert.strictEqual((yield* send("write")).status, 403)
      assert.deepEqual(yield* asked, ["read write"])
    }).pipe(
      Effect.provide(
        AuthorizedHttp.layer.pipe(Layer.provide(unmoved), Layer.provideMerge(world({ script: "deny" })))
      )
    )
  })
})
