import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { protocolParameters } from "../../../src/domain/AuthorizationRequest.ts"
import { endpointRows, oauthEndpoints, optionalEndpoints } from "../../../src/domain/OAuthEndpoints.ts"
import type { EndpointsByHand } from "../../../src/domain/Server.ts"
import { defaultOAuth, type OAuthSettings } from "../../../src/domain/Server.ts"
import { foreignOAuthNames, ownOAuthField } from "../../../src/adapters/config/ForeignFields.ts"
import { oauthFields } from "../../../src/adapters/config/OAuthBlock.ts"
import { errorsOf, httpServerOf, type Options, useErrorsOf, warningsOf } from "./InMemoryFile.ts"
import { secretTextOf } from "../../SecretText.ts"

const url = "https://mcp.example.com/mcp"
const authorization_url = "https://as.example.com/authorize"
const token_url = "https://as.example.com/token"
const byHand = { authorization_url, token_url, client_id: "id" }

const settingsOf = (oauth: unknown, options?: Options): Effect.Effect<OAuthSettings, unknown> =>
  Effect.map(httpServerOf({ url, oauth }, options), (server) => server.oauth)

const insecure = "must be an https URL (http only for this machine, as in http://localhost:3000)"
const notLoopback = "must be an http URL of this machine, such as http://localhost:8080/callback"
const decorated = "must not have a query, a fragment or a user name in it"
const scope = "must be one scope, without spaces or quotes"
const methods = "must be one of client_secret_basic, client_secret_post, private_key_jwt, none"
const taken = (name: string) => `"${name}" is a parameter of the protocol and cannot be replaced`

describe("the oauth block", () => {
  it.effect("has defaults for everything", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* settingsOf({}), defaultOAuth)
      assert.strictEqual((yield* settingsOf({})).redirectUri.href, "http://localhost:8080/callback")
    })
  )

  it.effect("of the documentation gives what it says", () =>
    Effect.gen(function* () {
      const { source, ...rest } = yield* settingsOf(
        {
          authorization_url: "https://api.notion.com/v1/oauth/authorize",
          token_url: "https://api.notion.com/v1/oauth/token",
          client_id: "${NOTION_CLIENT_ID}",
          client_secret: "${NOTION_CLIENT_SECRET}",
          scopes: [],
          redirect_uri: "http://localhost:8080/callback",
          use_pkce: true,
          extra_auth_params: { owner: "user" }
        },
        { env: { NOTION_CLIENT_ID: "n-id", NOTION_CLIENT_SECRET: "n-secret" } }
      )
      assert.deepStrictEqual(rest, { ...withoutSource, scopes: [], extraAuthParams: { owner: "user" } })
      assert.strictEqual(source._tag, "ByHand")
      if (source._tag !== "ByHand") return
      assert.strictEqual(source.authorizationEndpoint?.href, "https://api.notion.com/v1/oauth/authorize")
      assert.strictEqual(source.tokenEndpoint.href, "https://api.notion.com/v1/oauth/token")
      assert.strictEqual(source.client?.clientId, "n-id")
      assert.strictEqual(secretTextOf(source.client?.clientSecret), "n-secret")
    })
  )

  it.effect("may name the endpoint that registers a client, in place of a client", () =>
    Effect.gen(function* () {
      const registration_url = "https://as.test/register"
      const { source } = yield* settingsOf({ authorization_url, token_url, registration_url })
      assert.deepInclude(source, {
        _tag: "ByHand",
        registrationEndpoint: new URL(registration_url),
        client: undefined
      })
    })
  )

  it.effect.each(optionalEndpoints)("may name the endpoint %s", (name) =>
    Effect.gen(function* () {
      const placeOf = (oauth: object) =>
        Effect.map(settingsOf({ ...byHand, ...oauth }), (settings) => {
          assert.strictEqual(settings.source._tag, "ByHand")
          return (settings.source as EndpointsByHand).endpoints?.[name]?.href
        })
      for (const place of ["https://as.example.com/endpoint", "http://127.0.0.1:3000/endpoint"]) {
        assert.strictEqual(yield* placeOf({ [oauthEndpoints[name].configurationKey]: place }), place)
      }
      assert.isUndefined(yield* placeOf({}))
    })
  )

  it.effect("takes every field", () =>
    Effect.gen(function* () {
      const settings = yield* settingsOf({
        client_id: "id",
        client_secret: "s",
        scopes: ["read", "files:${NOPE:-write}"],
        redirect_uri: "http://127.0.0.1:0/x",
        use_pkce: false,
        extra_auth_params: { prompt: "${NOPE:-consent}", "a b": "" },
        token_endpoint_auth_method: "client_secret_post"
      })
      assert.strictEqual(settings.source._tag, "Discovered")
      assert.strictEqual(settings.source.client?.clientId, "id")
      assert.deepStrictEqual(settings.scopes, ["read", "files:write"])
      assert.strictEqual(settings.redirectUri.href, "http://127.0.0.1:0/x")
      assert.isFalse(settings.usePkce)
      assert.deepStrictEqual(settings.extraAuthParams, { prompt: "consent", "a b": "" })
      assert.strictEqual(settings.tokenEndpointAuthMethod, "client_secret_post")
    })
  )

  it.effect("may name an issuer, assume PKCE and allow private addresses; none of that by default", () =>
    Effect.gen(function* () {
      const issuer = "https://as.example.com/tenant/"
      const settings = yield* settingsOf({ issuer, assume_pkce: true, allow_private_addresses: true })
      // Issuers are compared as strings: a slash at the end is part of an issuer.
      assert.strictEqual(settings.issuer, issuer)
      assert.isTrue(settings.assumePkce)
      assert.isTrue(settings.allowPrivateAddresses)
      const plain = yield* settingsOf({})
      assert.isUndefined(plain.issuer)
      assert.isUndefined(plain.assumePkce)
      assert.isUndefined(plain.sendResource)
      assert.isTrue(plain.providerQuirks)
      assert.isFalse(plain.allowPrivateAddresses)
    })
  )

  it.effect("warns of a document about the client that a client_id comes before", () =>
    Effect.gen(function* () {
      const oauth = { client_id: "c", client_metadata_url: "https://example.com/mcp-cli.json" }
      assert.deepStrictEqual(yield* warningsOf({ mcpServers: { s: { url, oauth } } }), [
        "mcpServers.s.oauth.client_metadata_url: is not used: client_id has precedence"
      ])
    })
  )

  it.effect("warns if a client's secret may go to any authorization server that is named", () =>
    Effect.gen(function* () {
      const oauth = { grant_type: "client_credentials", client_id: "c", client_secret: "${S}" }
      const lines = (block: unknown) => warningsOf({ mcpServers: { s: { url, oauth: block } } })
      const [line = ""] = yield* lines(oauth)
      assert.include(line, "mcpServers.s.oauth.issuer: is missing")
      assert.deepStrictEqual(yield* lines({ ...oauth, issuer: "https://as.test" }), [])
      assert.deepStrictEqual(yield* lines({ ...oauth, token_url: "https://as.test/token" }), [])
    })
  )

  it.effect("may have the URL of a client metadata document, exactly as written", () =>
    Effect.gen(function* () {
      const client_metadata_url = "https://example.com/mcp-cli.json?v=2"
      assert.strictEqual((yield* settingsOf({ client_metadata_url })).clientMetadataUrl, client_metadata_url)
      assert.isUndefined((yield* settingsOf({})).clientMetadataUrl)
      for (const [address, problem] of [
        ["http://localhost:3000/mcp-cli.json", "must be an https URL"],
        ["mcp-cli.json", "must be an https URL"],
        ["https://example.com", "must have a path, as in https://example.com/mcp-cli.json"],
        ["https://example.com/", "must have a path, as in https://example.com/mcp-cli.json"],
        ["https://user@example.com/x", "must not have a user name or a fragment in it"],
        ["https://example.com/x#", "must not have a user name or a fragment in it"],
        ["https://EXAMPLE.com/a/../x", "must be written the way it is sent: https://example.com/x"]
      ] as const) {
        const [error = ""] = yield* useErrorsOf({ url, oauth: { client_metadata_url: address } })
        assert.strictEqual(error, `mcpServers.s.oauth.client_metadata_url: ${problem}`)
      }
    })
  )

  it.effect("names its issuer as a secure URL without query, fragment or user", () =>
    Effect.gen(function* () {
      for (const [issuer, problem] of [
        ["as.example.com", "must be an absolute URL"],
        ["http://as.example.com", "must be an https URL"],
        ["https://as.example.com/?x", "must not have a query"],
        ["https://as.example.com/#x", "must not have a fragment"],
        ["https://u@as.example.com", "must not have a user name"]
      ] as const) {
        const [error = ""] = yield* useErrorsOf({ url, oauth: { issuer } })
        assert.include(error, `mcpServers.s.oauth.issuer: ${problem}`)
      }
      assert.deepStrictEqual(
        yield* useErrorsOf({ url, oauth: { assume_pkce: "yes", allow_private_addresses: 1 } }),
        ["assume_pkce", "allow_private_addresses"].map(
          (name) => `mcpServers.s.oauth.${name}: must be true or false`
        )
      )
    })
  )

  it.effect("with a client_id alone is a public client of a discovered server", () =>
    Effect.gen(function* () {
      const { source } = yield* settingsOf({ client_id: "id" })
      assert.deepStrictEqual(source, {
        _tag: "Discovered",
        client: { clientId: "id", clientSecret: undefined }
      })
    })
  )

  it.effect.each([
    "http://localhost:8080/callback",
    "http://localhost/cb",
    "http://localhost:0/",
    "http://127.0.0.1:1234/a/b",
    "http://[::1]:99/",
    "http://localhost:${PORT}/callback"
  ])("comes back to %s", (redirect_uri) =>
    Effect.gen(function* () {
      const { redirectUri } = yield* settingsOf({ redirect_uri }, { env: { PORT: "7777" } })
      assert.strictEqual(redirectUri.href, redirect_uri.replace("${PORT}", "7777"))
    })
  )

  it.effect("may name another resource to request tokens for", () =>
    Effect.gen(function* () {
      const extra_auth_params = { resource: "https://r.example" }
      for (const oauth of [byHand, { client_id: "id" }, {}]) {
        const { extraAuthParams } = yield* settingsOf({ ...oauth, extra_auth_params })
        assert.deepStrictEqual(extraAuthParams, extra_auth_params)
      }
    })
  )

  it.effect.each([...protocolParameters].filter((name) => name !== "resource"))(
    "may never replace %s",
    (name) =>
      Effect.gen(function* () {
        const oauth = { ...byHand, extra_auth_params: { owner: "user", [name]: "x" } }
        assert.deepStrictEqual(yield* errorsOf({ mcpServers: { s: { url, oauth } } }), [
          `mcpServers.s.oauth.extra_auth_params.${name}: ${taken(name)}`
        ])
      })
  )
})

const withoutSource: Omit<OAuthSettings, "source"> = (({ source: _, ...rest }) => rest)(defaultOAuth)

describe("an error in the oauth block", () => {
  const registered =
    "is missing: configured endpoints need the client that is registered there, or registration_url to register one"
  it.effect.each<readonly [string, Record<string, unknown>, ReadonlyArray<string>]>([
    [
      "no token_url",
      { authorization_url, client_id: "id" },
      ["token_url: is missing: authorization_url is given, and needs it"]
    ],
    [
      "no authorization_url",
      { token_url, client_id: "id" },
      ["authorization_url: is missing: token_url is given, and needs it"]
    ],
    [
      "a misspelled token_url",
      { authorization_url, tokenUrl: token_url, client_id: "id" },
      [
        'token_url: is missing: authorization_url is given, and needs it (is "tokenUrl" a misspelling of "token_url"?)'
      ]
    ],
    ["no client_id", { authorization_url, token_url }, [`client_id: ${registered}`]],
    [
      "one endpoint and nothing else",
      { token_url },
      ["authorization_url: is missing: token_url is given, and needs it", `client_id: ${registered}`]
    ],
    [
      "client_secret without client_id",
      { client_secret: "s" },
      ["client_id: is missing: client_secret is given, and needs it"]
    ],
    ["an empty client_id", { client_id: "" }, ["client_id: must not be empty"]],
    ["an empty client_secret", { client_id: "id", client_secret: "" }, ["client_secret: must not be empty"]],
    [
      "fields that are no strings",
      { ...byHand, client_id: 1, client_secret: null, token_url: {} },
      ["token_url: must be a string", "client_id: must be a string", "client_secret: must be a string"]
    ],
    [
      "insecure endpoints",
      { ...byHand, authorization_url: "http://as.example.com", token_url: "ftp://x" },
      [`authorization_url: ${insecure}`, `token_url: ${insecure}`]
    ],
    [
      "relative endpoints",
      { ...byHand, authorization_url: "authorize", token_url: "" },
      ["authorization_url: must be an absolute URL", "token_url: must be an absolute URL"]
    ],
    [
      "a user name in an endpoint",
      { ...byHand, token_url: "https://u:p@as.example.com" },
      ["token_url: must not have a user name or password in it"]
    ],
    [
      "a fragment in an endpoint",
      { ...byHand, authorization_url: `${authorization_url}#x` },
      ["authorization_url: must not have a fragment (#…)"]
    ],
    [
      "an insecure place to revoke tokens",
      { ...byHand, revocation_url: "http://as.example.com/revoke" },
      [`revocation_url: ${insecure}`]
    ],
    [
      "a place to revoke tokens, and none that they come from",
      { client_id: "id", revocation_url: "https://as.example.com/revoke" },
      ["token_url: is missing: revocation_url is given, and needs it"]
    ],
    ["scopes in a string", { scopes: "read write" }, ["scopes: must be a list of strings"]],
    [
      "scopes that are none",
      { scopes: ["a", "b c", 1, ""] },
      [`scopes[1]: ${scope}`, "scopes[2]: must be a string", `scopes[3]: ${scope}`]
    ],
    [
      "https to come back to",
      { redirect_uri: "https://localhost:8080/callback" },
      [`redirect_uri: ${notLoopback}`]
    ],
    [
      "another machine to come back to",
      { redirect_uri: "http://example.com/cb" },
      [`redirect_uri: ${notLoopback}`]
    ],
    [
      "a name like localhost",
      { redirect_uri: "http://localhost.example.com/cb" },
      [`redirect_uri: ${notLoopback}`]
    ],
    ["an app to come back to", { redirect_uri: "myapp:/cb" }, [`redirect_uri: ${notLoopback}`]],
    [
      "a relative address to come back to",
      { redirect_uri: "localhost/cb" },
      ["redirect_uri: must be an absolute URL: begin it with http://"]
    ],
    ["a query to come back to", { redirect_uri: "http://localhost/cb?x=1" }, [`redirect_uri: ${decorated}`]],
    [
      "an empty query to come back to",
      { redirect_uri: "http://localhost/cb?" },
      [`redirect_uri: ${decorated}`]
    ],
    ["a fragment to come back to", { redirect_uri: "http://localhost/cb#x" }, [`redirect_uri: ${decorated}`]],
    [
      "an empty fragment to come back to",
      { redirect_uri: "http://localhost/cb#" },
      [`redirect_uri: ${decorated}`]
    ],
    [
      "a password to come back to",
      { redirect_uri: "http://:p@localhost/cb" },
      [`redirect_uri: ${decorated}`]
    ],
    ["use_pkce in words", { use_pkce: "true" }, ["use_pkce: must be true or false"]],
    ["use_pkce null", { use_pkce: null }, ["use_pkce: must be true or false"]],
    ["parameters in a list", { extra_auth_params: [] }, ["extra_auth_params: must be an object"]],
    [
      "parameters that are no strings",
      { extra_auth_params: { a: 1, state: true } },
      [
        "extra_auth_params.a: must be a string",
        `extra_auth_params.state: ${taken("state")}`,
        "extra_auth_params.state: must be a string"
      ]
    ],
    [
      "another method",
      { token_endpoint_auth_method: "tls_client_auth" },
      [`token_endpoint_auth_method: ${methods}`]
    ],
    [
      "none with a secret",
      { client_id: "i", client_secret: "s", token_endpoint_auth_method: "none" },
      ["token_endpoint_auth_method: must not be none: there is a client_secret"]
    ],
    [
      "a secret to send, and no secret",
      { client_id: "i", token_endpoint_auth_method: "client_secret_post" },
      ["client_secret: is missing: client_secret_post needs it"]
    ],
    [
      "a malformed template",
      { client_id: "${}", client_secret: "${A:-${B}}" },
      [
        "client_id: has a ${ that starts neither ${NAME} nor ${NAME:-default} (write $${ for a plain ${)",
        "client_secret: has a ${ that starts neither ${NAME} nor ${NAME:-default} (write $${ for a plain ${)"
      ]
    ]
  ])("%s", ([, oauth, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* errorsOf({ mcpServers: { s: { url, oauth } } }),
        expected.map((line) => `mcpServers.s.oauth.${line}`)
      )
    })
  )

  it.effect.each<readonly [Record<string, unknown>, string, string]>([
    [{ ...byHand, token_url: "${V}" }, "http://as.example.com", `token_url: ${insecure}`],
    [{ ...byHand, authorization_url: "${V}" }, "x", "authorization_url: must be an absolute URL"],
    [{ ...byHand, revocation_url: "${V}" }, "ftp://x", `revocation_url: ${insecure}`],
    [{ client_id: "${E:-}" }, "", "client_id: must not be empty"],
    [{ client_id: "id", client_secret: "${E:-}" }, "", "client_secret: must not be empty"],
    [
      { client_secret: "${V}", client_id: "${E}" },
      "x",
      "client_id: the environment variable E is not set or is empty"
    ],
    [{ scopes: ["a", "${V}"] }, "b c", `scopes[1]: ${scope}`],
    [{ redirect_uri: "${V}" }, "https://localhost/", `redirect_uri: ${notLoopback}`],
    [{ redirect_uri: "http://localhost/${V}" }, "?a=b", `redirect_uri: ${decorated}`],
    [{ token_endpoint_auth_method: "${V}" }, "basic", `token_endpoint_auth_method: ${methods}`],
    [
      { client_id: "i", client_secret: "s", token_endpoint_auth_method: "${V}" },
      "none",
      "token_endpoint_auth_method: must not be none: there is a client_secret"
    ],
    [
      { client_id: "i", token_endpoint_auth_method: "${V}" },
      "client_secret_basic",
      "client_secret: is missing: client_secret_basic needs it"
    ],
    [
      { extra_auth_params: { a: "${NOPE}" } },
      "",
      "extra_auth_params.a: the environment variable NOPE is not set or is empty"
    ]
  ])("is found once %o is filled in", ([oauth, V, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* errorsOf({ mcpServers: { s: { url, oauth } } }), [])
      assert.deepStrictEqual(yield* useErrorsOf({ url, oauth }, { env: { V } }), [
        `mcpServers.s.oauth.${expected}`
      ])
    })
  )
})

describe("a name of metadata or of another client", () => {
  const names: ReadonlyArray<readonly [string, string]> = [
    ...endpointRows.map(({ configurationKey, metadataKey }) => [metadataKey, configurationKey] as const),
    ["authorizationUrl", "authorization_url"],
    ["authorizationEndpoint", "authorization_url"],
    ["auth_uri", "authorization_url"],
    ["tokenUrl", "token_url"],
    ["tokenEndpoint", "token_url"],
    ["clientId", "client_id"],
    ["CLIENT_ID", "client_id"],
    ["clientSecret", "client_secret"],
    ["scope", "scopes"],
    ["scopes_supported", "scopes"],
    ["redirectUri", "redirect_uri"],
    ["redirect_uris", "redirect_uri"],
    ["redirect_url", "redirect_uri"],
    ["callbackPort", "redirect_uri"],
    ["callback_url", "redirect_uri"],
    ["grantType", "grant_type"],
    ["grant_types", "grant_type"],
    ["flow", "grant_type"],
    ["authServerMetadataUrl", "issuer"],
    ["authorization_servers", "issuer"],
    ["tokenEndpointAuthMethod", "token_endpoint_auth_method"],
    ["token_endpoint_auth_methods_supported", "token_endpoint_auth_method"],
    ["token_endpoint_auth_signing_alg", "signing_algorithm"],
    ["pkce", "use_pkce"],
    ["audience", "extra_auth_params"],
    ["oauth_resource", "extra_auth_params"]
  ]
  it.effect.each(names)("%s suggests %s", ([name, own]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* warningsOf({ mcpServers: { a: { url, oauth: { [name]: "x" } } } }), [
        `mcpServers.a.oauth.${name}: is not a field of mcp-cli; did you mean "${own}"?`
      ])
    })
  )

  it("names a field that exists, and none of ours", () => {
    for (const name of foreignOAuthNames) {
      assert.include(oauthFields, ownOAuthField(name), name)
      assert.notInclude(oauthFields, name)
    }
  })

  it.effect("is suggested for a field that is missing", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* errorsOf({
          mcpServers: {
            a: { url, oauth: { authorization_url, token_endpoint: token_url, client_id: "id" } }
          }
        }),
        [
          'mcpServers.a.oauth.token_url: is missing: authorization_url is given, and needs it (is "token_endpoint" a misspelling of "token_url"?)'
        ]
      )
    })
  )
})
