import { generateKeyPairSync } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { errorText } from "../../../../src/app/cli/RemedyText.ts"
import * as DpopProofs from "../../../../src/adapters/oauth/DpopProofs.ts"
import * as TokenEndpointLive from "../../../../src/adapters/oauth/TokenEndpoint.ts"
import { ScriptedAuthorizationServer } from "../../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { AccessTokens } from "../../../../src/app/tokens/AccessTokens.ts"
import * as AuthorizedHttp from "../../../../src/app/http/AuthorizedHttp.ts"
import { SignIn } from "../../../../src/app/signin/SignIn.ts"
import { bearerChallenge, missingScopes } from "../../../../src/domain/Challenge.ts"
import { ConfiguredRegistration } from "../../../../src/domain/ClientRegistration.ts"
import { Credential } from "../../../../src/domain/Credential.ts"
import { CredentialKey } from "../../../../src/domain/CredentialKey.ts"
import type { ConfiguredClient, OAuthSettings } from "../../../../src/domain/Server.ts"
import { TokenSet } from "../../../../src/domain/TokenSet.ts"
import { CredentialStore } from "../../../../src/ports/CredentialStore.ts"
import { DpopProofs as DpopProofsPort } from "../../../../src/ports/DpopProofs.ts"
import { HttpTransport } from "../../../../src/ports/HttpTransport.ts"
import {
  InvalidClient,
  InvalidGrant,
  Transient,
  Refused,
  TokenEndpoint,
  TokenRequestError
} from "../../../../src/ports/TokenEndpoint.ts"
import { wire } from "../../../adapters/oauth/Wire.ts"
import { byHand, serverNamed, world } from "../../World.ts"

const secret: ConfiguredClient = { clientId: "c", clientSecret: Redacted.make("x") }
const signs: ConfiguredClient = {
  clientId: "c",
  clientSecret: undefined,
  signingKey: { pem: { file: "/k" }, algorithm: undefined, keyId: undefined }
}
const machine = (oauth: Partial<OAuthSettings> = {}, client = secret) =>
  serverNamed("reports", {
    source: { _tag: "Discovered", client },
    grant: { _tag: "ClientCredentials" },
    ...oauth
  })
const get = (server = machine()) => AccessTokens.use((tokens) => tokens.get({ server }))
const announced = { metadata: { dpop_signing_alg_values_supported: ["ES256"] } }

describe("grants and bound tokens, at their edges", () => {
  it.effect.each([
    ["a secret", secret, "a key", signs, "private_key_jwt"],
    ["a key", signs, "a secret", secret, "client_secret_basic"],
    ["nothing", { clientId: "c", clientSecret: undefined }, "a secret", secret, "client_secret_basic"]
  ] as const)(
    "a client that proved itself by %s renews by what the configuration has now, %s %s",
    ([, before, , now, method]) => {
      const methods: Array<string> = []
      const recording = Layer.effect(
        TokenEndpoint,
        Effect.map(TokenEndpoint, (service) =>
          TokenEndpoint.of({
            ...service,
            grant: (request) => {
              methods.push(request.client.authenticationMethod)
              return service.grant(request)
            }
          })
        )
      )
      return Effect.gen(function* () {
        yield* get(machine({}, before))
        yield* TestClock.adjust("2 hours")
        yield* get(machine({}, now))
        assert.strictEqual(methods[1], method)
      }).pipe(Effect.provide(world({ present: false, wrapTokenEndpoint: recording })))
    }
  )

  it("a DPoP challenge with the error counts beside a Bearer challenge without one (RFC 9449 §7.1)", () => {
    const header = 'Bearer, DPoP error="insufficient_scope", scope="write", algs="ES256"'
    assert.deepEqual(missingScopes(bearerChallenge(header)), ["write"])
  })

  it.effect("a key that is too small is named as such, and not the endpoint", () =>
    Effect.gen(function* () {
      const pem = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export({
        format: "pem",
        type: "pkcs8"
      })
      const network = wire({})
      const { reason } = yield* TokenEndpoint.use(({ grant }) =>
        grant({
          server: "reports",
          tokenEndpoint: new URL("https://as.test/token"),
          resource: undefined,
          scopes: [],
          grant: { _tag: "ClientCredentials" },
          client: {
            clientId: "id",
            clientSecret: undefined,
            authenticationMethod: "private_key_jwt",
            signing: {
              key: { pem: Redacted.make(pem.toString()), algorithm: undefined, keyId: undefined },
              audience: "https://as.test"
            }
          }
        })
      ).pipe(
        Effect.provide(TokenEndpointLive.layer.pipe(Layer.provide([network.layer, DpopProofs.layer]))),
        Effect.flip
      )
      assert.strictEqual(reason._tag, "UnusableSecret")
    })
  )

  it.effect("a client that signs and is not accepted is told to look at its key", () =>
    Effect.gen(function* () {
      yield* ScriptedAuthorizationServer.use(({ failNext }) => failNext(new InvalidClient()))
      const text = errorText(yield* Effect.flip(get(machine({}, signs))))
      assert.notInclude(text, "client_secret")
      assert.include(text, "private_key")
    }).pipe(Effect.provide(world({ present: false })))
  )

  it.effect(
    "an identity provider that takes secrets in the body only is asked that way after invalid_client",
    () => {
      const idp = Layer.effect(
        TokenEndpoint,
        Effect.map(TokenEndpoint, (service) =>
          TokenEndpoint.of({
            ...service,
            identityAssertion: (request) =>
              request.client.authenticationMethod === "client_secret_post"
                ? service.identityAssertion(request)
                : Effect.fail(
                    new TokenRequestError({
                      server: "reports",
                      origin: request.tokenEndpoint.origin,
                      purpose: "identity assertion",
                      reason: new InvalidClient()
                    })
                  )
          })
        )
      )
      const identityProvider = {
        tokenEndpoint: new URL("https://idp.test/token"),
        client: secret,
        subjectToken: Redacted.make("t"),
        subjectTokenType: "id_token" as const
      }
      return get(machine({ grant: { _tag: "EnterpriseManaged", identityProvider } })).pipe(
        Effect.asVoid,
        Effect.provide(world({ present: false, wrapTokenEndpoint: idp }))
      )
    }
  )

  it.effect(
    "a 403 is met without a user where the tokens are the client's own by what the server offers",
    () =>
      Effect.gen(function* () {
        const open = machine({ grant: undefined, issuer: "https://as.test" })
        yield* SignIn.use(({ signIn }) => signIn({ server: open, scopes: ["read"] }))
        const { accessToken } = yield* get(open)
        const challenge = { error: "insufficient_scope", scope: "write", resourceMetadata: undefined }
        assert.isTrue(
          Option.isSome(
            yield* AccessTokens.use((tokens) => tokens.stepUp({ server: open, challenge }, accessToken))
          )
        )
      }).pipe(
        Effect.provide(world({ present: false, metadata: { grant_types_supported: ["client_credentials"] } }))
      )
  )

  it.effect("dpop counts from the next renewal on where tokens are asked for anew", () =>
    Effect.gen(function* () {
      yield* get()
      yield* TestClock.adjust("2 hours")
      assert.strictEqual((yield* get(machine({ dpop: true }))).tokenType, "dpop")
    }).pipe(Effect.provide(world({ present: false, ...announced })))
  )

  it.effect(
    "scopes of the configuration count from the next renewal on where tokens are asked for anew",
    () => {
      const scopes: Array<ReadonlyArray<string>> = []
      const recording = Layer.effect(
        TokenEndpoint,
        Effect.map(TokenEndpoint, (service) =>
          TokenEndpoint.of({
            ...service,
            grant: (request) => {
              scopes.push(request.scopes)
              return service.grant(request)
            }
          })
        )
      )
      return Effect.gen(function* () {
        yield* get(machine({ scopes: ["read"] }))
        yield* TestClock.adjust("2 hours")
        yield* get(machine({ scopes: ["read", "write"] }))
        assert.deepEqual(scopes[1], ["read", "write"])
      }).pipe(Effect.provide(world({ present: false, wrapTokenEndpoint: recording })))
    }
  )

  it.effect.each([new InvalidGrant(), new Refused({ error: "invalid_scope" }), new InvalidClient()])(
    "a token that still works is used while a new one is refused: %s",
    (reason) =>
      Effect.gen(function* () {
        const first = yield* get()
        yield* TestClock.adjust("56 minutes")
        yield* ScriptedAuthorizationServer.use(({ failNext }) => failNext(reason, reason, reason))
        assert.isTrue((yield* get()).holds(first.accessToken))
      }).pipe(Effect.provide(world({ present: false })))
  )

  it("an identity provider that does not accept the client: the message has a next step", () => {
    const error = new TokenRequestError({
      server: "reports",
      origin: "https://idp.test",
      purpose: "identity assertion",
      reason: new InvalidClient()
    })
    assert.match(errorText(error), /Check .*identity_provider/)
  })

  it.effect("a sign-in that needs nobody and waits to try again can be interrupted", () =>
    Effect.gen(function* () {
      const away = new Transient({ detail: "HTTP 503" })
      yield* ScriptedAuthorizationServer.use(({ failNext }) => failNext(away, away, away, away))
      const waiting = yield* Effect.forkChild(SignIn.use(({ signIn }) => signIn({ server: machine() })))
      yield* TestClock.adjust("10 millis")
      const ending = yield* Effect.forkChild(Fiber.interrupt(waiting))
      yield* TestClock.adjust("10 millis")
      const ended = ending.pollUnsafe() !== undefined
      yield* TestClock.adjust("1 minute")
      assert.isTrue(ended)
    }).pipe(Effect.provide(world({ present: false })))
  )

  // 12, 13
  const bound = Effect.gen(function* () {
    const dpopKey = yield* DpopProofsPort.use(({ makeKey }) => makeKey).pipe(Effect.provide(DpopProofs.layer))
    return (key: Redacted.Redacted | undefined = dpopKey) =>
      new Credential({
        resource: "https://notion.test/mcp",
        issuer: "https://as.test/token",
        tokenEndpoint: "https://as.test/token",
        registration: new ConfiguredRegistration({
          clientId: "written",
          authenticationMethod: "client_secret_basic"
        }),
        tokens: new TokenSet({
          accessToken: Redacted.make("access"),
          tokenType: "dpop",
          obtainedAt: 0,
          ...(key === undefined ? {} : { dpopKey: key })
        }),
        grantedScopes: [],
        generation: 1
      })
  })
  it.effect(
    "the nonce of the answer to a request that was sent again is the next one (RFC 9449 §8.2)",
    () => {
      const nonces: Array<unknown> = []
      const answers = [
        new Response("", {
          status: 401,
          headers: { "www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": "n1" }
        }),
        new Response("", { headers: { "dpop-nonce": "n2" } }),
        new Response("")
      ]
      const transport = Layer.succeed(
        HttpTransport,
        HttpTransport.of({
          send: (request) =>
            Effect.sync(() => {
              nonces.push(
                JSON.parse(Buffer.from(request.headers.get("dpop")!.split(".")[1]!, "base64url").toString())
                  .nonce
              )
              return answers[nonces.length - 1]!
            })
        })
      )
      return Effect.gen(function* () {
        const credential = (yield* bound)()
        yield* CredentialStore.use((store) => store.put(CredentialKey.of("notion"), credential))
        const send = AuthorizedHttp.AuthorizedHttp.use((http) =>
          http.sendTo(byHand("notion"))(new Request("https://notion.test/mcp"))
        )
        yield* send
        yield* send
        assert.deepEqual(nonces, [undefined, "n1", "n2"])
      }).pipe(
        Effect.provide(
          AuthorizedHttp.layer.pipe(
            Layer.provide(transport),
            Layer.provide(DpopProofs.layer),
            Layer.provideMerge(world())
          )
        )
      )
    }
  )

  it.effect("a server that takes bound tokens only from now on gets them", () => {
    let dpop = false
    const transport = Layer.succeed(
      HttpTransport,
      HttpTransport.of({
        send: (request) =>
          Effect.sync(() => {
            const scheme = (request.headers.get("authorization") ?? "").split(" ")[0]
            return scheme === (dpop ? "DPoP" : "Bearer")
              ? new Response("ok")
              : new Response("", {
                  status: 401,
                  headers: { "www-authenticate": dpop ? 'DPoP algs="ES256"' : "Bearer" }
                })
          })
      })
    )
    return Effect.gen(function* () {
      // As if signed in while the server took Bearer: the configuration said so then.
      const send = (oauth: Partial<OAuthSettings>) =>
        AuthorizedHttp.AuthorizedHttp.use((http) =>
          http.sendTo(serverNamed("notion", oauth))(new Request("https://notion.test/mcp"))
        )
      assert.strictEqual((yield* send({ dpop: false })).status, 200)
      dpop = true
      assert.strictEqual((yield* send({})).status, 200)
    }).pipe(
      Effect.provide(
        AuthorizedHttp.layer.pipe(
          Layer.provide(transport),
          Layer.provideMerge(world({ ...announced, dpopRequired: true }))
        )
      )
    )
  })
})
