import { assert, describe, it } from "@effect/vitest"
import { resolvedByHand, resolvedByDiscovery } from "../../../src/app/signin/ResolvedAuthorizationServer.ts"
import { clientOf, fixedRegistration } from "../../../src/app/signin/SignInClient.ts"
import { draftCredential } from "../../../src/app/signin/SignInContext.ts"
import { AuthorizationServerMetadata } from "../../../src/domain/AuthorizationServer.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import type { OAuthSettings } from "../../../src/domain/Server.ts"
import { byHand, serverNamed } from "../World.ts"

/** What is made of an authorization server at this host, by these settings. */
const at = (host: string, oauth: Partial<OAuthSettings> = {}) =>
  resolvedByDiscovery(serverNamed("s", oauth), {
    metadata: new AuthorizationServerMetadata({
      issuer: `https://${host}`,
      authorization_endpoint: `https://${host}/authorize`,
      token_endpoint: `https://${host}/token`
    }),
    resource: "https://s.test/mcp",
    scopes: []
  })

const s256 = (authorizationServer: ReturnType<typeof at>) =>
  authorizationServer.metadata?.code_challenge_methods_supported?.includes("S256") === true

describe("what is known of a provider", () => {
  it("adds parameters, and those of the configuration come before them", () => {
    assert.deepStrictEqual(at("accounts.google.com").extraAuthParams, {
      access_type: "offline",
      prompt: "consent"
    })
    assert.deepStrictEqual(
      at("accounts.google.com", { extraAuthParams: { prompt: "select_account" } }).extraAuthParams,
      { access_type: "offline", prompt: "select_account" }
    )
    assert.deepStrictEqual(at("as.test").extraAuthParams, {})
  })

  it("leaves resource out where it is refused, unless the configuration says otherwise", () => {
    assert.strictEqual(at("as.test").resource, "https://s.test/mcp")
    assert.isUndefined(at("as.test", { sendResource: false }).resource)
    assert.isUndefined(at("login.microsoftonline.com").resource)
    assert.strictEqual(at("login.microsoftonline.com", { sendResource: true }).resource, "https://s.test/mcp")
    const named = { extraAuthParams: { resource: "api://tenant" } }
    assert.strictEqual(at("as.test", named).resource, "api://tenant")
    assert.strictEqual(at("login.microsoftonline.com", named).resource, "api://tenant")
  })

  it("takes a silence about PKCE for S256, unless the configuration insists", () => {
    assert.isTrue(s256(at("pool.auth.eu-west-1.amazoncognito.com")))
    assert.isFalse(s256(at("pool.auth.eu-west-1.amazoncognito.com", { assumePkce: false })))
    assert.isFalse(s256(at("as.test")))
    assert.isTrue(s256(at("as.test", { assumePkce: true })))
  })

  it("counts for nothing where the configuration says so", () => {
    const quiet = at("login.microsoftonline.com", { providerQuirks: false })
    assert.strictEqual(quiet.resource, "https://s.test/mcp")
    assert.isFalse(s256(quiet))
    assert.isUndefined(quiet.provider)
  })

  it("says how a client's secret is sent, unless the configuration does", () => {
    const methodsOf = (oauth: Partial<OAuthSettings>) => {
      const server = byHand("s", oauth)
      if (server.oauth.source._tag !== "ByHand") return assert.fail()
      const source = {
        ...server.oauth.source,
        tokenEndpoint: new URL("https://api.notion.com/v1/oauth/token")
      }
      const authorizationServer = resolvedByHand({ ...server, oauth: { ...server.oauth, source } }, source)
      const registration = fixedRegistration(server, authorizationServer)
      if (registration === undefined) return assert.fail()
      const context = { server, key: CredentialKey.of("s"), authorizationServer, known: undefined }
      return clientOf(context, draftCredential(context, registration)).methods
    }
    assert.deepStrictEqual(methodsOf({}), ["client_secret_basic", "client_secret_basic with client_id"])
    assert.deepStrictEqual(methodsOf({ providerQuirks: false }), [
      "client_secret_basic",
      "client_secret_post",
      "client_secret_basic with client_id"
    ])
    assert.deepStrictEqual(methodsOf({ tokenEndpointAuthMethod: "client_secret_post" }), [
      "client_secret_post"
    ])
  })

  it("sends the server's own URL as resource to endpoints by hand where that is asked for", () => {
    const server = byHand("s", { sendResource: true })
    if (server.oauth.source._tag !== "ByHand") return assert.fail()
    assert.strictEqual(resolvedByHand(server, server.oauth.source).resource, "https://s.test/mcp")
    assert.isUndefined(resolvedByHand(byHand("s"), server.oauth.source).resource)
  })
})
