import { assert, describe, it } from "@effect/vitest"
import { AuthorizationServerMetadata } from "../../src/domain/AuthorizationServer.ts"
import { ConfiguredRegistration, DynamicRegistration } from "../../src/domain/ClientRegistration.ts"
import { Credential } from "../../src/domain/Credential.ts"
import {
  dpopProblem,
  isDpopBound,
  issuerProblem,
  pkceProblem,
  scopesOfGrant
} from "../../src/domain/SignInRules.ts"
import { serverNamed } from "../app/World.ts"

const server = serverNamed("notion")
const metadataWith = (fields: Partial<AuthorizationServerMetadata>) =>
  new AuthorizationServerMetadata({
    issuer: "https://as.test",
    token_endpoint: "https://as.test/token",
    ...fields
  })

describe("PKCE", () => {
  it.each([
    [undefined, true],
    [[], true],
    [["plain"], true],
    [["plain", "S256"], false]
  ] as const)("announced as %j is a problem: %s", (methods, isProblem) => {
    const metadata = metadataWith(methods === undefined ? {} : { code_challenge_methods_supported: methods })
    assert.strictEqual(pkceProblem(server, metadata)?.issuer, isProblem ? "https://as.test" : undefined)
    assert.isUndefined(pkceProblem(serverNamed("notion", { usePkce: false }), metadata))
  })

  it("of endpoints by hand is not checked", () => {
    assert.isUndefined(pkceProblem(server, undefined))
  })
})

describe("DPoP", () => {
  it("is used as the configuration says, else if the server requires it", () => {
    for (const required of [true, false]) {
      assert.strictEqual(isDpopBound(server, required), required)
      for (const dpop of [true, false]) {
        assert.strictEqual(isDpopBound(serverNamed("notion", { dpop }), required), dpop)
      }
    }
  })

  it("needs an authorization server that announces ES256", () => {
    const es256 = metadataWith({ dpop_signing_alg_values_supported: ["RS256", "ES256"] })
    assert.isUndefined(dpopProblem(server, es256, true))
    assert.isUndefined(dpopProblem(server, undefined, true))
    for (const metadata of [
      metadataWith({}),
      metadataWith({ dpop_signing_alg_values_supported: ["RS256"] })
    ]) {
      assert.include(dpopProblem(server, metadata, true)?.message, "notion")
      assert.isFalse(dpopProblem(server, metadata, false)?.required)
    }
  })
})

it("offline_access is requested only where a user approves", () => {
  const scopes = ["read", "offline_access"]
  assert.deepEqual(scopesOfGrant({ _tag: "AuthorizationCode" }, scopes), scopes)
  assert.deepEqual(scopesOfGrant({ _tag: "DeviceCode" }, scopes), scopes)
  assert.deepEqual(scopesOfGrant({ _tag: "ClientCredentials" }, scopes), ["read"])
})

describe("another issuer than before", () => {
  const storedWith = (registration: Credential["registration"]) =>
    new Credential({
      resource: server.url.href,
      issuer: "https://before.test",
      tokenEndpoint: "https://before.test/token",
      registration,
      grantedScopes: [],
      generation: 1
    })
  const configured = storedWith(new ConfiguredRegistration({ clientId: "id", authenticationMethod: "none" }))
  const dynamic = storedWith(
    new DynamicRegistration({
      clientId: "id",
      authenticationMethod: "none",
      redirectUri: "http://localhost/"
    })
  )

  it("stops a configured client, unless the configuration names the issuer", () => {
    const problem = issuerProblem(server, "work", configured, "https://now.test")
    assert.deepInclude(problem, { before: "https://before.test", now: "https://now.test", account: "work" })
    const named = serverNamed("notion", { issuer: "https://now.test" })
    assert.isUndefined(issuerProblem(named, "work", configured, "https://now.test"))
  })

  it("stops no other client, and nothing where the issuer is the same", () => {
    assert.isUndefined(issuerProblem(server, "work", dynamic, "https://now.test"))
    assert.isUndefined(issuerProblem(server, "work", undefined, "https://now.test"))
    assert.isUndefined(issuerProblem(server, "work", configured, "https://before.test"))
  })
})
