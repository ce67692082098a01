import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Redacted, Schema } from "effect"
import { vaultPath, vaultPathProblem } from "../../../src/adapters/config/VaultPath.ts"
import { parseBool } from "../../../src/adapters/config/VaultVariables.ts"
import { Configuration, type VaultAuth, type VaultSettings } from "../../../src/ports/Configuration.ts"
import { errorsOf, here, over, warningsOf, withFile } from "./InMemoryFile.ts"

const url = "https://vault.example.com:8200"
const noUrl = "must be an absolute http or https URL"
const noSecureUrl = "must be an https URL (http only for this machine, as in http://127.0.0.1:8200)"
const noUser = "must not have a user name or password in it"
const noOrigin =
  "must end after the host and the port, as in https://vault.example.com:8200: it may have no path, query or fragment"
const noPath =
  "must be names with single slashes between them, as in team/mcp: none empty, ending in a dot or with control characters"
const noHeader = "must be one line of ASCII characters without spaces"
const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

type Env = Record<string, string>

/** The settings of Vault from a block and the environment. */
const vaultOf = (fields: object, env: Env = {}) =>
  Configuration.use(({ tokenStorage }) => tokenStorage).pipe(
    Effect.map(({ vault }) => vault),
    withFile({ mcpServers: {}, tokenStorage: fields }, { env })
  )

/** As {@link vaultOf}, where Vault has an address. */
const settingsOf = (fields: object, env: Env = {}) =>
  Effect.filterOrFail(
    vaultOf({ vaultUrl: url, ...fields }, env),
    (vault): vault is VaultSettings => vault !== undefined,
    () => "there is no Vault" as const
  )

/** Errors, one line each: of the file, or if it has none, of using it. */
const wrongWith = (fields: object, env: Env = {}) =>
  vaultOf({ vaultUrl: url, ...fields }, env).pipe(
    Effect.as<ReadonlyArray<string>>([]),
    Effect.catchTag("ConfigurationError", ({ issues }) =>
      Effect.succeed(issues.map(({ location, message }) => `${location}: ${message}`))
    )
  )

/** Authentication with its secrets in plain text. */
const plain = (auth: VaultAuth): unknown =>
  Object.fromEntries(
    Object.entries(auth).map(([name, value]) => [
      name,
      Redacted.isRedacted(value) ? { secret: Redacted.value(value) } : value
    ])
  )
const authOf = (fields: object, env: Env = {}) =>
  Effect.map(settingsOf(fields, env), ({ auth }) => plain(auth))

describe("Vault in the configuration", () => {
  it.effect("has defaults", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* settingsOf({}), {
        url: new URL(url),
        mountPoint: "secret",
        pathPrefix: "mcp-cli/oauth",
        namespace: undefined,
        kvVersion: undefined,
        auth: { method: "token", token: undefined, tokenFile: undefined },
        tls: { caCert: undefined, clientCert: undefined, clientKey: undefined, skipVerify: false }
      })
    })
  )

  it.effect("is read, and filled in", () =>
    Effect.gen(function* () {
      const { auth, ...settings } = yield* settingsOf(
        {
          vaultUrl: "https://${HOST}:8200/",
          vaultMountPoint: "team/${X}/",
          vaultPathPrefix: "${X}/",
          vaultNamespace: "ns/${X}/",
          vaultKvVersion: 1,
          vaultCaCert: "~/${X}/ca.pem",
          vaultClientCert: "/etc/${X}.pem",
          vaultClientKey: "keys/~/${X}.pem",
          vaultSkipVerify: true,
          vaultToken: "hvs.${X}",
          vaultTokenFile: "~/.${X}"
        },
        { HOST: "v.example", X: "blue" }
      )
      assert.deepStrictEqual(settings, {
        url: new URL("https://v.example:8200"),
        mountPoint: "team/blue",
        pathPrefix: "blue",
        namespace: "ns/blue/",
        kvVersion: 1,
        tls: {
          caCert: "/home/ann/blue/ca.pem",
          clientCert: "/etc/blue.pem",
          clientKey: "keys/~/blue.pem",
          skipVerify: true
        }
      })
      assert.deepStrictEqual(plain(auth), {
        method: "token",
        token: { secret: "hvs.blue" },
        tokenFile: "/home/ann/.blue"
      })
      assert.notInclude(`${JSON.stringify(auth)} ${String(auth.method === "token" && auth.token)}`, "hvs")
      assert.strictEqual((yield* settingsOf({ vaultKvVersion: 2 })).kvVersion, 2)
    })
  )

  it.effect("has paths in the home folder as Windows names it", () =>
    Effect.gen(function* () {
      const files = { vaultTokenFile: "~\\token", vaultCaCert: "~ca/x" }
      const { auth, tls } = yield* settingsOf(files, { HOME: "", USERPROFILE: "C:\\Users\\ann" })
      assert.strictEqual(auth.method === "token" && auth.tokenFile, "C:\\Users\\ann\\token")
      assert.strictEqual(tls.caCert, "~ca/x")
      const root = yield* settingsOf({ vaultCaCert: "~/ca.pem" }, { HOME: "/" })
      assert.strictEqual(root.tls.caCert, "/ca.pem")
    })
  )

  it.effect.each<readonly [string, ReadonlyArray<string>]>([
    ["https://vault.example.com", []],
    ["https://vault.example.com:8200/", []],
    ["http://127.0.0.1:8200", []],
    ["http://localhost:8200/", []],
    ["http://[::1]:8200", []],
    ["", [noUrl]],
    ["vault.example.com", [`${noUrl}: begin it with https://`]],
    ["vault.example.com:8200", [`${noUrl}: begin it with https://`]],
    ["https://vault.example.com:82000", ["must have a port of at most 65535, and has 82000"]],
    ["ftp://vault.example.com", [noUrl]],
    ["unix:///run/vault.sock", [noUrl]],
    ["http://vault.example.com:8200", [noSecureUrl]],
    ["http://0.0.0.0:8200", [noSecureUrl]],
    ["https://ann@vault.example.com", [noUser]],
    ["https://:x@vault.example.com", [noUser]],
    ["https://vault.example.com/v1", [noOrigin]],
    ["https://vault.example.com//", [noOrigin]],
    ["https://vault.example.com?", [noOrigin]],
    ["https://vault.example.com/?a=b", [noOrigin]],
    ["https://vault.example.com#", [noOrigin]],
    ["https://vault.example.com/#a", [noOrigin]]
  ])("by the address %s is wrong in %j, in the file or a variable", ([vaultUrl, problems]) =>
    Effect.gen(function* () {
      const at = (path: string) => problems.map((problem) => `${path}: ${problem}`)
      assert.deepStrictEqual(
        yield* errorsOf({ mcpServers: {}, tokenStorage: { vaultUrl } }),
        at("tokenStorage.vaultUrl")
      )
      assert.deepStrictEqual(
        yield* wrongWith({ vaultUrl: "${A:-}" }, { A: vaultUrl }),
        at("tokenStorage.vaultUrl")
      )
      if (vaultUrl === "") return
      for (const name of ["VAULT_ADDR", "BAO_ADDR"]) {
        const error = yield* vaultOf({}, { [name]: vaultUrl }).pipe(
          Effect.as<ReadonlyArray<string>>([]),
          Effect.catchTag("ConfigurationError", ({ issues }) =>
            Effect.succeed(issues.map(({ location, message }) => `${location}: ${message}`))
          )
        )
        assert.deepStrictEqual(error, at(name))
      }
    })
  )

  it.effect.each<readonly [object, ReadonlyArray<string>]>([
    [{ vaultUrl: 8200 }, ["vaultUrl: must be a string"]],
    [{ vaultToken: "" }, ["vaultToken: must not be empty"]],
    [{ vaultToken: "hvs.x\n" }, [`vaultToken: ${noHeader}`]],
    [{ vaultToken: "hvs.\u00e9" }, [`vaultToken: ${noHeader}`]],
    [{ vaultTokenFile: "" }, ["vaultTokenFile: must not be empty"]],
    [{ vaultTokenFile: "a\0b" }, ["vaultTokenFile: must not have a NUL character in it"]],
    [{ vaultMountPoint: "" }, [`vaultMountPoint: ${noPath}`]],
    [{ vaultMountPoint: "/secret" }, [`vaultMountPoint: ${noPath}`]],
    [{ vaultPathPrefix: "a/../b" }, [`vaultPathPrefix: ${noPath}`]],
    [{ vaultPathPrefix: null }, ["vaultPathPrefix: must be a string"]],
    [{ vaultNamespace: "" }, [`vaultNamespace: ${noHeader}`]],
    [{ vaultNamespace: "a\r\nb" }, [`vaultNamespace: ${noHeader}`]],
    [{ vaultKvVersion: 3 }, ["vaultKvVersion: must be 1 or 2"]],
    [{ vaultKvVersion: "2" }, ["vaultKvVersion: must be 1 or 2"]],
    [{ vaultKvVersion: null }, ["vaultKvVersion: must be 1 or 2"]],
    [{ vaultCaCert: "" }, ["vaultCaCert: must not be empty"]],
    [{ vaultSkipVerify: "true" }, ["vaultSkipVerify: must be true or false"]],
    [{ vaultAuth: "token" }, ["vaultAuth: must be an object"]],
    [{ vaultAuth: null }, ["vaultAuth: must be an object"]],
    [{ vaultAuth: {} }, ["vaultAuth.method: is missing: one of token, approle, kubernetes, jwt"]],
    [
      { vaultAuth: { methode: "token" } },
      [
        'vaultAuth.method: is missing: one of token, approle, kubernetes, jwt (is "methode" a misspelling of "method"?)'
      ]
    ],
    [{ vaultAuth: { method: "ldap" } }, ["vaultAuth.method: must be one of token, approle, kubernetes, jwt"]],
    [{ vaultAuth: { method: "approle" } }, ["vaultAuth.roleId: is missing: approle needs it"]],
    [
      { vaultAuth: { method: "approle", role_id: "x", mount: "a/" } },
      ['vaultAuth.roleId: is missing: approle needs it (is "role_id" a misspelling of "roleId"?)']
    ],
    [
      { vaultAuth: { method: "approle", roleId: "", secretId: "", mount: "a//" } },
      [
        `vaultAuth.mount: ${noPath}`,
        "vaultAuth.roleId: must not be empty",
        "vaultAuth.secretId: must not be empty"
      ]
    ],
    [{ vaultAuth: { method: "kubernetes" } }, ["vaultAuth.role: is missing: kubernetes needs it"]],
    [{ vaultAuth: { method: "kubernetes", role: "" } }, ["vaultAuth.role: must not be empty"]],
    [
      { vaultAuth: { method: "kubernetes", role: "r", jwt: "x", jwtFile: "y" } },
      ["vaultAuth.jwtFile: is given besides jwt: one of the two is enough"]
    ],
    [
      { vaultAuth: { method: "jwt" } },
      ["vaultAuth.jwtFile: is missing: the method jwt needs it, or jwt itself"]
    ],
    [{ vaultAuth: { method: "jwt", jwt: "" } }, ["vaultAuth.jwt: must not be empty"]],
    [
      { vaultAuth: { method: "jwt", jwt: "x", jwtFile: "y" } },
      ["vaultAuth.jwtFile: is given besides jwt: one of the two is enough"]
    ],
    [
      { vaultUrl: "x", vaultKvVersion: 0, vaultAuth: { method: "token", jwtFile: "" } },
      [`vaultUrl: ${noUrl}`, "vaultKvVersion: must be 1 or 2", "vaultAuth.jwtFile: must not be empty"]
    ]
  ])("may not be %j", ([fields, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* errorsOf({ mcpServers: {}, tokenStorage: fields }),
        expected.map((line) => `tokenStorage.${line}`)
      )
    })
  )

  it.effect("is not filled in while it is only checked", () =>
    Effect.gen(function* () {
      const templates = {
        backend: "${A}",
        vaultUrl: "${A}",
        vaultToken: "${A}",
        vaultTokenFile: "${A}",
        vaultMountPoint: "${A}",
        vaultPathPrefix: "${A}",
        vaultNamespace: "${A}",
        vaultCaCert: "${A}",
        vaultClientCert: "${A}",
        vaultAuth: { method: "${A}", mount: "${A}", roleId: "${A}", secretId: "${A}", jwt: "${A}" }
      }
      const unread = ConfigProvider.make(() => Effect.die(new Error("the environment was read")))
      for (const tokenStorage of [templates, { backend: "vault" }, { vaultTokenFile: "~/t" }]) {
        const checked = Configuration.use(({ servers }) => servers).pipe(
          Effect.provideService(ConfigProvider.ConfigProvider, unread),
          withFile({ mcpServers: {}, tokenStorage }, { path: here })
        )
        assert.deepStrictEqual(yield* checked, [])
      }
    })
  )
})

describe("the ways to prove to Vault who one is", () => {
  it.effect.each<readonly [object, Env, unknown]>([
    [{}, {}, { method: "token", token: undefined, tokenFile: undefined }],
    [{}, { VAULT_TOKEN: "v" }, { method: "token", token: { secret: "v" }, tokenFile: undefined }],
    [
      { vaultToken: "f" },
      { VAULT_TOKEN: "v" },
      { method: "token", token: { secret: "f" }, tokenFile: undefined }
    ],
    [{ vaultTokenFile: "f" }, {}, { method: "token", token: undefined, tokenFile: "f" }],
    [{ vaultTokenFile: "f" }, { VAULT_TOKEN: "v" }, { method: "token", token: undefined, tokenFile: "f" }],
    [
      { vaultToken: "t", vaultAuth: { method: "token" } },
      {},
      { method: "token", token: { secret: "t" }, tokenFile: undefined }
    ],
    [
      { vaultAuth: { method: "approle", roleId: "${R}" } },
      { R: "r", VAULT_TOKEN: "not looked at" },
      { method: "approle", mount: "approle", roleId: "r", secretId: undefined }
    ],
    [
      { vaultAuth: { method: "${M}", mount: "a/${R}/", roleId: "r", secretId: "${S}" } },
      { M: "approle", R: "b", S: "s" },
      { method: "approle", mount: "a/b", roleId: "r", secretId: { secret: "s" } }
    ],
    [
      { vaultAuth: { method: "kubernetes", role: "r" } },
      {},
      { method: "kubernetes", mount: "kubernetes", role: "r", jwt: { file: serviceAccountToken } }
    ],
    [
      { vaultAuth: { method: "kubernetes", role: "${R}", mount: "k8s", jwtFile: "~/jwt" } },
      { R: "r" },
      { method: "kubernetes", mount: "k8s", role: "r", jwt: { file: "/home/ann/jwt" } }
    ],
    [
      { vaultAuth: { method: "kubernetes", role: "r", jwt: "j" } },
      {},
      { method: "kubernetes", mount: "kubernetes", role: "r", jwt: { secret: "j" } }
    ],
    [
      { vaultAuth: { method: "jwt", jwt: "${J}" } },
      { J: "j" },
      { method: "jwt", mount: "jwt", role: undefined, jwt: { secret: "j" } }
    ],
    [
      { vaultAuth: { method: "jwt", mount: "oidc/ci", role: "r", jwtFile: "${J}" } },
      { J: "/run/jwt" },
      { method: "jwt", mount: "oidc/ci", role: "r", jwt: { file: "/run/jwt" } }
    ]
  ])("are %j with %j", ([fields, env, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* authOf(fields, env), expected)
    })
  )

  it.effect("may be wrong only once they are filled in", () =>
    Effect.gen(function* () {
      const fields = { backend: "vault", vaultAuth: { method: "${M}" } }
      const tokenStorage = { vaultUrl: url, ...fields }
      assert.deepStrictEqual(yield* errorsOf({ mcpServers: {}, tokenStorage }), [])
      assert.deepStrictEqual(yield* wrongWith(fields, { M: "approle" }), [
        "tokenStorage.vaultAuth.roleId: is missing: approle needs it"
      ])
      assert.deepStrictEqual(yield* wrongWith(fields, { M: "ldap" }), [
        "tokenStorage.vaultAuth.method: must be one of token, approle, kubernetes, jwt"
      ])
      assert.deepStrictEqual(yield* wrongWith({ vaultToken: "${T}" }, { T: "a b" }), [
        `tokenStorage.vaultToken: ${noHeader}`
      ])
      assert.deepStrictEqual(yield* wrongWith({ vaultToken: "${T}" }, { VAULT_TOKEN: "a b" }), [
        "tokenStorage.vaultToken: the environment variable T is not set or is empty"
      ])
    })
  )
})

describe("the environment of Vault", () => {
  const all = (product: string, text: string) => ({
    [`${product}_ADDR`]: `https://${text}.example`,
    [`${product}_TOKEN`]: `${text}-token`,
    [`${product}_NAMESPACE`]: `${text}-namespace`,
    [`${product}_CACERT`]: `~/${text}-ca`,
    [`${product}_CLIENT_CERT`]: `${text}-cert`,
    [`${product}_CLIENT_KEY`]: `${text}-key`,
    [`${product}_SKIP_VERIFY`]: "true"
  })
  const read = (text: string) => ({
    url: `https://${text}.example/`,
    namespace: `${text}-namespace`,
    auth: { method: "token", token: { secret: `${text}-token` }, tokenFile: undefined },
    tls: { caCert: `~/${text}-ca`, clientCert: `${text}-cert`, clientKey: `${text}-key`, skipVerify: true }
  })
  const seen = Effect.fnUntraced(function* (fields: object, env: Env) {
    const vault = yield* vaultOf(fields, env)
    if (vault === undefined) return undefined
    const { auth, namespace, tls, url } = vault
    return { url: url.href, namespace, auth: plain(auth), tls }
  })

  it.effect("stands in for the file", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* seen({}, all("VAULT", "v")), read("v"))
      assert.deepStrictEqual(yield* seen({}, all("BAO", "b")), read("b"))
      assert.deepStrictEqual(yield* seen({ backend: "vault" }, all("VAULT", "v")), read("v"))
    })
  )

  it.effect("is OpenBao's before Vault's, and an empty variable counts as absent", () =>
    Effect.gen(function* () {
      const vault = all("VAULT", "v")
      const bao = all("BAO", "b")
      assert.deepStrictEqual(yield* seen({}, { ...vault, ...bao }), read("b"))
      const empty = Object.fromEntries(Object.keys(bao).map((name) => [name, ""]))
      assert.deepStrictEqual(yield* seen({}, { ...vault, ...empty }), read("v"))
      const withEmpty = ConfigProvider.fromEnv({ env: { ...vault, ...empty }, preserveEmptyStrings: true })
      const settings = yield* Configuration.use(({ tokenStorage }) => tokenStorage).pipe(
        Effect.provideService(ConfigProvider.ConfigProvider, withEmpty),
        withFile({ mcpServers: {} })
      )
      assert.strictEqual(settings.vault?.url.href, "https://v.example/")
      assert.deepStrictEqual(yield* seen({}, { ...vault, BAO_SKIP_VERIFY: "0" }), {
        ...read("v"),
        tls: { ...read("v").tls, skipVerify: false }
      })
    })
  )

  it.effect("is not looked at where the file speaks", () =>
    Effect.gen(function* () {
      const wrong = Object.fromEntries(
        Object.keys({ ...all("VAULT", ""), ...all("BAO", "") }).map((name) => [name, "not this\n"])
      )
      const fields = {
        vaultUrl: url,
        vaultToken: "t",
        vaultNamespace: "n",
        vaultCaCert: "ca",
        vaultClientCert: "cert",
        vaultClientKey: "key",
        vaultSkipVerify: false
      }
      assert.deepStrictEqual(yield* seen(fields, wrong), {
        url: `${url}/`,
        namespace: "n",
        auth: { method: "token", token: { secret: "t" }, tokenFile: undefined },
        tls: { caCert: "ca", clientCert: "cert", clientKey: "key", skipVerify: false }
      })
    })
  )

  it.effect("is nothing without an address", () =>
    Effect.gen(function* () {
      const rest = { ...all("VAULT", "v"), VAULT_ADDR: "", VAULT_SKIP_VERIFY: "garbage" }
      assert.isUndefined(yield* vaultOf({}, rest))
      assert.isUndefined(yield* vaultOf({ vaultToken: "${NOPE}", vaultAuth: { method: "token" } }, rest))
    })
  )

  it.effect("has its errors under the names of its variables, all at once", () =>
    Effect.gen(function* () {
      const env = {
        BAO_ADDR: "http://vault.example",
        VAULT_TOKEN: "a b",
        VAULT_NAMESPACE: "\u00e9",
        VAULT_SKIP_VERIFY: "yes",
        VAULT_CLIENT_CERT: "cert"
      }
      const error = yield* Effect.flip(vaultOf({}, env))
      assert.deepStrictEqual(
        error.issues.map(({ location, message }) => `${location}: ${message}`),
        [
          `BAO_ADDR: ${noSecureUrl}`,
          `VAULT_NAMESPACE: ${noHeader}`,
          "tokenStorage.vaultClientKey: is missing: the client certificate needs it, or VAULT_CLIENT_KEY",
          "VAULT_SKIP_VERIFY: must be true or false",
          `VAULT_TOKEN: ${noHeader}`
        ]
      )
    })
  )

  it.effect("gives a client certificate together with its key", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* wrongWith({ vaultClientCert: "c" }), [
        "tokenStorage.vaultClientKey: is missing: the client certificate needs it, or VAULT_CLIENT_KEY"
      ])
      assert.deepStrictEqual(yield* wrongWith({ vaultClientKey: "k" }), [
        "tokenStorage.vaultClientCert: is missing: the client key needs it, or VAULT_CLIENT_CERT"
      ])
      const { tls } = yield* settingsOf({ vaultClientCert: "c" }, { VAULT_CLIENT_KEY: "k" })
      assert.deepStrictEqual([tls.clientCert, tls.clientKey], ["c", "k"])
    })
  )

  it.effect("names authorities as a file, as text or as a folder, unless the file does", () =>
    Effect.gen(function* () {
      const env = { VAULT_CACERT_BYTES: "a certificate", BAO_CAPATH: "/bao", VAULT_CAPATH: "/vault" }
      const { tls } = yield* settingsOf({}, env)
      assert.deepInclude(tls, { caCert: undefined, caCertText: "a certificate", caPath: "/bao" })
      assert.notProperty((yield* settingsOf({ vaultCaCert: "c" }, env)).tls, "caPath")
      const { tls: ofVariable } = yield* settingsOf({}, { ...env, VAULT_CACERT: "file" })
      assert.strictEqual(ofVariable.caCert, "file")
      assert.notProperty(ofVariable, "caCertText")
    })
  )

  it.effect("that cannot be read is an error, and why is not said", () =>
    Effect.gen(function* () {
      const broken = ConfigProvider.make(({ 0: name }) =>
        name === "VAULT_TOKEN" || name === "BAO_CACERT"
          ? Effect.fail(new ConfigProvider.SourceError({ message: "hunter2" }))
          : Effect.undefined
      )
      const error = yield* Effect.flip(
        Effect.provideService(
          Configuration.use(({ tokenStorage }) => tokenStorage),
          ConfigProvider.ConfigProvider,
          broken
        )
      )
      assert.deepStrictEqual(
        error.issues.map(({ location, message }) => `${location}: ${message}`),
        ["BAO_CACERT: the environment cannot be read", "VAULT_TOKEN: the environment cannot be read"]
      )
      assert.notInclude(JSON.stringify(error), "hunter2")
    }).pipe(withFile({ mcpServers: {}, tokenStorage: { vaultUrl: url } }))
  )

  it.effect.each<readonly [string, boolean]>([
    ["true", true],
    ["1", true],
    ["T", true],
    ["false", false],
    ["0", false],
    ["False", false]
  ])("does not check the certificate for VAULT_SKIP_VERIFY=%s: %s", ([text, expected]) =>
    Effect.gen(function* () {
      const { tls } = yield* settingsOf({}, { VAULT_SKIP_VERIFY: text })
      assert.strictEqual(tls.skipVerify, expected)
    })
  )
})

describe("fields of Vault that are unknown or have no effect", () => {
  it.effect.each<readonly [object, ReadonlyArray<string>]>([
    [
      {
        vault_url: 1,
        vault_token: 1,
        vault_mount_point: 1,
        vault_path_prefix: 1,
        vault_kv_version: 1,
        vault_skip_verify: 1,
        vault_client_cert: 1,
        vault_auth: 1,
        vaultRole: 1
      },
      [
        'vault_url: is not a field of mcp-cli; did you mean "vaultUrl"?',
        'vault_token: is not a field of mcp-cli; did you mean "vaultToken"?',
        'vault_mount_point: is not a field of mcp-cli; did you mean "vaultMountPoint"?',
        'vault_path_prefix: is not a field of mcp-cli; did you mean "vaultPathPrefix"?',
        'vault_kv_version: is not a field of mcp-cli; did you mean "vaultKvVersion"?',
        'vault_skip_verify: is not a field of mcp-cli; did you mean "vaultSkipVerify"?',
        'vault_client_cert: is not a field of mcp-cli; did you mean "vaultClientCert"?',
        'vault_auth: is not a field of mcp-cli; did you mean "vaultAuth"?',
        "vaultRole: is not a field of mcp-cli"
      ]
    ],
    [
      { vaultAuth: { method: "approle", roleId: "r", secret_id: "s", role: "x" } },
      [
        'vaultAuth.secret_id: is not a field of mcp-cli; did you mean "secretId"?',
        "vaultAuth.role: is ignored: it is not for the method approle"
      ]
    ],
    [
      { vaultAuth: { method: "${M}", secret_id: "s", role: "x" } },
      ['vaultAuth.secret_id: is not a field of mcp-cli; did you mean "secretId"?']
    ],
    [
      { vaultToken: "t", vaultTokenFile: "f", vaultAuth: { method: "kubernetes", role: "r" } },
      [
        "vaultToken: is ignored: vaultAuth has the method kubernetes",
        "vaultTokenFile: is ignored: vaultAuth has the method kubernetes"
      ]
    ],
    [{ vaultToken: "t", vaultTokenFile: "f", vaultAuth: { method: "token" } }, []]
  ])("draw warnings in %j", ([tokenStorage, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* warningsOf({ mcpServers: {}, tokenStorage }),
        expected.map((line) => `tokenStorage.${line}`)
      )
    })
  )
})

/** Pieces of which paths are made, right and wrong. */
const Piece = Schema.Literals([
  "a",
  "b c",
  ".hidden",
  "v1.2",
  "%2e",
  "\u00e9",
  "\u{1f511}",
  "",
  ".",
  "..",
  "a.",
  "\n",
  "a\u007f",
  "\u0085",
  "\u202e",
  "\u2028",
  "\ud800"
])
const wrongPieces = new Set<string>(Piece.literals.slice(7))

describe("a path in Vault", () => {
  it.effect.prop(
    "is names with single slashes between them, and perhaps one at its end",
    [Schema.Array(Piece), Schema.Boolean],
    ([pieces, hasSlash]) =>
      Effect.sync(() => {
        const path = pieces.join("/")
        // `a/` is the path `a`: the piece that is empty is then the slash at the end.
        const meant = !hasSlash && pieces.length > 1 && pieces.at(-1) === "" ? pieces.slice(0, -1) : pieces
        const isRight = meant.length > 0 && !meant.some((piece) => wrongPieces.has(piece))
        const text = hasSlash ? `${path}/` : path
        assert.strictEqual(vaultPathProblem(text) === undefined, isRight, JSON.stringify(text))
        if (isRight) assert.deepStrictEqual(vaultPath(text).split("/"), [...meant])
      }),
    { arbitrary: { runs: 2000 } }
  )

  it.effect.prop(
    "that is right stays itself in a URL, segment by segment",
    [Schema.String],
    ([text]) =>
      Effect.sync(() => {
        if (vaultPathProblem(text) !== undefined) return
        const segments = vaultPath(text).split("/")
        const { pathname } = new URL(`https://v.example/v1/${segments.map(encodeURIComponent).join("/")}`)
        assert.deepStrictEqual(pathname.split("/").slice(2).map(decodeURIComponent), segments)
      }),
    { arbitrary: { runs: 1000 } }
  )
})

describe("a boolean of the environment", () => {
  const booleans = new Map([
    ...["1", "t", "T", "TRUE", "true", "True"].map((text) => [text, true] as const),
    ...["0", "f", "F", "FALSE", "false", "False"].map((text) => [text, false] as const)
  ])

  it("is read as Go reads it", () => {
    for (const [text, expected] of booleans) assert.strictEqual(parseBool(text), expected, text)
    for (const text of ["yes", "no", "on", "off", "tRUE", " true", "true\n", "01", "constructor"]) {
      assert.isUndefined(parseBool(text), text)
    }
  })

  it.effect.prop("is nothing else", [Schema.String], ([text]) =>
    Effect.sync(() => assert.strictEqual(parseBool(text), booleans.get(text)))
  )
})

describe("Vault in a file that was found in the working directory", () => {
  const env = { VAULT_TOKEN: "the user's token", BAO_TOKEN: "another", VAULT_NAMESPACE: "team" }
  /** The settings, or the errors: the user has approved the file. */
  const found = (fields: object, more: Env = {}) =>
    Configuration.use(({ tokenStorage }) => tokenStorage).pipe(
      Effect.map(({ vault }) => vault),
      Effect.catchTag("ConfigurationError", ({ issues }) =>
        Effect.succeed(issues.map(({ location, message }) => `${location}: ${message}`))
      ),
      Effect.provide(over({ [here]: { mcpServers: {}, tokenStorage: fields } }, { env: { ...env, ...more } }))
    )

  it.effect("gets no credentials of the environment at an address of the file", () =>
    Effect.gen(function* () {
      const noToken =
        "tokenStorage.vaultToken: is missing: this file was found in the working directory, so neither VAULT_TOKEN nor ~/.vault-token is sent to its vaultUrl. Write ${VAULT_TOKEN} if that token is meant"
      assert.deepStrictEqual(yield* found({ vaultUrl: url }), [noToken])
      assert.deepStrictEqual(yield* found({ vaultUrl: "${VAULT_ADDR:-https://evil.test}" }), [noToken])
      assert.deepStrictEqual(yield* found({ vaultUrl: url }, { VAULT_ADDR: "https://mine.test" }), [noToken])
      assert.deepStrictEqual(
        yield* found({ vaultUrl: url, vaultAuth: { method: "kubernetes", role: "r" } }),
        [
          "tokenStorage.vaultAuth.jwtFile: is missing: this file was found in the working directory, so the token of the pod is not sent to its vaultUrl"
        ]
      )
    })
  )

  it.effect("gets those that the file names, which the user has seen", () =>
    Effect.gen(function* () {
      const named = yield* found({ vaultUrl: url, vaultToken: "${OTHER}" }, { OTHER: "named" })
      assert.deepInclude(named, { url: new URL(url), namespace: undefined })
      assert.deepStrictEqual("auth" in (named ?? {}) ? plain((named as VaultSettings).auth) : named, {
        method: "token",
        token: { secret: "named" },
        tokenFile: undefined
      })
    })
  )

  it.effect("gets those of the environment at the address of the environment", () =>
    Effect.gen(function* () {
      const settings = yield* found({ backend: "vault" }, { VAULT_ADDR: "https://mine.test" })
      assert.deepInclude(settings, { url: new URL("https://mine.test"), namespace: "team" })
    })
  )

  it.effect("says what counts in its folder only", () =>
    Effect.gen(function* () {
      const mine = { VAULT_ADDR: "https://mine.test" }
      assert.deepInclude(yield* found({ vaultUrl: url, vaultToken: "t" }), {
        ofFolder: { url: true, namespace: false }
      })
      assert.deepInclude(yield* found({ vaultNamespace: "theirs" }, mine), {
        ofFolder: { url: false, namespace: true }
      })
      assert.deepInclude(yield* found({}, mine), { ofFolder: { url: false, namespace: false } })
    })
  )

  it.effect("does not decide which certificates the Vault of the environment may have", () =>
    Effect.gen(function* () {
      const why =
        "needs a vaultUrl beside it: this file was found in the working directory, and VAULT_ADDR is not its address"
      assert.deepStrictEqual(
        yield* found({ vaultSkipVerify: true, vaultCaCert: "evil.pem" }, { VAULT_ADDR: "https://mine.test" }),
        [`tokenStorage.vaultCaCert: ${why}`, `tokenStorage.vaultSkipVerify: ${why}`]
      )
    })
  )
})

describe("several addresses of Vault", () => {
  const [one, two] = ["https://one.example.com:8200", "https://two.example.com:8200"]

  it.effect.each([
    ["in the file", { vaultUrl: `${one},${two}` }, {}],
    ["in VAULT_ADDR, with spaces", {}, { VAULT_ADDR: `${one}, ${two}` }],
    ["in BAO_ADDR", {}, { BAO_ADDR: `${one},${two}`, VAULT_ADDR: url }]
  ] as const)("are tried in the order in which they are written %s", ([, fields, env]) =>
    Effect.gen(function* () {
      const vault = yield* vaultOf(fields, env)
      assert.strictEqual(vault?.url.origin, one)
      assert.deepStrictEqual(vault?.otherUrls, [new URL(two)])
    })
  )

  it.effect.each([
    [`${one},`, `each address ${noUrl}`],
    [`${one},http://two.example.com`, `each address ${noSecureUrl}`],
    [`${one},https://me@two.example.com`, `each address ${noUser}`],
    [`${one},http://127.0.0.1:8200`, "must have https in every address, or http in every one"]
  ])("are refused as %s", ([vaultUrl, problem]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* wrongWith({ vaultUrl }), [`tokenStorage.vaultUrl: ${problem}`])
    })
  )
})
