import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import type { ConfiguredClient, SecretSource } from "../../../src/domain/Server.ts"
import { Configuration } from "../../../src/ports/Configuration.ts"
import { errorsOf, httpServerOf, type Options, useErrorsOf, warningsOf, withFile } from "./InMemoryFile.ts"

const url = "https://mcp.example.com/mcp"
const pem = "-----BEGIN PRIVATE KEY-----\nMIGHAgEA\n-----END PRIVATE KEY-----\n"

const clientOf = (
  oauth: Record<string, unknown>,
  options?: Options
): Effect.Effect<ConfiguredClient | undefined, unknown> =>
  Effect.map(httpServerOf({ url, oauth }, options), (server) => server.oauth.source.client)

/** A secret as a test can look at it. */
const shown = (source: SecretSource | undefined) =>
  Redacted.isRedacted(source) ? { text: Redacted.value(source) } : source
const linesOf = (lines: ReadonlyArray<string>) => lines.map((line) => `mcpServers.s.oauth.${line}`)

describe("a client of the configuration", () => {
  it.effect("may sign with a key that is written there", () =>
    Effect.gen(function* () {
      const client = yield* clientOf({ client_id: "id", private_key: pem })
      assert.strictEqual(client?.clientId, "id")
      assert.isUndefined(client?.clientSecret)
      assert.deepStrictEqual(shown(client?.signingKey?.pem), { text: pem })
      assert.deepInclude(client?.signingKey, { algorithm: undefined, keyId: undefined })
    })
  )

  it.effect("may sign with a key out of the environment, which is only looked at when it is used", () =>
    Effect.gen(function* () {
      const oauth = { client_id: "id", private_key: "${KEY}", private_key_id: "${KEY_ID:-k1}" }
      assert.deepStrictEqual(yield* errorsOf({ mcpServers: { s: { url, oauth } } }), [])
      const client = yield* clientOf(oauth, { env: { KEY: pem } })
      assert.deepStrictEqual(shown(client?.signingKey?.pem), { text: pem })
      assert.strictEqual(client?.signingKey?.keyId, "k1")
      assert.deepStrictEqual(
        yield* useErrorsOf({ url, oauth }),
        linesOf(["private_key: the environment variable KEY is not set or is empty"])
      )
    })
  )

  it.effect("of a server with endpoints by hand may sign as well", () =>
    Effect.gen(function* () {
      const client = yield* clientOf({
        authorization_url: "https://as.example.com/authorize",
        token_url: "https://as.example.com/token",
        client_id: "id",
        private_key_file: "/keys/client.pem"
      })
      assert.deepStrictEqual(client, {
        clientId: "id",
        clientSecret: undefined,
        signingKey: { pem: { file: "/keys/client.pem" }, keyId: undefined, algorithm: undefined }
      })
    })
  )

  it.effect.each([
    ["/keys/client.pem", "/keys/client.pem"],
    ["~/client.pem", "/home/ann/client.pem"],
    ["${DIR}/client.pem", "/run/keys/client.pem"],
    ["${HOME}/client.pem", "/home/ann/client.pem"],
    ["keys/client.pem", "keys/client.pem"],
    ["~", "~"],
    ["~bob/client.pem", "~bob/client.pem"],
    ["/keys/~/client.pem", "/keys/~/client.pem"]
  ] as const)("may sign with the key in the file %s", ([written, file]) =>
    Effect.gen(function* () {
      const oauth = { client_id: "id", private_key_file: written }
      const client = yield* clientOf(oauth, { env: { DIR: "/run/keys" } })
      assert.deepStrictEqual(client?.signingKey?.pem, { file })
      assert.deepStrictEqual(yield* errorsOf({ mcpServers: { s: { url, oauth } } }), [])
    })
  )

  it.effect.each([
    ["/run/secrets/client", "/run/secrets/client"],
    ["~/secret", "/home/ann/secret"],
    ["${CREDENTIALS_DIRECTORY}/secret", "/run/credentials/secret"]
  ] as const)("may have its secret in the file %s, which is not read yet", ([written, file]) =>
    Effect.gen(function* () {
      const oauth = { client_id: "id", client_secret_file: written }
      assert.deepStrictEqual(yield* errorsOf({ mcpServers: { s: { url, oauth } } }), [])
      assert.deepStrictEqual(yield* warningsOf({ mcpServers: { s: { url, oauth } } }), [])
      const client = yield* clientOf(oauth, { env: { CREDENTIALS_DIRECTORY: "/run/credentials" } })
      assert.deepStrictEqual(client, { clientId: "id", clientSecret: { file } })
    })
  )

  it.effect.each(["client_secret_basic", "client_secret_post"] as const)(
    "may send the secret in a file by %s",
    (token_endpoint_auth_method) =>
      Effect.gen(function* () {
        const oauth = { client_id: "id", client_secret_file: "/s", token_endpoint_auth_method }
        assert.deepStrictEqual(yield* errorsOf({ mcpServers: { s: { url, oauth } } }), [])
      })
  )

  it.effect.each(["ES256", "ES384", "ES512", "RS256", "PS256", "EdDSA"] as const)(
    "may say which key it is, and sign by %s",
    (signing_algorithm) =>
      Effect.gen(function* () {
        const client = yield* clientOf({
          client_id: "id",
          private_key_file: "/k",
          private_key_id: "2026-11",
          signing_algorithm
        })
        assert.deepStrictEqual(client?.signingKey, {
          pem: { file: "/k" },
          keyId: "2026-11",
          algorithm: signing_algorithm
        })
      })
  )

  it.effect("that does not sign has no key", () =>
    Effect.gen(function* () {
      assert.notProperty(yield* clientOf({ client_id: "id", client_secret: "s" }), "signingKey")
      assert.deepStrictEqual(yield* clientOf({ client_id: "id" }), {
        clientId: "id",
        clientSecret: undefined
      })
    })
  )

  it.effect("that signs needs no word on it, and may have one", () =>
    Effect.gen(function* () {
      const oauth = { client_id: "id", private_key_file: "/k", token_endpoint_auth_method: "private_key_jwt" }
      const server = yield* httpServerOf({ url, oauth })
      assert.strictEqual(server.oauth.tokenEndpointAuthMethod, "private_key_jwt")
      assert.deepStrictEqual(yield* warningsOf({ mcpServers: { s: { url, oauth } } }), [])
    })
  )
})

describe("an error in a client's fields", () => {
  it.effect.each<readonly [string, Record<string, unknown>, ReadonlyArray<string>]>([
    [
      "a key in two places",
      { client_id: "id", private_key: "${KEY}", private_key_file: "/k" },
      ["private_key_file: is given besides private_key: one of the two is enough"]
    ],
    [
      "a secret and a key",
      { client_id: "id", client_secret: "${S}", private_key: "${KEY}" },
      ["client_secret: is given besides a private key: a client has one or the other"]
    ],
    [
      "a secret and the file of a key",
      { client_id: "id", client_secret: "${S}", private_key_file: "/k" },
      ["client_secret: is given besides a private key: a client has one or the other"]
    ],
    [
      "a secret in two places",
      { client_id: "id", client_secret: "${S}", client_secret_file: "/s" },
      ["client_secret_file: is given besides client_secret: one of the two is enough"]
    ],
    [
      "the file of a secret and a key",
      { client_id: "id", client_secret_file: "/s", private_key_file: "/k" },
      ["client_secret_file: is given besides a private key: a client has one or the other"]
    ],
    [
      "the file of a secret of no client",
      { client_secret_file: "/s" },
      ["client_id: is missing: client_secret_file is given, and needs it"]
    ],
    [
      "the file of a secret that is not sent",
      { client_id: "id", client_secret_file: "/s", token_endpoint_auth_method: "none" },
      ["token_endpoint_auth_method: must not be none: there is a client_secret_file"]
    ],
    [
      "an empty path of a secret",
      { client_id: "id", client_secret_file: "" },
      ["client_secret_file: must not be empty"]
    ],
    [
      "a file in the place of a variable",
      { client_id: "id", client_secret: "${file:/run/secrets/x}" },
      [
        "client_secret: has ${file:...}, which is not read: a secret in a file has a field for its path, such as client_secret_file in the oauth block"
      ]
    ],
    [
      "a key of no client",
      { private_key_file: "/k" },
      ["client_id: is missing: a private key is given, and needs it"]
    ],
    ["an empty key", { client_id: "id", private_key: "" }, ["private_key: must not be empty"]],
    [
      "a key that is no text",
      { client_id: "id", private_key: { kty: "EC" } },
      ["private_key: must be a string"]
    ],
    ["an empty path", { client_id: "id", private_key_file: "" }, ["private_key_file: must not be empty"]],
    [
      "a path that no system has",
      { client_id: "id", private_key_file: "/k\0" },
      ["private_key_file: must not have a NUL character in it"]
    ],
    [
      "a path that is no text",
      { client_id: "id", private_key_file: 7 },
      ["private_key_file: must be a string"]
    ],
    [
      "an empty name of a key",
      { client_id: "id", private_key_file: "/k", private_key_id: "" },
      ["private_key_id: must not be empty"]
    ],
    [
      "an unknown algorithm",
      { client_id: "id", private_key_file: "/k", signing_algorithm: "HS256" },
      ["signing_algorithm: must be one of ES256, ES384, ES512, RS256, PS256, EdDSA"]
    ],
    [
      "an algorithm in other letters",
      { client_id: "id", private_key_file: "/k", signing_algorithm: "es256" },
      ["signing_algorithm: must be one of ES256, ES384, ES512, RS256, PS256, EdDSA"]
    ],
    [
      "an algorithm without a key",
      { client_id: "id", signing_algorithm: "ES256" },
      ["private_key_file: is missing: signing_algorithm is given, and belongs to a key"]
    ],
    [
      "to sign, with nothing to sign with",
      { client_id: "id", token_endpoint_auth_method: "private_key_jwt" },
      ["private_key_file: is missing: private_key_jwt signs with it"]
    ],
    [
      "to sign, with a misspelled key",
      { client_id: "id", privateKeyFile: "/k", token_endpoint_auth_method: "private_key_jwt" },
      [
        'private_key_file: is missing: private_key_jwt signs with it (is "privateKeyFile" a misspelling of "private_key_file"?)'
      ]
    ],
    [
      "a key, and no way to prove it",
      { client_id: "id", private_key_file: "/k", token_endpoint_auth_method: "none" },
      ["token_endpoint_auth_method: must not be none: there is a private key"]
    ],
    [
      "a key, and a secret to send",
      { client_id: "id", private_key_file: "/k", token_endpoint_auth_method: "client_secret_basic" },
      [
        "token_endpoint_auth_method: is client_secret_basic, which sends a secret, and there is a private key: remove one of them"
      ]
    ]
  ])("%s", ([, oauth, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* errorsOf({ mcpServers: { s: { url, oauth } } }), linesOf(expected))
    })
  )

  it.effect.each<readonly [Record<string, unknown>, Record<string, string>, string]>([
    [{ private_key: "${V:-}" }, {}, "private_key: must not be empty"],
    [{ private_key_file: "${V}" }, {}, "private_key_file: the environment variable V is not set or is empty"],
    [
      { private_key_file: "/k", signing_algorithm: "${V}" },
      { V: "RS512" },
      "signing_algorithm: must be one of ES256, ES384, ES512, RS256, PS256, EdDSA"
    ],
    [{ private_key_file: "/k", private_key_id: "${V:-}" }, {}, "private_key_id: must not be empty"]
  ])("is found once %o is filled in", ([fields, env, expected]) =>
    Effect.gen(function* () {
      const oauth = { client_id: "id", ...fields }
      assert.deepStrictEqual(yield* errorsOf({ mcpServers: { s: { url, oauth } } }), [])
      assert.deepStrictEqual(yield* useErrorsOf({ url, oauth }, { env }), linesOf([expected]))
    })
  )
})

describe("a text that is no valid interpolation", () => {
  it.effect.each(["${file:/run/secrets/x}", "${", "${A", "a ${input:x} b"])(
    "is not called a secret in plain text: %s",
    (client_secret) =>
      Effect.gen(function* () {
        const content = { mcpServers: { s: { url, oauth: { client_id: "id", client_secret } } } }
        assert.lengthOf(yield* errorsOf(content), 1)
        assert.deepStrictEqual(yield* warningsOf(content, { mode: 0o100644 }), [])
      })
  )
})

describe("a key in the configuration", () => {
  const marker = "hunter2-4711"

  it.effect("is warned of where others could read the file, and one in the environment is not", () =>
    Effect.gen(function* () {
      const secretsOf = (oauth: Record<string, unknown>) =>
        Effect.map(warningsOf({ mcpServers: { s: { url, oauth } } }, { mode: 0o100644 }), (lines) =>
          lines.filter((line) => line.includes("private_key"))
        )
      assert.lengthOf(yield* secretsOf({ client_id: "id", private_key: marker }), 1)
      assert.deepStrictEqual(yield* secretsOf({ client_id: "id", private_key: "${KEY}" }), [])
      assert.deepStrictEqual(yield* secretsOf({ client_id: "id", private_key_file: `/${marker}` }), [])
    })
  )

  it.effect.each<readonly [string, Record<string, unknown>]>([
    ["is good", { client_id: "id", private_key: marker, scopes: 1 }],
    ["is in a list", { client_id: "id", private_key: [marker] }],
    ["is given twice", { client_id: "id", private_key: marker, private_key_file: "/k" }],
    ["is given besides a secret", { client_id: "id", private_key: `x${marker}`, client_secret: marker }],
    ["is in a broken template", { client_id: "id", private_key: `\${${marker}` }],
    ["is in another field", { client_id: "id", private_key_file: "/k", signing_algorithm: marker }],
    ["has no client", { private_key: marker }]
  ])("is in no error, where it %s", ([, oauth]) =>
    Effect.gen(function* () {
      const errors = yield* useErrorsOf({ url, oauth })
      assert.isNotEmpty(errors)
      const whole = yield* Configuration.use(({ invalid }) => invalid).pipe(
        Effect.map(
          (issues) => `${issues.map(({ message }) => message).join("\n")} ${JSON.stringify(issues)}`
        ),
        withFile({ mcpServers: { s: { url, oauth } } })
      )
      assert.notInclude(`${errors.join("\n")} ${whole}`, marker)
    })
  )

  it.effect("is shown by no text of the server", () =>
    Effect.gen(function* () {
      const server = yield* httpServerOf({ url, oauth: { client_id: "id", private_key: marker } })
      assert.notInclude(JSON.stringify(server), marker)
    })
  )
})
