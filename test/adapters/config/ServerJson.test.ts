import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Logger, Redacted, Result, Schema } from "effect"
import { decoderLayer, serverFromJson } from "../../../src/adapters/config/ServerJson.ts"
import { readRemoteLine } from "../../../src/domain/RemoteCommandLine.ts"
import { remoteWordsOf } from "../../../src/domain/RemoteLauncher.ts"
import { defaultOAuth } from "../../../src/domain/Server.ts"
import { ServerDecoder } from "../../../src/ports/ServerDecoder.ts"
import { vendorLines } from "../../domain/VendorLines.ts"
import { secretTextOf } from "../../SecretText.ts"

const url = "https://mcp.example.com/mcp"

/** Runs an effect with an environment. */
const withEnv = (env: Record<string, string>) =>
  Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))

const errorsOf = (json: unknown, options?: { readonly trusted?: boolean }) =>
  serverFromJson("s", json, options).pipe(
    Effect.flip,
    Effect.map(({ issues }) => issues.map(({ location, message }) => `${location}: ${message}`))
  )

describe("the entry of a server, without a file", () => {
  it.effect("is decoded as in the file", () =>
    Effect.gen(function* () {
      const server = yield* serverFromJson("example", {
        url,
        type: "sse",
        headers: { "X-Api-Key": "k" },
        oauth: {
          authorization_url: "https://as.example.com/authorize",
          token_url: "https://as.example.com/token",
          client_id: "id",
          client_secret: "a $${secret}",
          scopes: ["read"]
        }
      })
      assert.strictEqual(server.name, "example")
      assert.strictEqual(server.url.href, url)
      assert.strictEqual(server.transport, "sse")
      assert.strictEqual(Redacted.value(server.headers["X-Api-Key"]!), "k")
      assert.deepStrictEqual(server.oauth.scopes, ["read"])
      const { source } = server.oauth
      if (source._tag !== "ByHand") return assert.fail(source._tag)
      assert.strictEqual(source.tokenEndpoint.href, "https://as.example.com/token")
      assert.strictEqual(secretTextOf(source.client?.clientSecret), "a ${secret}")
      assert.deepStrictEqual((yield* serverFromJson("s", { url })).oauth, defaultOAuth)
    })
  )

  it.effect("lets a model use no tool without a question, unless its author is trusted", () =>
    Effect.gen(function* () {
      const json = { url, trust: true, tools: { allow: ["*"], deny: ["delete"] } }
      const rules = (isTrusted: boolean) => ({
        isTrusted,
        allow: isTrusted ? ["*"] : [],
        deny: ["delete"]
      })
      assert.deepStrictEqual((yield* serverFromJson("s", json)).toolRules, rules(false))
      assert.deepStrictEqual((yield* serverFromJson("s", json, { trusted: true })).toolRules, rules(true))
    })
  )

  it.effect.each<readonly [string, unknown, ReadonlyArray<string>]>([
    ["no object", "https://mcp.example.com", ["mcpServers.s: must be an object"]],
    [
      "two wrong fields",
      { url: "x", oauth: { grant_type: "password" } },
      [
        "mcpServers.s.url: must be an absolute URL",
        "mcpServers.s.oauth.grant_type: must be one of authorization_code, device_code, client_credentials, jwt_bearer, enterprise_managed"
      ]
    ],
    ["a command", { command: "npx" }, ["mcpServers.s: has a command, and must have a url"]]
  ])("may not be %s", ([, json, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* errorsOf(json), expected)
      assert.deepStrictEqual(yield* errorsOf(json, { trusted: true }), expected)
    })
  )

  it.effect("has errors as data", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        serverFromJson("my server", { url, oauth: { dpop: 1, scopes: ["a", "b c"] } })
      )
      assert.deepStrictEqual(
        error.issues.map(({ path }) => path),
        [
          ["mcpServers", "my server", "oauth", "scopes", 1],
          ["mcpServers", "my server", "oauth", "dpop"]
        ]
      )
      assert.include(error.message, 'mcpServers["my server"].oauth.scopes[1]: must be one scope')
    })
  )

  it.effect.each([true, false])("refers to no stored secret, trusted or not: %s", (trusted) =>
    Effect.gen(function* () {
      const entry = {
        url: "https://mcp.test/mcp",
        headers: { A: "${secret:KEY}" },
        oauth: { client_id: "c", client_secret: "${secret:KEY}" }
      }
      const { issues } = yield* Effect.flip(serverFromJson("s", entry, { trusted }))
      const problem = "must not refer to a stored secret: only a configuration file of mcp-cli can"
      assert.deepStrictEqual(
        issues.map((issue) => issue.problem),
        [problem, problem]
      )
    })
  )

  it.effect("warns about unknown fields in the log", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      yield* serverFromJson("s", { url, oauth: { clientId: "id" } }).pipe(
        Effect.provide(Logger.layer([Logger.make(({ message }) => logged.push(message))]))
      )
      assert.deepStrictEqual(logged.flat(), [
        'mcpServers.s.oauth.clientId is not a field of mcp-cli; did you mean "client_id"?'
      ])
    })
  )
})

/** A value as text, with the content of its secrets. */
const revealed = (value: unknown): string =>
  JSON.stringify(value, function (this: Record<string, unknown>, name: string, written: unknown) {
    const original = this[name]
    return Redacted.isRedacted(original) ? Redacted.value(original) : written
  })

const variables = "must not use environment variables: this entry may not read them"
const files = "must not name a file: this entry may not read files"

describe("an entry that is not trusted", () => {
  it.effect.each<readonly [unknown, ReadonlyArray<string>]>([
    [{ url: "https://example.com/${SECRET}" }, [`url: ${variables}`]],
    [{ url, headers: { A: "${SECRET:-x}" } }, [`headers.A: ${variables}`]],
    [
      { url, oauth: { extra_auth_params: { a: "${SECRET}" }, scopes: ["${SECRET}"] } },
      [`oauth.scopes[0]: ${variables}`, `oauth.extra_auth_params.a: ${variables}`]
    ],
    [
      { url, oauth: { client_id: "id", private_key_file: "/etc/passwd" } },
      [`oauth.private_key_file: ${files}`]
    ],
    [
      { url, oauth: { client_id: "id", client_secret_file: "/etc/passwd" } },
      [`oauth.client_secret_file: ${files}`]
    ],
    [
      { url, oauth: { grant_type: "jwt_bearer", client_id: "id", assertion_file: "~/.ssh/id_rsa" } },
      [`oauth.assertion_file: ${files}`]
    ],
    [
      {
        url,
        oauth: {
          grant_type: "enterprise_managed",
          client_id: "id",
          identity_provider: { token_url: url, client_id: "id", subject_token_file: "${SECRET}" }
        }
      },
      [`oauth.identity_provider.subject_token_file: ${files}`]
    ]
  ])("reads neither variables nor files: %j", ([json, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* errorsOf(json),
        expected.map((line) => `mcpServers.s.${line}`)
      )
    }).pipe(withEnv({ SECRET: "hunter2", HOME: "/home/ann" }))
  )

  it.effect.prop(
    "never contains a variable",
    [Schema.Literals(["url", "header", "client", "secret", "scope", "issuer"]), Schema.String],
    ([place, noise]) =>
      Effect.gen(function* () {
        const text = `${noise.replaceAll(/[^\w$]/g, "")}\${SECRET}`
        const at = (name: string) => (place === name ? { [name]: text } : {})
        const json = {
          url: place === "url" ? `https://example.com/${text}` : url,
          headers: at("header"),
          oauth: {
            ...(place === "client" ? { client_id: text } : { client_id: "id" }),
            ...(place === "secret" ? { client_secret: text } : {}),
            ...(place === "scope" ? { scopes: [text] } : {}),
            ...(place === "issuer" ? { issuer: `https://example.com/${text}` } : {})
          }
        }
        const seen = yield* serverFromJson("s", json).pipe(
          Effect.map(revealed),
          Effect.catch((error) => Effect.succeed(JSON.stringify(error)))
        )
        assert.notInclude(seen, "hunter2")
      }).pipe(withEnv({ SECRET: "hunter2" }))
  )
})

describe("an entry that is trusted", () => {
  it.effect("reads variables from the current ConfigProvider, and paths of the home folder", () =>
    Effect.gen(function* () {
      const json = {
        url: "https://${HOST}/mcp",
        oauth: { client_id: "id", private_key_file: "~/key.pem" }
      }
      const server = yield* serverFromJson("s", json, { trusted: true })
      assert.strictEqual(server.url.href, "https://mcp.example.com/mcp")
      assert.deepStrictEqual(server.oauth.source.client?.signingKey?.pem, { file: "/home/ann/key.pem" })
    }).pipe(withEnv({ HOST: "mcp.example.com", HOME: "/home/ann" }))
  )

  it.effect("names the variable that is not set", () =>
    Effect.gen(function* () {
      const { issues } = yield* Effect.flip(serverFromJson("s", { url: "${NOPE}" }, { trusted: true }))
      assert.deepStrictEqual(
        issues.map(({ path, variable }) => ({ path, variable })),
        [{ path: ["mcpServers", "s", "url"], variable: "NOPE" }]
      )
    }).pipe(withEnv({}))
  )
})

describe("the command lines that vendors publish for mcp-remote", () => {
  it.effect.each(vendorLines)("make a server here: $vendor", ({ args, command = "npx", files = {} }) =>
    Effect.gen(function* () {
      const read = readRemoteLine(remoteWordsOf(command, args) ?? [], new Map(Object.entries(files)))
      const { entry, url: written } = Result.getOrThrow(read)
      const server = yield* ServerDecoder.use(({ decode }) => decode("s", entry)).pipe(
        withEnv({ GOLIVE_API_KEY: "glk_1" })
      )
      assert.strictEqual(server.url.href, written)
      assert.deepStrictEqual(Object.keys(server.headers), Object.keys(Object(entry["headers"])))
    }).pipe(Effect.provide(decoderLayer))
  )
})
