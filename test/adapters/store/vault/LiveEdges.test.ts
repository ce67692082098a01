import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Redacted } from "effect"
import { CredentialKey } from "../../../../src/domain/CredentialKey.ts"
import type { VaultSettings } from "../../../../src/ports/Configuration.ts"
import { CredentialLock } from "../../../../src/ports/CredentialLock.ts"
import { CredentialStore } from "../../../../src/ports/CredentialStore.ts"
import { credentialWith } from "../../../contract/CredentialStoreContract.ts"
import { fieldOf } from "../../../../src/adapters/store/vault/JsonFields.ts"
import { hasVault, liveVault, startVaultNode } from "../../../servers/OpenBao.ts"
import { shared } from "../../../servers/shared.ts"
import { programOf, selfSigned, settingsFor } from "./VaultWorld.ts"

const notion = CredentialKey.of("notion")
const get = CredentialStore.use((store) => store.get(notion))
const put = CredentialStore.use((store) => store.put(notion, credentialWith("one")))
const unlock = CredentialStore.use((store) => store.unlock)
const noTls = { caCert: undefined, clientCert: undefined, clientKey: undefined, skipVerify: false }

describe.skipIf(!hasVault)("a live Vault (needs scripts/test-servers.sh)", () => {
  const vault = shared(liveVault)

  /** A mount of its own, and the keys of all that is in it. */
  const mounted = (version: 1 | 2, config?: object) =>
    Effect.promise(async () => {
      const mountPoint = `edges-${crypto.randomUUID()}`
      await vault().send("POST", `sys/mounts/${mountPoint}`, {
        type: "kv",
        options: { version: String(version) }
      })
      if (config !== undefined) await vault().send("POST", `${mountPoint}/config`, config)
      const all = async (path: string): Promise<ReadonlyArray<string>> => {
        const { body } = await vault().ask("GET", `${mountPoint}/${path}?list=true`)
        const keys = (fieldOf(body, "data", "keys") ?? []) as ReadonlyArray<string>
        const below = keys.map((key) => (key.endsWith("/") ? all(`${path}${key}`) : [`${path}${key}`]))
        return (await Promise.all(below)).flat()
      }
      return { mountPoint, left: () => all(version === 2 ? "metadata/" : "") }
    })

  /** Settings with a token of its own. */
  const withToken = (mountPoint: string, token: object) =>
    Effect.promise(async () => {
      const { body } = await vault().send("POST", "auth/token/create", token)
      const made = Redacted.make(String(fieldOf(body, "auth", "client_token")))
      return settingsFor(vault(), {
        mountPoint,
        auth: { method: "token", token: made, tokenFile: undefined }
      })
    })

  const policy = (name: string, rules: Readonly<Record<string, ReadonlyArray<string>>>) =>
    Effect.promise(() =>
      vault().send("PUT", `sys/policies/acl/${name}`, {
        policy: JSON.stringify({
          path: Object.fromEntries(
            Object.entries(rules).map(([path, capabilities]) => [path, { capabilities }])
          )
        })
      })
    )

  it.live.each([
    [1, 2],
    [2, 1]
  ] as const)(
    "is never signed out, nor written to, as version %i if it is of version %i",
    ([kvVersion, actual]) =>
      Effect.gen(function* () {
        const { left, mountPoint } = yield* mounted(actual)
        const attempts = [
          get,
          put,
          unlock,
          CredentialStore.use((store) => store.list),
          CredentialStore.use((store) => store.remove(notion)),
          CredentialLock.use((lock) => lock.withLock(notion, "refresh")(get))
        ]
        for (const attempt of attempts) {
          const program = Effect.provide(programOf(settingsFor(vault(), { kvVersion, mountPoint })))
          const error = yield* program(Effect.flip(Effect.asVoid(attempt as typeof get)))
          assert.include(error.message, `is of version ${actual}, and vaultKvVersion says ${kvVersion}`)
        }
        assert.deepStrictEqual(yield* Effect.promise(left), [])
      })
  )

  it.live("says that a mount deletes what is written, once", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const log = Logger.layer([Logger.make(({ message }) => void lines.push(message))])
      for (const [after, warnings] of [
        ["1h", 1],
        ["0s", 0]
      ] as const) {
        const { mountPoint } = yield* mounted(2, { delete_version_after: after })
        const program = programOf(settingsFor(vault(), { mountPoint }))
        yield* Effect.andThen(unlock, put).pipe(Effect.provide(Layer.merge(program, log)))
        const deletions = lines.splice(0).filter((line) => /delete_version_after/.test(String(line)))
        assert.lengthOf(deletions, warnings, after)
      }
    })
  )

  it.live.each([
    ["few uses", { num_uses: 9 }, /the token ends after \d more uses?/],
    ["seconds left", { ttl: "9s", renewable: false }, /the token ends in \d seconds/],
    [
      "seconds left, whatever renews it",
      { ttl: "20s", explicit_max_ttl: "30s", renewable: true },
      /the token ends in \d+ seconds/
    ],
    ["seconds left until it is renewed", { ttl: "5s", renewable: true }, /the token ends in \d seconds/]
  ] as const)("is told before a sign-in that the token has %s", ([, token, expected]) =>
    Effect.gen(function* () {
      const { left, mountPoint } = yield* mounted(2)
      const settings = yield* withToken(mountPoint, token)
      const error = yield* Effect.flip(unlock.pipe(Effect.provide(programOf(settings))))
      assert.match(error.message, expected)
      assert.deepStrictEqual(yield* Effect.promise(left), [])
    })
  )

  it.live.each([
    ...Array.from({ length: 14 }, (_, uses) => [`${uses + 1} uses`, { num_uses: uses + 1 }] as const),
    ["a lifetime shorter than that of a lease", { ttl: "20s", renewable: false }, false],
    ["a lifetime that is renewed", { ttl: "20s", renewable: true }, true]
  ] as const)("never lets a refresh begin whose tokens cannot be stored: %s", ([, token, mayBegin]) =>
    Effect.gen(function* () {
      const { mountPoint } = yield* mounted(2)
      yield* put.pipe(Effect.provide(programOf(settingsFor(vault(), { mountPoint }))))
      const settings = yield* withToken(mountPoint, token)
      let isSent = false
      const refresh = Effect.gen(function* () {
        const store = yield* CredentialStore
        yield* store.get(notion)
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* store.reserve?.(notion, credentialWith("one")) ?? Effect.void
            isSent = true
            yield* store.put(notion, credentialWith("two", 2))
          })
        )
      })
      const locked = CredentialLock.use((lock) => lock.withLock(notion, "refresh")(refresh))
      const result = yield* Effect.result(locked.pipe(Effect.provide(programOf(settings))))
      assert.strictEqual(isSent, result._tag === "Success")
      if (mayBegin !== undefined) assert.strictEqual(isSent, mayBegin)
    })
  )

  it.live.each([
    ["without a limit", {}],
    ["with many uses", { num_uses: 1000 }],
    ["that is renewed in time", { ttl: "30s", renewable: true }],
    ["that is renewed for an hour", { ttl: "30s", explicit_max_ttl: "1h", renewable: true }]
  ] as const)("accepts a token %s", ([, token]) =>
    Effect.gen(function* () {
      const { left, mountPoint } = yield* mounted(2)
      yield* unlock.pipe(Effect.provide(programOf(yield* withToken(mountPoint, token))))
      assert.deepStrictEqual(yield* Effect.promise(left), [])
    })
  )

  it.live.each(["create", "read", "delete"] as const)(
    "keeps no test record if the token may not %s",
    (missing) =>
      Effect.gen(function* () {
        const { left, mountPoint } = yield* mounted(2)
        const may = ["create", "read", "update", "delete"].filter((one) => one !== missing)
        yield* policy(mountPoint, { [`${mountPoint}/*`]: may })
        const settings = yield* withToken(mountPoint, { policies: [mountPoint] })
        const error = yield* Effect.flip(unlock.pipe(Effect.provide(programOf(settings))))
        assert.match(error.message, /the token may not (read|write|delete)/)
        assert.deepStrictEqual(yield* Effect.promise(left), [])
      })
  )

  it.live("forgets test records of runs that were killed with everything else", () =>
    Effect.gen(function* () {
      const { left, mountPoint } = yield* mounted(2)
      const killed = `${mountPoint}/data/mcp-cli/oauth/%23killed`
      yield* Effect.promise(() => vault().send("POST", killed, { data: { canary: "killed" } }))
      const clear = CredentialStore.use((store) => store.clear)
      yield* Effect.andThen(put, clear).pipe(Effect.provide(programOf(settingsFor(vault(), { mountPoint }))))
      assert.deepStrictEqual(yield* Effect.promise(left), [])
    })
  )

  it.live.each([
    [1, /version 1 has no check-and-set/],
    [2, undefined]
  ] as const)("says what version %i cannot protect from", ([version, expected]) =>
    Effect.gen(function* () {
      const { mountPoint } = yield* mounted(version)
      const cautions = CredentialStore.use(({ description }) => description.cautions ?? Effect.succeed([]))
      const found = yield* cautions.pipe(Effect.provide(programOf(settingsFor(vault(), { mountPoint }))))
      assert.lengthOf(found, expected === undefined ? 0 : 1)
      if (expected !== undefined) assert.match(found[0] ?? "", expected)
    })
  )

  it.live("says in its own words why it refuses a login", () =>
    Effect.gen(function* () {
      yield* Effect.promise(() => vault().ask("POST", "sys/auth/approle", { body: { type: "approle" } }))
      const auth = { method: "approle", mount: "approle", roleId: "none", secretId: undefined } as const
      const error = yield* Effect.flip(get.pipe(Effect.provide(programOf(settingsFor(vault(), { auth })))))
      assert.include(error.message, "it refused the login at auth/approle (invalid role or secret ID)")
    })
  )
})

describe.skipIf(!hasVault)("a live Vault with mutual TLS (needs scripts/test-servers.sh)", () => {
  it.live("says what is wrong with the certificate of the client, and with the scheme", () =>
    Effect.gen(function* () {
      const { certificate, key } = yield* selfSigned
      const other = yield* selfSigned
      const vault = yield* startVaultNode({ tls: { certificate, key, clientCa: certificate } })
      const asked = (tls: Partial<VaultSettings["tls"]>, url = vault.url) => {
        const settings = settingsFor(vault, { url, tls: { ...noTls, caCert: certificate, ...tls } })
        return get.pipe(Effect.provide(programOf(settings)))
      }
      yield* asked({ clientCert: certificate, clientKey: key })
      const cases = [
        [{}, /it requires a client certificate/],
        [{ clientCert: other.certificate, clientKey: other.key }, /it rejects the client certificate/],
        [
          { clientCert: certificate, clientKey: other.key },
          /VAULT_CLIENT_KEY names holds a key that does not belong/
        ]
      ] as const
      for (const [tls, expected] of cases) assert.match((yield* Effect.flip(asked(tls))).message, expected)
      const plain = yield* Effect.flip(asked({}, new URL(vault.url.href.replace("https:", "http:"))))
      assert.match(plain.message, /it speaks https, not http/)
    })
  )
})
