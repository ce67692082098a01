import { assert, describe, it } from "@effect/vitest"
import { Redacted, Schema } from "effect"
import {
  type AuthorizationFlow,
  authorizationUrl,
  protocolParameters
} from "../../src/domain/AuthorizationRequest.ts"

const flow: AuthorizationFlow = {
  server: "notion",
  authorizationEndpoint: new URL("https://as.test/authorize"),
  tokenEndpoint: new URL("https://as.test/token"),
  issuer: "https://as.test",
  issuerRequired: true,
  clientId: "the client",
  redirectUri: new URL("http://localhost:8080/callback"),
  scopes: ["read", "write"],
  resource: "https://notion.test/mcp",
  usePkce: true,
  extraAuthParams: {},
  secrets: {
    state: Redacted.make("the state"),
    codeVerifier: Redacted.make("the verifier"),
    codeChallenge: "the challenge"
  }
}
const parametersOf = (changes: Partial<AuthorizationFlow> = {}) =>
  Object.fromEntries(authorizationUrl({ ...flow, ...changes }).searchParams)

describe("the URL that the browser opens", () => {
  it("carries the whole request, and never the verifier", () => {
    assert.deepEqual(parametersOf(), {
      response_type: "code",
      client_id: "the client",
      redirect_uri: "http://localhost:8080/callback",
      state: "the state",
      scope: "read write",
      resource: "https://notion.test/mcp",
      code_challenge: "the challenge",
      code_challenge_method: "S256"
    })
  })

  it("leaves out what a flow does without", () => {
    assert.hasAllKeys(parametersOf({ scopes: [], resource: undefined, usePkce: false }), [
      "response_type",
      "client_id",
      "redirect_uri",
      "state"
    ])
  })

  it("keeps the query of the endpoint, and adds what the configuration adds", () => {
    const url = authorizationUrl({
      ...flow,
      authorizationEndpoint: new URL("https://as.test/authorize?tenant=7&prompt=none"),
      extraAuthParams: { owner: "user", prompt: "consent" }
    })
    assert.strictEqual(`${url.origin}${url.pathname}`, "https://as.test/authorize")
    assert.deepEqual(url.searchParams.getAll("prompt"), ["consent"])
    assert.strictEqual(url.searchParams.get("tenant"), "7")
    assert.strictEqual(url.searchParams.get("owner"), "user")
  })

  it("has every parameter of the protocol from the flow, once, whatever else is added", () => {
    const intruding = Object.fromEntries([...protocolParameters].map((name) => [name, "intruder"]))
    const url = authorizationUrl({ ...flow, extraAuthParams: intruding })
    for (const [name, value] of Object.entries(parametersOf())) {
      assert.deepEqual(url.searchParams.getAll(name), [value])
      assert.isTrue(protocolParameters.has(name), name)
    }
  })

  it.prop("brings every text to the server as it is", [Schema.String], ([text]) => {
    const wellFormed = text.toWellFormed()
    const parameters = parametersOf({ clientId: wellFormed, extraAuthParams: { owner: wellFormed } })
    assert.strictEqual(parameters["client_id"], wellFormed)
    assert.strictEqual(parameters["owner"], wellFormed)
  })
})
