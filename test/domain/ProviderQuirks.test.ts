import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { protocolParameters } from "../../src/domain/AuthorizationRequest.ts"
import { providerOf, providers } from "../../src/domain/ProviderQuirks.ts"

const of = (...urls: ReadonlyArray<string>) => providerOf(...urls.map((url) => new URL(url)))?.name

describe("a provider", () => {
  it.each([
    ["https://login.microsoftonline.com/common/oauth2/v2.0/authorize", "Microsoft Entra"],
    ["https://accounts.google.com/o/oauth2/v2/auth", "Google"],
    ["https://pool.auth.eu-west-1.amazoncognito.com/oauth2/authorize", "Amazon Cognito"],
    ["https://tenant.eu.auth0.com/authorize", "Auth0"],
    ["https://api.notion.com/v1/oauth/authorize", "Notion"],
    ["https://slack.com/oauth/v2_user/authorize", "Slack"],
    ["https://github.com/login/oauth/authorize", "GitHub"],
    ["https://cf.mcp.atlassian.com/v1/authorize", "Atlassian"],
    ["https://mcp.asana.com/authorize", "Asana"]
  ])("is known by the host of its endpoint: %s", (url, name) => assert.strictEqual(of(url), name))

  it.each([
    "https://login.microsoftonline.com.evil.test/authorize",
    "https://evil-login.microsoftonline.com/authorize",
    "https://evilamazoncognito.com/authorize",
    "https://evil.test/login.microsoftonline.com",
    "https://notgithub.com/authorize",
    "https://gist.github.com/authorize"
  ])("is not known by a name that looks like it: %s", (url) => assert.isUndefined(of(url)))

  it("is known by its token endpoint alone, too", () => {
    assert.strictEqual(of("https://mcp.test/authorize", "https://api.notion.com/v1/oauth/token"), "Notion")
  })

  it("weakens nothing where another's endpoint stands beside its own", () => {
    const entra = new URL("https://login.microsoftonline.com/authorize")
    assert.isTrue(providerOf(entra, entra)?.refusesResource?.value)
    for (const endpoints of [
      [entra, new URL("https://evil.test/token")],
      [new URL("https://evil.test/authorize"), entra]
    ]) {
      assert.notProperty(providerOf(...endpoints), "refusesResource")
      assert.notProperty(providerOf(...endpoints), "silentOnPkce")
    }
  })

  it("has a source for everything that is said of it, replaces no parameter of the protocol, and is in the documents", () => {
    const text = readFileSync("docs/providers.md", "utf8")
    for (const { extraAuthParams, hints, hosts, name, ...rest } of providers) {
      const facts = [extraAuthParams, ...(hints ?? []), ...Object.values(rest)]
      for (const fact of facts) {
        if (fact === undefined) continue
        assert.match(fact.source, /^https:\/\//, name)
        assert.include(text, fact.source, name)
      }
      for (const parameter of Object.keys(extraAuthParams?.value ?? {})) {
        assert.isFalse(protocolParameters.has(parameter), parameter)
      }
      for (const host of hosts) assert.include(text, `\`${host}\``, name)
    }
  })
})
