import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Redacted, Scope } from "effect"
import { TestClock } from "effect/testing"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { revocationOfReplaced } from "../../../src/app/signin/Revocation.ts"
import * as SignInService from "../../../src/app/signin/SignIn.ts"
import { ConfiguredRegistration, DynamicRegistration } from "../../../src/domain/ClientRegistration.ts"
import { Credential } from "../../../src/domain/Credential.ts"
import { TokenSet } from "../../../src/domain/TokenSet.ts"
import { ClientRegistrar } from "../../../src/ports/ClientRegistrar.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import { storageBackends } from "../../../src/ports/StorageBackend.ts"
import { BackendError } from "../../../src/ports/StorageFailure.ts"
import { Superseded } from "../../../src/ports/Superseded.ts"
import { Malformed, Refused, TokenEndpoint, TokenRequestError } from "../../../src/ports/TokenEndpoint.ts"
import { byHand, serverNamed, world } from "../World.ts"

const { SignIn } = SignInService
const notion = serverNamed("notion")
const signIn = (server = notion, more: { readonly moreScopes?: ReadonlyArray<string> } = {}) =>
  SignIn.use((service) => service.signIn({ server, ...more }))
const refreshTokenOf = ({ tokens }: { readonly tokens: TokenSet }) => Redacted.value(tokens.refreshToken!)
/** The refresh tokens revoked so far, after everything in the background has run. */
const revoked = Effect.gen(function* () {
  yield* TestClock.adjust(0)
  const { revocations } = yield* ScriptedAuthorizationServer
  return revocations.flatMap(({ hint, token }) => (hint === "refresh_token" ? [Redacted.value(token)] : []))
})

describe("a credential that a sign-in replaces", () => {
  it.effect("is revoked once, and the new one works", () =>
    Effect.gen(function* () {
      const first = yield* signIn()
      assert.deepEqual(yield* revoked, [])
      const second = yield* signIn()
      assert.deepEqual(yield* revoked, [refreshTokenOf(first)])
      assert.deepStrictEqual([first.replaced, second.replaced], [undefined, "revoked"])
      const { accepts } = yield* ScriptedAuthorizationServer
      assert.isFalse(yield* accepts(first.tokens.accessToken))
      assert.isTrue(yield* accepts(second.tokens.accessToken))
      yield* signIn()
      assert.deepEqual(yield* revoked, [first, second].map(refreshTokenOf))
    }).pipe(Effect.provide(world()))
  )

  it.effect.each([
    new Malformed({ detail: "HTTP 200, no JSON" }),
    new Refused({ error: "unsupported_token_type" })
  ])("may stay valid if its revocation fails: the sign-in succeeds (%s)", (failure) => {
    const failing = Layer.effect(
      TokenEndpoint,
      Effect.map(TokenEndpoint, (real) =>
        TokenEndpoint.of({
          ...real,
          revoke: (request) => {
            attempts += 1
            return Effect.fail(
              new TokenRequestError({
                server: request.server,
                origin: request.revocationEndpoint.origin,
                purpose: "revocation",
                reason: failure
              })
            )
          }
        })
      )
    )
    let attempts = 0
    return Effect.gen(function* () {
      yield* signIn()
      const { tokens } = yield* signIn()
      yield* revoked
      assert.strictEqual(attempts, 2, "the refresh token and the access token")
      const { accepts } = yield* ScriptedAuthorizationServer
      assert.isTrue(yield* accepts(tokens.accessToken))
    }).pipe(Effect.provide(world({ wrapTokenEndpoint: failing })))
  })

  it.effect("is revoked where it was issued, when the server moves to another authorization server", () =>
    Effect.gen(function* () {
      const first = yield* signIn()
      yield* ScriptedAuthorizationServer.use(({ moveTo }) => moveTo("https://moved.test"))
      yield* signIn()
      assert.deepEqual(yield* revoked, [refreshTokenOf(first)])
    }).pipe(Effect.provide(world()))
  )

  it.effect(
    "is revoked after the configuration has changed, if its client needs no secret of the old one",
    () =>
      Effect.gen(function* () {
        const first = yield* signIn()
        const configured = byHand("notion")
        const second = yield* signIn(configured)
        assert.deepEqual(yield* revoked, [refreshTokenOf(first)])
        yield* signIn()
        // The configuration no longer has the client of the second one, and its secret.
        assert.notInclude(yield* revoked, refreshTokenOf(second))
      }).pipe(Effect.provide(world()))
  )

  it.effect("stays if the sign-in adds scopes to it, since a server may have extended its grant", () =>
    Effect.gen(function* () {
      yield* signIn()
      yield* signIn(notion, { moreScopes: ["write"] })
      assert.deepEqual(yield* revoked, [])
    }).pipe(Effect.provide(world()))
  )

  it.effect("stays while the store still holds it", () => {
    let isFull = false
    const full = Layer.effect(
      CredentialStore,
      Effect.map(CredentialStore, (real) =>
        CredentialStore.of({
          ...real,
          put: (key, credential) =>
            isFull
              ? Effect.fail(
                  new StorageError({
                    reason: new BackendError({ backend: storageBackends.memory, detail: "full" })
                  })
                )
              : real.put(key, credential)
        })
      )
    )
    return Effect.gen(function* () {
      yield* signIn()
      isFull = true
      const signingIn = yield* Effect.forkChild(signIn())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(signingIn)
      assert.deepEqual(yield* revoked, [])
    }).pipe(Effect.provide(world({ wrapStore: full })))
  })
})

describe("a process that ends after a sign-in", () => {
  it.effect(
    "waits 5 seconds for the revocation and the deregistration of the one before, and no longer",
    () => {
      const silent = Layer.merge(
        Layer.effect(
          TokenEndpoint,
          Effect.map(TokenEndpoint, (real) => TokenEndpoint.of({ ...real, revoke: () => Effect.never }))
        ),
        Layer.effect(
          ClientRegistrar,
          Effect.map(ClientRegistrar, (real) =>
            ClientRegistrar.of({ ...real, deregister: () => Effect.as(Effect.sleep("5 seconds"), false) })
          )
        )
      )
      return Effect.gen(function* () {
        const scope = yield* Scope.make()
        const services = yield* Layer.buildWithScope(
          Layer.fresh(SignInService.layer).pipe(Layer.provide(silent)),
          scope
        )
        const process = Context.get(services, SignIn)
        yield* process.signIn({ server: notion })
        yield* process.signIn({ server: notion })
        const ending = yield* Effect.forkChild(Scope.close(scope, Exit.void))
        yield* TestClock.adjust("4900 millis")
        const isWaiting = ending.pollUnsafe() === undefined
        yield* TestClock.adjust("100 millis")
        const hasEnded = ending.pollUnsafe() !== undefined
        yield* TestClock.adjust("1 minute")
        assert.deepEqual({ isWaiting, hasEnded }, { isWaiting: true, hasEnded: true })
      }).pipe(Effect.provide(world()))
    }
  )
})

describe("a sign-in that lost its lock to another process", () => {
  it.effect("returns what that process has stored, and revokes only its own tokens", () => {
    let winner: Credential | undefined
    const overtaken = Layer.effect(
      CredentialStore,
      Effect.map(CredentialStore, (real) =>
        CredentialStore.of({
          ...real,
          put: Effect.fn("overtaken.put")(function* (key, credential) {
            if (winner === undefined) return yield* real.put(key, credential)
            // Each time newer tokens.
            const accessToken = Redacted.make(`winner-${winner.generation + 1}`)
            winner = winner.next({
              tokens: new TokenSet({ accessToken, tokenType: "bearer", obtainedAt: 0 })
            })
            yield* real.put(key, winner)
            return yield* new StorageError({ reason: new Superseded({ server: key.server }) })
          })
        })
      )
    )
    return Effect.gen(function* () {
      const { credential } = yield* signIn()
      winner = credential.next({
        tokens: new TokenSet({ accessToken: Redacted.make("winner"), tokenType: "bearer", obtainedAt: 0 })
      })
      const { accepts } = yield* ScriptedAuthorizationServer
      assert.deepEqual((yield* signIn()).credential, winner)
      assert.deepEqual(yield* revoked, ["refresh-4"])
      assert.isTrue(yield* accepts(credential.tokens!.accessToken))
    }).pipe(Effect.provide(world({ wrapStore: overtaken })))
  })
})

describe("the revocation of a replaced credential", () => {
  const tokens = (name: string) =>
    new TokenSet({
      accessToken: Redacted.make(`access of ${name}`),
      tokenType: "bearer",
      obtainedAt: 0,
      refreshToken: Redacted.make(`refresh of ${name}`)
    })
  const credential = (changes: Partial<Credential> = {}) =>
    new Credential({
      resource: "https://notion.test/mcp",
      issuer: "https://as.test",
      tokenEndpoint: "https://as.test/token",
      revocationEndpoint: "https://as.test/revoke",
      registration: new DynamicRegistration({
        clientId: "client",
        authenticationMethod: "none",
        redirectUri: "http://localhost:8080/callback"
      }),
      tokens: tokens("one"),
      grantedScopes: [],
      generation: 1,
      ...changes
    })
  const at = (replaced: Credential, current: Credential, server = notion) =>
    revocationOfReplaced(server, replaced, current, "always")?.revocationEndpoint.href
  const next = credential({ tokens: tokens("two") })

  it("goes to the endpoint that was stored with it", () => {
    assert.strictEqual(at(credential(), next), "https://as.test/revoke")
    const elsewhere = credential({ revocationEndpoint: "https://old.test/revoke" })
    assert.strictEqual(at(elsewhere, next), "https://old.test/revoke")
  })

  it("is not requested for the token that the new credential has, too", () => {
    assert.isUndefined(at(credential(), credential()))
    const otherIssuer = credential({ issuer: "https://other.test" })
    assert.isDefined(at(otherIssuer, credential()))
  })

  it.each([
    "https://oauth2.googleapis.com/token",
    "https://tenant.auth0.com/oauth/token",
    "https://sso.example.com/realms/main/protocol/openid-connect/token"
  ])("is not requested for the same client where it ends every sign-in of the user: %s", (tokenEndpoint) => {
    const replaced = credential({ tokenEndpoint })
    assert.isUndefined(at(replaced, next))
    assert.isDefined(at(replaced, next, serverNamed("notion", { providerQuirks: false })))
    const otherClient = new ConfiguredRegistration({ clientId: "other", authenticationMethod: "none" })
    assert.isDefined(at(replaced, credential({ tokens: tokens("two"), registration: otherClient })))
  })

  it("is requested for another client only, unless the policy says otherwise", () => {
    assert.isUndefined(revocationOfReplaced(notion, credential(), next, "other-client"))
    const registration = new DynamicRegistration({
      clientId: "another",
      authenticationMethod: "none",
      redirectUri: "http://localhost:8080/callback"
    })
    const other = credential({ tokens: tokens("two"), registration })
    assert.isDefined(revocationOfReplaced(notion, credential(), other, "other-client"))
    assert.isUndefined(revocationOfReplaced(notion, credential(), other, "never"))
  })

  it("never sends a configured secret to a client or an issuer that the configuration does not name", () => {
    const registration = new ConfiguredRegistration({
      clientId: "written",
      authenticationMethod: "client_secret_basic"
    })
    const replaced = credential({ registration, issuer: "https://old.test" })
    assert.isUndefined(at(replaced, next, byHand("notion")))
  })
})
