import { assert, describe, it } from "@effect/vitest"
import {
  assumingPkce,
  AuthorizationServerMetadata,
  authorizationServerMetadataUrls,
  endpointsWithoutMetadata,
  isIssuerUrl,
  protectedResourceMetadataUrls,
  resourceCovers
} from "../../src/domain/AuthorizationServer.ts"
import { canonicalResource, isSecureUrl } from "../../src/domain/SecureUrl.ts"

describe("where metadata is looked for", () => {
  it.each([
    [
      "https://as.test",
      [
        "https://as.test/.well-known/oauth-authorization-server",
        "https://as.test/.well-known/openid-configuration"
      ]
    ],
    [
      "https://as.test/tenant1",
      [
        "https://as.test/.well-known/oauth-authorization-server/tenant1",
        "https://as.test/.well-known/openid-configuration/tenant1",
        "https://as.test/tenant1/.well-known/openid-configuration",
        "https://as.test/tenant1/.well-known/oauth-authorization-server"
      ]
    ]
  ])("of the issuer %s, in the order of the MCP specification", (issuer, expected) => {
    assert.deepEqual(authorizationServerMetadataUrls(new URL(issuer)), expected)
  })

  it.each([
    [
      "https://a.test/mcp",
      [
        "https://a.test/.well-known/oauth-protected-resource/mcp",
        "https://a.test/.well-known/oauth-protected-resource"
      ]
    ],
    [
      "https://a.test/mcp/?tenant=1",
      [
        "https://a.test/.well-known/oauth-protected-resource/mcp?tenant=1",
        "https://a.test/.well-known/oauth-protected-resource"
      ]
    ],
    ["https://a.test", ["https://a.test/.well-known/oauth-protected-resource"]]
  ])("of the resource %s, at its path and then at the root", (resource, expected) => {
    assert.deepEqual(protectedResourceMetadataUrls(new URL(resource)), expected)
  })
})

describe("metadata of a resource", () => {
  it.each([
    ["https://a.test/mcp", "https://a.test/mcp", true],
    ["https://a.test", "https://a.test/mcp", true],
    ["https://a.test/", "https://a.test/mcp", true],
    ["https://a.test/mcp", "https://a.test/mcp?tenant=1", true],
    ["https://a.test/mcp?tenant=1", "https://a.test/mcp?tenant=1", true],
    ["https://a.test/mcp?tenant=2", "https://a.test/mcp?tenant=1", false],
    ["https://a.test/mcp/../admin", "https://a.test/mcp", false],
    ["https://a.test/mc", "https://a.test/mcp", false],
    ["https://a.test/mcp/deeper", "https://a.test/mcp", false],
    ["https://evil.test/mcp", "https://a.test/mcp", false],
    ["http://a.test/mcp", "https://a.test/mcp", false],
    ["https://a.test:8443/mcp", "https://a.test/mcp", false],
    ["https://a.test/mcp#x", "https://a.test/mcp", false],
    ["https://a.test/mcp#", "https://a.test/mcp", false],
    ["https://u:p@a.test/mcp", "https://a.test/mcp", false]
  ])("of %s speaks for %s: %s", (declared, requested, covers) => {
    assert.strictEqual(resourceCovers(new URL(declared), new URL(requested)), covers)
  })
})

describe("a URL of OAuth", () => {
  it.each([
    ["https://as.test", true],
    ["http://localhost:8080", true],
    ["http://127.0.0.1", true],
    ["http://[::1]:80", true],
    ["http://as.test", false],
    ["http://127.0.0.1.evil.test", false],
    ["http://localhost.evil.test", false],
    ["javascript:alert(1)", false],
    ["file:///etc/passwd", false],
    ["vbscript:x", false]
  ])("%s may be used: %s", (url, secure) => assert.strictEqual(isSecureUrl(new URL(url)), secure))

  it.each([
    ["HTTPS://A.Test/", "https://a.test"],
    ["https://a.test/mcp#x", "https://a.test/mcp"],
    ["https://u:p@a.test/mcp/", "https://a.test/mcp/"],
    ["https://a.test/?x=1", "https://a.test/?x=1"]
  ])("%s is the resource %s", (url, resource) =>
    assert.strictEqual(canonicalResource(new URL(url)), resource)
  )
})

describe("an issuer", () => {
  it.each([
    ["https://as.test", true],
    ["https://as.test/tenant/", true],
    ["https://as.test/?", false],
    ["https://as.test/?x=1", false],
    ["https://as.test/#", false],
    ["https://u@as.test", false],
    ["https://:p@as.test", false]
  ])("can be identified by %s: %s", (url, can) => assert.strictEqual(isIssuerUrl(new URL(url)), can))
})

describe("a server without metadata", () => {
  it("has the endpoints of revision 2025-03-26 at its origin, and PKCE", () => {
    const metadata = endpointsWithoutMetadata(new URL("https://a.test:8443/v1/mcp?x=1"))
    assert.strictEqual(metadata.issuer, "https://a.test:8443")
    assert.strictEqual(metadata.authorization_endpoint, "https://a.test:8443/authorize")
    assert.strictEqual(metadata.token_endpoint, "https://a.test:8443/token")
    assert.strictEqual(metadata.registration_endpoint, "https://a.test:8443/register")
    assert.deepEqual(metadata.code_challenge_methods_supported, ["S256"])
  })
})

describe("metadata that says nothing of PKCE", () => {
  const fields = {
    issuer: "https://as.test",
    authorization_endpoint: "https://as.test/authorize",
    token_endpoint: "https://as.test/token"
  }

  it.each([undefined, [], ["plain"], ["s256"], ["S256"]])(
    "may be taken to mean S256, whatever it lists: %j",
    (listed) => {
      const metadata = new AuthorizationServerMetadata({
        ...fields,
        ...(listed === undefined ? {} : { code_challenge_methods_supported: listed })
      })
      assert.deepEqual(
        { ...assumingPkce(metadata) },
        { ...fields, code_challenge_methods_supported: ["S256"] }
      )
    }
  )
})
