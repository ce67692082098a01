import { assert, it } from "@effect/vitest"
import { Redacted } from "effect"
import { DynamicRegistration } from "../../src/domain/ClientRegistration.ts"
import { Credential } from "../../src/domain/Credential.ts"
import { TokenSet } from "../../src/domain/TokenSet.ts"

const tokensWith = (scope?: string) =>
  new TokenSet({
    accessToken: Redacted.make("access"),
    tokenType: "bearer",
    obtainedAt: 0,
    ...(scope === undefined ? {} : { scope })
  })

it.each([
  [undefined, ["repo", "gist"]],
  ["gist", ["gist"]],
  // GitHub
  ["repo,gist", ["repo", "gist"]],
  ["repo,user:email", ["repo", "user:email"]],
  ["user,email", ["user,email"]]
])("a sign-in for repo and gist whose answer says %s has %j", (scope, granted) => {
  const registration = new DynamicRegistration({
    clientId: "c",
    authenticationMethod: "none",
    redirectUri: "http://localhost/callback"
  })
  const draft = new Credential({
    resource: "https://notion.test/mcp",
    issuer: "https://as.test",
    tokenEndpoint: "https://as.test/token",
    registration,
    requestedScopes: ["repo", "gist"],
    grantedScopes: [],
    generation: 0
  })
  const { grantedScopes } = draft.signedIn(undefined, { registration, tokens: tokensWith(scope) })
  assert.deepEqual(grantedScopes, granted)
})
