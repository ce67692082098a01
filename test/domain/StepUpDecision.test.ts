import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import { DynamicRegistration } from "../../src/domain/ClientRegistration.ts"
import { Credential } from "../../src/domain/Credential.ts"
import { defaultOAuth, type RemoteServer } from "../../src/domain/Server.ts"
import { stepUpDecision } from "../../src/domain/StepUpDecision.ts"
import { TokenSet } from "../../src/domain/TokenSet.ts"

const server: RemoteServer = {
  _tag: "Http",
  name: "notion",
  url: new URL("https://notion.test/mcp"),
  headers: {},
  transport: "auto",
  oauth: defaultOAuth
}
const machine: RemoteServer = { ...server, oauth: { ...defaultOAuth, grant: { _tag: "ClientCredentials" } } }
const stored = (accessToken: string, grantedScopes: ReadonlyArray<string>, grant?: "ClientCredentials") =>
  new Credential({
    resource: "https://notion.test/mcp",
    issuer: "https://as.test",
    tokenEndpoint: "https://as.test/token",
    registration: new DynamicRegistration({
      clientId: "c",
      authenticationMethod: "none",
      redirectUri: "http://localhost:8080/callback"
    }),
    tokens: new TokenSet({
      accessToken: Redacted.make(accessToken),
      tokenType: "bearer",
      obtainedAt: 0,
      expiresAt: 1000
    }),
    grantedScopes,
    ...(grant === undefined ? {} : { grant }),
    generation: 1
  })

describe("what to do about a missing scope", () => {
  const both = ["read", "write"]
  const [present, absent] = [true, false]
  it.each<[string, Credential | undefined, RemoteServer, boolean, number, string]>([
    ["other tokens that have it", stored("other", both), server, absent, 0, "Adopt"],
    ["other tokens that have it but have expired", stored("other", both), server, present, 1000, "SignIn"],
    ["other tokens without it", stored("other", ["read"]), server, present, 0, "SignIn"],
    ["the sent ones, which have it", stored("sent", both), server, present, 0, "Covered"],
    ["the sent ones, without it", stored("sent", ["read"]), server, present, 0, "SignIn"],
    ["the sent ones, without it, no user", stored("sent", ["read"]), server, absent, 0, "UserNeeded"],
    ["none, no user", undefined, server, absent, 0, "UserNeeded"],
    ["a grant without a user, no user", stored("sent", ["read"]), machine, absent, 0, "SignIn"],
    ["obtained without a user", stored("sent", [], "ClientCredentials"), server, absent, 0, "SignIn"]
  ])("%s", (_, credential, at, userPresent, now, expected) => {
    const sent = Redacted.make("sent")
    const decision = stepUpDecision(credential, { server: at, missing: ["write"], sent, now, userPresent })
    assert.strictEqual(decision._tag, expected)
  })
})
