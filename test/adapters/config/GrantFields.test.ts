import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import type { Grant, OAuthSettings, SecretSource } from "../../../src/domain/Server.ts"
import { Configuration } from "../../../src/ports/Configuration.ts"
import { errorsOf, httpServerOf, type Options, useErrorsOf, warningsOf, withFile } from "./InMemoryFile.ts"

const url = "https://mcp.example.com/mcp"
const issuer = "https://as.example.com"
const token_url = "https://as.example.com/token"
const ownRight = { grant_type: "client_credentials", client_id: "id", client_secret: "${S}", issuer }
const assertion = { grant_type: "jwt_bearer", client_id: "id", assertion_file: "/run/assertion.jwt", issuer }
const identity_provider = {
  token_url: "https://idp.example.com/token",
  client_id: "idp-id",
  client_secret: "${IDP}",
  subject_token_file: "/run/id.jwt"
}
const managed = { grant_type: "enterprise_managed", client_id: "id", identity_provider, issuer }
const env = { S: "a secret", IDP: "another secret" }

const settingsOf = (
  oauth: Record<string, unknown>,
  options: Options = { env }
): Effect.Effect<OAuthSettings, unknown> =>
  Effect.map(httpServerOf({ url, oauth }, options), (server) => server.oauth)
const grantOf = (oauth: Record<string, unknown>, options?: Options) =>
  Effect.map(settingsOf(oauth, options), ({ grant }) => grant)
const identityProviderOf = (fields: Record<string, unknown>, options?: Options) =>
  Effect.map(grantOf({ ...managed, identity_provider: fields }, options), (grant) => {
    if (grant?._tag !== "EnterpriseManaged") return assert.fail(grant?._tag)
    return grant.identityProvider
  })

/** A secret as a test can look at it. */
const shown = (source: SecretSource | undefined) =>
  Redacted.isRedacted(source) ? { text: Redacted.value(source) } : source
const checked = (oauth: Record<string, unknown>) => errorsOf({ mcpServers: { s: { url, oauth } } })
const warned = (oauth: Record<string, unknown>) => warningsOf({ mcpServers: { s: { url, oauth } } })
const linesOf = (lines: ReadonlyArray<string>) => lines.map((line) => `mcpServers.s.oauth.${line}`)

describe("the grant", () => {
  it.effect("is left open where the configuration does not say", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* grantOf({}))
      assert.isUndefined(yield* grantOf({ client_id: "id", client_secret: "${S}" }))
    })
  )

  it.effect.each<readonly [string, Record<string, unknown>, Grant]>([
    ["the browser", { grant_type: "authorization_code" }, { _tag: "AuthorizationCode" }],
    ["the client's own right, by a secret", ownRight, { _tag: "ClientCredentials" }],
    [
      "the client's own right, by signing",
      { grant_type: "client_credentials", client_id: "id", private_key_file: "/k", issuer },
      { _tag: "ClientCredentials" }
    ],
    [
      "the client's own right, by a secret in a file",
      { grant_type: "client_credentials", client_id: "id", client_secret_file: "/run/secrets/s", issuer },
      { _tag: "ClientCredentials" }
    ],
    ["an assertion", assertion, { _tag: "JwtBearer", assertion: { file: "/run/assertion.jwt" } }]
  ])("may be %s", ([, oauth, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* checked(oauth), [])
      assert.deepStrictEqual(yield* warned(oauth), [])
      assert.deepStrictEqual(yield* grantOf(oauth), expected)
    })
  )

  it.effect("may be an assertion out of the environment, which is only looked at when it is used", () =>
    Effect.gen(function* () {
      const { assertion_file: _, ...rest } = assertion
      const oauth = { ...rest, assertion: "${ASSERTION}" }
      assert.deepStrictEqual(yield* checked(oauth), [])
      const grant = yield* grantOf(oauth, { env: { ASSERTION: "a.signed.jwt" } })
      assert.strictEqual(grant?._tag, "JwtBearer")
      assert.deepStrictEqual(shown(grant?._tag === "JwtBearer" ? grant.assertion : undefined), {
        text: "a.signed.jwt"
      })
      assert.deepStrictEqual(
        yield* useErrorsOf({ url, oauth }),
        linesOf(["assertion: the environment variable ASSERTION is not set or is empty"])
      )
    })
  )

  it.effect("may be an assertion in a file of the home folder", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* grantOf({ ...assertion, assertion_file: "~/a.jwt" }), {
        _tag: "JwtBearer",
        assertion: { file: "/home/ann/a.jwt" }
      })
    })
  )

  it.effect("may be an assertion of a public client", () =>
    Effect.gen(function* () {
      const { source } = yield* settingsOf(assertion)
      assert.deepStrictEqual(source.client, { clientId: "id", clientSecret: undefined })
    })
  )

  it.effect("may itself be named in the environment", () =>
    Effect.gen(function* () {
      const oauth = { ...ownRight, grant_type: "${GRANT}" }
      assert.deepStrictEqual(yield* checked(oauth), [])
      assert.deepStrictEqual(yield* grantOf(oauth, { env: { ...env, GRANT: "client_credentials" } }), {
        _tag: "ClientCredentials"
      })
      assert.deepStrictEqual(
        yield* useErrorsOf({ url, oauth }, { env: { ...env, GRANT: "password" } }),
        linesOf([
          "grant_type: must be one of authorization_code, device_code, client_credentials, jwt_bearer, enterprise_managed"
        ])
      )
    })
  )

  it.effect.each<readonly [string, Record<string, unknown>]>([
    ["client_credentials", ownRight],
    ["jwt_bearer", assertion],
    ["enterprise_managed", managed]
  ])("needs no authorization_url for %s with a token_url by hand", ([, oauth]) =>
    Effect.gen(function* () {
      const { source } = yield* settingsOf({ ...oauth, token_url })
      if (source._tag !== "ByHand") return assert.fail(source._tag)
      assert.strictEqual(source.tokenEndpoint.href, token_url)
      assert.notProperty(source, "authorizationEndpoint")
      assert.deepStrictEqual(yield* checked({ ...oauth, token_url }), [])
    })
  )

  it.effect("needs no authorization_url where the assertion is filled in later", () =>
    Effect.gen(function* () {
      const { assertion_file: _, ...rest } = assertion
      assert.deepStrictEqual(yield* checked({ ...rest, assertion: "${ASSERTION}", token_url }), [])
    })
  )

  it.effect.each<readonly [string, Record<string, unknown>]>([
    ["client_credentials", ownRight],
    ["jwt_bearer", assertion],
    ["enterprise_managed", managed]
  ])("of %s warns where any authorization server that the server names is asked", ([, oauth]) =>
    Effect.gen(function* () {
      const { issuer: _, ...rest } = oauth as typeof ownRight
      const line =
        "issuer: is missing: without it this client's secret, or its assertion, goes to the first authorization server that the MCP server names"
      assert.deepStrictEqual(yield* warned(rest), linesOf([line]))
      const hand = { ...rest, token_url, ...("identity_provider" in rest ? { issuer } : {}) }
      assert.deepStrictEqual(yield* warned(hand), [])
    })
  )

  it.effect("of enterprise_managed by hand needs the issuer that the assertion is for", () =>
    Effect.gen(function* () {
      const { issuer: _, ...rest } = managed
      assert.include(
        (yield* checked({ ...rest, token_url })).join(),
        "issuer: is missing: token_url is given, and the assertion of the identity provider needs an audience"
      )
      assert.deepStrictEqual(yield* checked({ ...managed, token_url }), [])
    })
  )
})

describe("an identity provider", () => {
  it.effect("is a token endpoint, a client of its own, and what it gave at the sign-in", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* checked(managed), [])
      assert.deepStrictEqual(yield* warned(managed), [])
      const { client, subjectToken, subjectTokenType, tokenEndpoint } =
        yield* identityProviderOf(identity_provider)
      assert.strictEqual(tokenEndpoint.href, "https://idp.example.com/token")
      assert.strictEqual(client.clientId, "idp-id")
      assert.deepStrictEqual(shown(client.clientSecret), { text: "another secret" })
      assert.notProperty(client, "signingKey")
      assert.deepStrictEqual(subjectToken, { file: "/run/id.jwt" })
      assert.strictEqual(subjectTokenType, "id_token")
      const { source } = yield* settingsOf(managed)
      assert.strictEqual(source.client?.clientId, "id")
    })
  )

  it.effect("may know a client that signs, or a public one", () =>
    Effect.gen(function* () {
      const { client_secret: _, ...open } = identity_provider
      assert.deepStrictEqual((yield* identityProviderOf(open)).client, {
        clientId: "idp-id",
        clientSecret: undefined
      })
      const signing = { private_key_file: "~/idp.pem", private_key_id: "k1", signing_algorithm: "PS256" }
      assert.deepStrictEqual((yield* identityProviderOf({ ...open, ...signing })).client, {
        clientId: "idp-id",
        clientSecret: undefined,
        signingKey: { pem: { file: "/home/ann/idp.pem" }, keyId: "k1", algorithm: "PS256" }
      })
    })
  )

  it.effect("may have given a token of SAML, in a file or in the environment", () =>
    Effect.gen(function* () {
      const { subject_token_file: _, ...rest } = identity_provider
      const inFile = yield* identityProviderOf({
        ...rest,
        subject_token_file: "~/saml.xml",
        subject_token_type: "saml2"
      })
      assert.deepInclude(inFile, { subjectTokenType: "saml2", subjectToken: { file: "/home/ann/saml.xml" } })
      const oauth = {
        ...managed,
        identity_provider: { ...rest, subject_token: "${T}", subject_token_type: "id_token" }
      }
      assert.deepStrictEqual(yield* checked(oauth), [])
      const inText = yield* identityProviderOf(oauth.identity_provider, { env: { ...env, T: "an.id.token" } })
      assert.deepStrictEqual(shown(inText.subjectToken), { text: "an.id.token" })
      assert.strictEqual(inText.subjectTokenType, "id_token")
    })
  )

  it.effect("may be this machine, for trying things out", () =>
    Effect.gen(function* () {
      const { tokenEndpoint } = yield* identityProviderOf({
        ...identity_provider,
        token_url: "http://127.0.0.1:9/t"
      })
      assert.strictEqual(tokenEndpoint.href, "http://127.0.0.1:9/t")
    })
  )

  it.effect("draws a warning for an unknown field", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* warned({
          ...managed,
          identity_provider: { ...identity_provider, subject_token_typ: "saml2", colour: "red" }
        }),
        linesOf([
          'identity_provider.subject_token_typ: is not a field of mcp-cli; did you mean "subject_token_type"?',
          "identity_provider.colour: is not a field of mcp-cli"
        ])
      )
    })
  )
})

describe("an error in the fields of a grant", () => {
  const without = (oauth: Record<string, unknown>, ...names: ReadonlyArray<string>) =>
    Object.fromEntries(Object.entries(oauth).filter(([name]) => !names.includes(name)))
  const insecure = "must be an https URL (http only for this machine, as in http://localhost:3000)"
  const grants =
    "must be one of authorization_code, device_code, client_credentials, jwt_bearer, enterprise_managed"
  const provider = (fields: Record<string, unknown>, ...names: ReadonlyArray<string>) => ({
    ...managed,
    identity_provider: { ...without(identity_provider, ...names), ...fields }
  })

  it.effect.each<readonly [string, Record<string, unknown>, ReadonlyArray<string>]>([
    ["an unknown grant", { grant_type: "password" }, [`grant_type: ${grants}`]],
    [
      "a grant by its long name",
      { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer" },
      [`grant_type: ${grants}`]
    ],
    ["a grant that is no text", { grant_type: true }, ["grant_type: must be a string"]],
    [
      "the client's own right, without a client",
      without(ownRight, "client_id"),
      ["client_id: is missing: the client_credentials grant belongs to a client"]
    ],
    [
      "the client's own right, without proof",
      without(ownRight, "client_secret"),
      ["client_secret: is missing: client_credentials needs it, or a client_secret_file or private_key_file"]
    ],
    [
      "the client's own right, with nothing else",
      { grant_type: "client_credentials", issuer },
      [
        "client_id: is missing: the client_credentials grant belongs to a client",
        "client_secret: is missing: client_credentials needs it, or a client_secret_file or private_key_file"
      ]
    ],
    [
      "the client's own right, with a misspelled secret",
      { ...without(ownRight, "client_secret"), clientSecret: "${S}" },
      [
        'client_secret: is missing: client_credentials needs it, or a client_secret_file or private_key_file (is "clientSecret" a misspelling of "client_secret"?)'
      ]
    ],
    [
      "an assertion of no client",
      without(assertion, "client_id"),
      ["client_id: is missing: the jwt_bearer grant sends it too"]
    ],
    [
      "an assertion that is not there",
      without(assertion, "assertion_file"),
      ["assertion_file: is missing: it contains the JWT that jwt_bearer sends"]
    ],
    [
      "an assertion in two places",
      { ...assertion, assertion: "${A}" },
      ["assertion_file: is given besides assertion: one of the two is enough"]
    ],
    [
      "an empty assertion",
      { ...without(assertion, "assertion_file"), assertion: "" },
      ["assertion: must not be empty"]
    ],
    ["an assertion in no file", { ...assertion, assertion_file: "" }, ["assertion_file: must not be empty"]],
    [
      "an assertion that is no text",
      { ...without(assertion, "assertion_file"), assertion: ["x"] },
      ["assertion: must be a string"]
    ],
    [
      "an assertion for another grant",
      { ...ownRight, assertion: "${A}" },
      ['assertion: is only for "grant_type": "jwt_bearer"']
    ],
    [
      "the file of an assertion for no grant",
      { client_id: "id", assertion_file: "/a" },
      ['assertion_file: is only for "grant_type": "jwt_bearer"']
    ],
    [
      "an identity provider for another grant",
      { grant_type: "authorization_code", identity_provider },
      ['identity_provider: is only for "grant_type": "enterprise_managed"']
    ],
    [
      "an identity provider and no client",
      without(managed, "client_id"),
      ["client_id: is missing: it is the client at the authorization server of the MCP server"]
    ],
    [
      "no identity provider",
      without(managed, "identity_provider"),
      ["identity_provider: is missing: it issues the assertion for the user"]
    ],
    [
      "an identity provider with nothing in it",
      { ...managed, identity_provider: {} },
      [
        "identity_provider.token_url: is missing",
        "identity_provider.client_id: is missing",
        "identity_provider.subject_token_file: is missing: it contains the token that the identity provider issued at the sign-in"
      ]
    ],
    [
      "an identity provider without TLS",
      provider({ token_url: "http://idp.example.com/token" }),
      [`identity_provider.token_url: ${insecure}`]
    ],
    [
      "an identity provider with a fragment",
      provider({ token_url: "https://idp.example.com/token#x" }),
      ["identity_provider.token_url: must not have a fragment (#…)"]
    ],
    [
      "an identity provider that is no address",
      provider({ token_url: "idp" }),
      ["identity_provider.token_url: must be an absolute URL"]
    ],
    [
      "a token of the sign-in in two places",
      provider({ subject_token: "${T}" }),
      ["identity_provider.subject_token_file: is given besides subject_token: one of the two is enough"]
    ],
    [
      "an empty token of the sign-in",
      provider({ subject_token: "" }, "subject_token_file"),
      ["identity_provider.subject_token: must not be empty"]
    ],
    [
      "a token of the sign-in of another type",
      provider({ subject_token_type: "access_token" }),
      ["identity_provider.subject_token_type: must be one of id_token, saml2"]
    ],
    [
      "a client of the identity provider with two proofs",
      provider({ private_key_file: "/k" }),
      ["identity_provider.client_secret: is given besides a private key: a client has one or the other"]
    ],
    [
      "an unknown algorithm of the identity provider",
      provider({ private_key_file: "/k", signing_algorithm: "none" }, "client_secret"),
      ["identity_provider.signing_algorithm: must be one of ES256, ES384, ES512, RS256, PS256, EdDSA"]
    ],
    [
      "a browser, and nothing that it could open",
      { grant_type: "authorization_code", token_url, client_id: "id" },
      ["authorization_url: is missing: token_url is given, and needs it"]
    ]
  ])("%s", ([, oauth, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* checked(oauth), linesOf(expected))
      assert.includeMembers(
        [...(yield* useErrorsOf({ url, oauth }, { env: { ...env, A: "a", T: "t" } }))],
        linesOf(expected)
      )
    })
  )

  it.effect.each<readonly [string, Record<string, unknown>, string]>([
    [
      "the environment",
      provider({ client_id: "${NOPE}" }),
      "identity_provider.client_id: the environment variable NOPE is not set or is empty"
    ],
    ["an address", provider({ token_url: "${V}" }), `identity_provider.token_url: ${insecure}`],
    [
      "a type",
      provider({ subject_token_type: "${V}" }),
      "identity_provider.subject_token_type: must be one of id_token, saml2"
    ],
    ["a path", { ...assertion, assertion_file: "${NOPE:-}" }, "assertion_file: must not be empty"]
  ])("is found in %s once that is filled in", ([, oauth, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* checked(oauth), [])
      assert.deepStrictEqual(
        yield* useErrorsOf({ url, oauth }, { env: { ...env, V: "ftp://x" } }),
        linesOf([expected])
      )
    })
  )

  it.effect.each(["grant_type", "assertion", "subject_token", "client_secret", "private_key", "token_url"])(
    "repeats no secret that stands in %s",
    (name) =>
      Effect.gen(function* () {
        const marker = "hunter2-4711"
        for (const value of [marker, [marker], `\${${marker}`, { [marker]: marker }]) {
          for (const oauth of [
            { ...assertion, [name]: value, scopes: 1 },
            { ...provider({ [name]: value }), scopes: 1 }
          ]) {
            const error = yield* Configuration.use(({ server }) => server("s")).pipe(
              Effect.flip,
              withFile({ mcpServers: { s: { url, oauth } } }, { env })
            )
            assert.notInclude(`${String(error)} ${error.message} ${JSON.stringify(error)}`, marker)
          }
        }
      })
  )
})

describe("tokens that are bound to a key", () => {
  it.effect("are required, or not, or as the server requires", () =>
    Effect.gen(function* () {
      assert.isTrue((yield* settingsOf({ dpop: true })).dpop)
      assert.isFalse((yield* settingsOf({ dpop: false })).dpop)
      assert.isUndefined((yield* settingsOf({})).dpop)
      assert.deepStrictEqual(yield* warned({ dpop: true }), [])
    })
  )

  it.effect.each(["true", 1, null, {}])("are not asked for by %o", (dpop) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* checked({ dpop }), linesOf(["dpop: must be true or false"]))
    })
  )
})

describe("an error that several rules find", () => {
  it.effect.each([
    [
      "a client that jwt_bearer and its key both need",
      { grant_type: "jwt_bearer", assertion: "${A}", private_key_file: "/k", issuer },
      "client_id"
    ],
    [
      "a client that a grant and endpoints by hand both need",
      { grant_type: "client_credentials", token_url, client_secret: "${S}" },
      "client_id"
    ],
    [
      "an identity provider that is no object",
      { grant_type: "enterprise_managed", client_id: "id", identity_provider: "x", issuer },
      "identity_provider"
    ]
  ] as const)("is told once: %s", ([, oauth, field]) =>
    Effect.gen(function* () {
      const lines = yield* errorsOf({ mcpServers: { s: { url, oauth } } })
      assert.lengthOf(lines, 1)
      assert.include(lines[0], `mcpServers.s.oauth.${field}: `)
    })
  )
})
