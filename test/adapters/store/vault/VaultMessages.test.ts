import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Redacted } from "effect"
import { connectionProblem } from "../../../../src/adapters/store/vault/VaultProblems.ts"
import { CredentialKey } from "../../../../src/domain/CredentialKey.ts"
import type { VaultSettings } from "../../../../src/ports/Configuration.ts"
import { CredentialLock, type LockError } from "../../../../src/ports/CredentialLock.ts"
import { CredentialStore, type StorageError } from "../../../../src/ports/CredentialStore.ts"
import { temporaryFolder } from "../../TemporaryFolder.ts"
import { credentialWith } from "../../../contract/CredentialStoreContract.ts"
import type { FaultOptions } from "../../../servers/VaultServer.ts"
import { programOf, selfSigned, settingsFor, vaultDouble } from "./VaultWorld.ts"

const notion = CredentialKey.of("notion")
const get = CredentialStore.use((store) => store.get(notion))
const put = CredentialStore.use((store) => store.put(notion, credentialWith("one")))

type Services = CredentialStore | CredentialLock

/** Message and remedies, without the address. */
const textOf = ({ message, remedies }: { readonly message: string; readonly remedies: unknown }) =>
  `${message.replace(/ at https?:\S+:\d+/, "")} ${JSON.stringify(remedies)}`

describe("an answer that is not Vault's usual one", () => {
  const json = (...errors: ReadonlyArray<string>) => JSON.stringify({ errors })
  // Bodies of OpenBao 2.7.2, Vault 1.20 and nginx 1.26.
  const answers: ReadonlyArray<readonly [string, FaultOptions, RegExp]> = [
    [
      "Go's plain text to http at a port of https",
      { status: 400, text: "Client sent an HTTP request to an HTTPS server.\n" },
      /it speaks https, not http\. .*VAULT_ADDR/
    ],
    [
      "nginx to http at a port of https",
      { status: 400, text: "<center>The plain HTTP request was sent to HTTPS port</center>" },
      /it speaks https, not http\. .*VAULT_ADDR/
    ],
    [
      "nginx without a client certificate",
      { status: 400, text: "<center>No required SSL certificate was sent</center>" },
      /it requires a client certificate\. .*VAULT_CLIENT_CERT.*VAULT_CLIENT_KEY/
    ],
    [
      "nginx to a client certificate that it rejects",
      { status: 400, text: "<center>The SSL certificate error</center>" },
      /it rejects the client certificate\. .*VAULT_CLIENT_CERT/
    ],
    [
      "the active node while a mount is upgraded",
      {
        status: 400,
        text: json("Upgrading from non-versioned to versioned data. This backend will be unavailable")
      },
      /still upgrading this mount to version 2\. .*Try again in a minute/
    ],
    [
      "a standby while a mount is upgraded",
      {
        status: 400,
        text: json(
          "Waiting for the primary to upgrade from non-versioned to versioned data. This backend will be"
        )
      },
      /still upgrading this mount to version 2\. .*Try again in a minute/
    ],
    [
      "an error with words of its own",
      { status: 500, text: json("1 error occurred:\n\t* disk is full\n\n") },
      /it answered with status 500 \(disk is full\)\./
    ],
    [
      "a gateway that has no route to Vault",
      { status: 404, text: '{"message":"no Route matched with those values"}' },
      /its answer is not that of Vault \(404\)\. .*VAULT_ADDR/
    ],
    ["a server that finds nothing", { status: 404, text: "" }, /its answer is not that of Vault \(404\)\./],
    [
      "another API",
      { status: 200, text: '{"hello":"world"}' },
      /it does not say what is mounted at secret\/\. .*VAULT_ADDR/
    ],
    [
      "an answer that a proxy has wrapped",
      { status: 200, text: JSON.stringify({ data: null, wrap_info: { token: "s.one", ttl: 60 } }) },
      /it does not say what is mounted at secret\/\. .*VAULT_ADDR/
    ],
    [
      "a record that a proxy has wrapped",
      {
        match: /GET secret\/data/,
        status: 200,
        text: JSON.stringify({ data: null, wrap_info: { token: "s.one", ttl: 60 } })
      },
      /secret\/ does not answer as a key-value engine of version 2\. .*VAULT_ADDR/
    ]
  ]

  it.live.each(answers)("is explained: %s", ([, options, expected]) =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      vault.fault("answer", { ...options, times: 4 })
      const error = yield* Effect.flip(get.pipe(Effect.provide(programOf(settingsFor(vault)))))
      assert.match(textOf(error), expected)
    })
  )

  it.live("is not asked for again if a record is too large for raft", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      const text = json("1 error occurred:\n\t* put failed due to value being too large; got 156 bytes\n\n")
      const fault = vault.fault("answer", { match: /POST secret\/data/, status: 500, text, times: 9 })
      const error = yield* Effect.flip(put.pipe(Effect.provide(programOf(settingsFor(vault)))))
      assert.match(textOf(error), /status 500 \(put failed due to value being too large/)
      assert.strictEqual(fault.met(), 1)
    })
  )

  it.live("is told apart from a sealed server that it is not initialised", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      const asked = Effect.flip(get.pipe(Effect.provide(programOf(settingsFor(vault)))))
      vault.seal()
      assert.match(textOf(yield* asked), /it is sealed\. .*operator unseal/)
      vault.forget()
      assert.match(textOf(yield* asked), /it is not initialised\. .*operator init/)
      assert.deepStrictEqual(vault.violations, [])
    })
  )
})

describe("a version that the configuration names, and the mount does not have", () => {
  const wrong: ReadonlyArray<readonly [1 | 2, string]> = [
    [1, "secret"],
    [2, "kv"],
    [1, "secret/team"],
    [2, "kv/team"]
  ]
  it.live.each(wrong)(
    "is no sign-out, and leaves nothing behind: version %i of %s",
    ([kvVersion, mountPoint]) =>
      Effect.gen(function* () {
        const vault = yield* vaultDouble()
        const program = Effect.provide(programOf(settingsFor(vault, { kvVersion, mountPoint })))
        const attempts: Readonly<Record<string, Effect.Effect<unknown, StorageError | LockError, Services>>> =
          {
            get,
            list: CredentialStore.use((store) => store.list),
            put,
            remove: CredentialStore.use((store) => store.remove(notion)),
            unlock: CredentialStore.use((store) => store.unlock),
            lock: CredentialLock.use((lock) => lock.withLock(notion, "refresh")(get))
          }
        for (const [name, attempt] of Object.entries(attempts)) {
          const error = yield* program(Effect.flip(attempt))
          assert.match(textOf(error), /is of version \d, and vaultKvVersion says \d\. .*vaultKvVersion/, name)
        }
        assert.deepStrictEqual([...vault.paths("secret"), ...vault.paths("kv")], [])
      })
  )

  it.live("is believed where the token may not see the mount", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      vault.fault("answer", {
        match: /sys\/internal/,
        status: 403,
        text: JSON.stringify({ errors: ["permission denied"] })
      })
      yield* put.pipe(Effect.provide(programOf(settingsFor(vault, { kvVersion: 2 }))))
      assert.lengthOf(vault.paths("secret"), 1)
    })
  )
})

describe("what the token or the login lacks", () => {
  const jwt = (letter: string) => `eyJhbGciOiJSUzI1NiJ9.e30.${letter.repeat(8)}`

  it.live("is named: to list is not to read", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      const token = Redacted.make(
        vault.createToken({ policies: [{ path: "secret/*", capabilities: ["create", "read", "update"] }] })
      )
      const auth = { method: "token", token, tokenFile: undefined } as const
      const listed = CredentialStore.use((store) => store.list)
      const error = yield* Effect.flip(listed.pipe(Effect.provide(programOf(settingsFor(vault, { auth })))))
      assert.match(textOf(error), /the token may not list secret\/metadata\/mcp-cli\/oauth\./)
    })
  )

  const logins: ReadonlyArray<readonly [string, VaultSettings["auth"], RegExp]> = [
    [
      "a wrong secret of AppRole",
      { method: "approle", mount: "approle", roleId: "role", secretId: Redacted.make("wrong") },
      /refused the login at auth\/approle \(invalid role or secret ID\)\./
    ],
    [
      "an unknown role",
      { method: "jwt", mount: "jwt", role: "unknown", jwt: Redacted.make(jwt("A")) },
      /refused the login at auth\/jwt \(role "unknown" could not be found\)\./
    ],
    [
      "no mount",
      { method: "approle", mount: "nowhere", roleId: "role", secretId: undefined },
      /refused the login at auth\/nowhere \(permission denied\)\./
    ]
  ]
  it.live.each(logins)("is said in the server's words: %s", ([, auth, expected]) =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      vault.login({ type: "approle", roleId: "role", secretId: "right" })
      vault.login({ type: "jwt", role: "app", jwt: jwt("B") })
      const error = yield* Effect.flip(get.pipe(Effect.provide(programOf(settingsFor(vault, { auth })))))
      assert.match(textOf(error), expected)
    })
  )

  it.live("is said of a file that cannot be used: missing, empty, a folder", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const empty = join(folder, "empty")
      writeFileSync(empty, "\n")
      for (const [file, why] of [
        [join(folder, "missing"), "it does not exist"],
        [empty, "it is empty"],
        [folder, "it is a folder"]
      ] as const) {
        const auth = { method: "jwt", mount: "jwt", role: "app", jwt: { file } } as const
        const settings = settingsFor({ url: new URL("http://127.0.0.1:1"), rootToken: "t" }, { auth })
        const error = yield* Effect.flip(get.pipe(Effect.provide(programOf(settings))))
        assert.include(error.message, `there is no JWT to log in with in ${file} (${why})`)
        assert.include(textOf(error), "vaultAuth")
      }
    })
  )

  it.live("is said without what was sent", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      const text = JSON.stringify({ errors: ["no such secret: hunter2"] })
      vault.fault("answer", { match: /auth/, status: 400, text })
      const auth = {
        method: "approle",
        mount: "approle",
        roleId: "role",
        secretId: Redacted.make("hunter2")
      } as const
      const error = yield* Effect.flip(get.pipe(Effect.provide(programOf(settingsFor(vault, { auth })))))
      assert.include(error.message, "no such secret: ***")
    })
  )
})

it.effect("the namespace is part of the place", () =>
  Effect.gen(function* () {
    const settings = settingsFor(
      { url: new URL("http://127.0.0.1:1"), rootToken: "t" },
      { namespace: "team/project" }
    )
    const { location } = yield* CredentialStore.use(({ description }) => Effect.succeed(description)).pipe(
      Effect.provide(programOf(settings))
    )
    assert.strictEqual(location, "http://127.0.0.1:1 (namespace team/project) secret/mcp-cli/oauth")
  })
)

describe("a certificate or key of the settings", () => {
  const tls = { caCert: undefined, clientCert: undefined, clientKey: undefined, skipVerify: false }

  it.live("that cannot be used is named", () =>
    Effect.gen(function* () {
      const { certificate, key } = yield* selfSigned
      const other = yield* selfSigned
      const folder = yield* temporaryFolder
      const locked = join(folder, "locked.pem")
      execFileSync("openssl", ["ec", "-in", key, "-aes256", "-passout", "pass:x", "-out", locked], {
        stdio: "ignore"
      })
      const client = { clientCert: certificate, clientKey: key }
      const cases: ReadonlyArray<readonly [Partial<VaultSettings["tls"]>, RegExp]> = [
        [{ caCert: key }, /VAULT_CACERT names holds no certificate/],
        [{ caCert: join(folder, "missing") }, /VAULT_CACERT names cannot be read \(ENOENT\)/],
        [{ caCertText: "nonsense" }, /: VAULT_CACERT_BYTES holds no certificate/],
        [{ caPath: folder }, /VAULT_CAPATH names holds no certificate/],
        [{ caPath: join(folder, "missing") }, /VAULT_CAPATH names cannot be read/],
        [{ ...client, clientCert: key }, /VAULT_CLIENT_CERT names holds no certificate.*VAULT_CLIENT_CERT/],
        [
          { ...client, clientKey: certificate },
          /VAULT_CLIENT_KEY names holds no private key.*VAULT_CLIENT_KEY/
        ],
        [{ ...client, clientKey: other.key }, /VAULT_CLIENT_KEY names holds a key that does not belong to/],
        [{ ...client, clientKey: locked }, /VAULT_CLIENT_KEY names holds a key with a passphrase/]
      ]
      for (const [changes, expected] of cases) {
        const settings = settingsFor(
          { url: new URL("https://127.0.0.1:1"), rootToken: "t" },
          { tls: { ...tls, ...changes } }
        )
        assert.match(textOf(yield* Effect.flip(get.pipe(Effect.provide(programOf(settings))))), expected)
      }
    })
  )

  it.live("of an authority may be in a file, a variable or a folder", () =>
    Effect.gen(function* () {
      const { certificate, key } = yield* selfSigned
      const cert = readFileSync(certificate, "utf8")
      const vault = yield* vaultDouble({ tls: { key: readFileSync(key, "utf8"), cert } })
      const folder = yield* temporaryFolder
      writeFileSync(join(folder, "a.txt"), "no certificate")
      writeFileSync(join(folder, "b.pem"), `a comment\n${cert}`)
      for (const changes of [{ caCert: certificate }, { caCertText: cert }, { caPath: folder }]) {
        yield* get.pipe(Effect.provide(programOf(settingsFor(vault, { tls: { ...tls, ...changes } }))))
      }
      // The file counts before the variables, as for Vault's own command line.
      const wrong = yield* selfSigned
      const both = { ...tls, caCert: wrong.certificate, caCertText: cert }
      const error = yield* Effect.flip(get.pipe(Effect.provide(programOf(settingsFor(vault, { tls: both })))))
      assert.match(error.message, /certificate is not trusted/)
    })
  )

  it.live("of a client is asked for by name", () =>
    Effect.gen(function* () {
      const { certificate, key } = yield* selfSigned
      const cert = readFileSync(certificate, "utf8")
      const vault = yield* vaultDouble({
        tls: { key: readFileSync(key, "utf8"), cert },
        requestClientCert: { ca: cert }
      })
      const settings = settingsFor(vault, { tls: { ...tls, caCert: certificate } })
      const error = yield* Effect.flip(get.pipe(Effect.provide(programOf(settings))))
      assert.match(textOf(error), /it requires a client certificate .*VAULT_CLIENT_CERT/)
    })
  )
})

describe("a failed connection", () => {
  // The codes that Node has for the alerts of Go, OpenSSL and Java, and for its own checks.
  it.each([
    [
      "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
      false,
      "client certificate",
      /requires a client certificate/
    ],
    ["ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE", false, "client certificate", /requires a client certificate/],
    ["ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE", true, "client certificate", /rejects the client certificate/],
    ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", true, "client certificate", /rejects the client certificate/],
    ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED", true, "client certificate", /rejects the client certificate/],
    ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN", true, "client certificate", /rejects the client certificate/],
    ["ERR_SSL_TLSV1_ALERT_ACCESS_DENIED", true, "client certificate", /rejects the client certificate/],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", true, "certificate", /its TLS certificate is not trusted/],
    ["CERT_HAS_EXPIRED", false, "certificate", /its TLS certificate is not trusted/],
    ["ERR_TLS_CERT_ALTNAME_INVALID", false, "certificate", /its TLS certificate is not trusted/],
    ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", false, "certificate", /handshake/],
    ["ERR_SSL_WRONG_VERSION_NUMBER", false, "scheme", /does not speak https/],
    ["ECONNRESET", true, "unreachable", /the connection broke/]
  ] as const)("%s is named (with a client certificate: %s)", (code, hasCertificate, problem, text) => {
    const [found, detail] = connectionProblem(code, hasCertificate)
    assert.strictEqual(found, problem)
    assert.match(detail, text)
  })
})
