import { assert, describe, it } from "@effect/vitest"
import { generateKeyPairSync, randomUUID, sign } from "node:crypto"
import { readFileSync } from "node:fs"
import { Effect, Fiber, Layer, Option, Queue, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryLock from "../../../../src/adapters/lock/MemoryLock.ts"
import { fieldOf } from "../../../../src/adapters/store/vault/JsonFields.ts"
import * as VaultStore from "../../../../src/adapters/store/vault/VaultStore.ts"
import { CredentialKey } from "../../../../src/domain/CredentialKey.ts"
import type { VaultAuth, VaultSettings } from "../../../../src/ports/Configuration.ts"
import { CredentialLock } from "../../../../src/ports/CredentialLock.ts"
import { CredentialStore } from "../../../../src/ports/CredentialStore.ts"
import { credentialWith } from "../../../contract/CredentialStoreContract.ts"
import { startVaultNode, vaultProgram } from "../../../servers/OpenBao.ts"
import { shared } from "../../../servers/shared.ts"
import { programOf, selfSigned, settingsFor } from "./VaultWorld.ts"

const notion = CredentialKey.of("notion")
const get = CredentialStore.use((store) => store.get(notion))
const put = (text: string, generation = 1) =>
  CredentialStore.use((store) => store.put(notion, credentialWith(text, generation)))
const locked = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  CredentialLock.use((lock) => lock.withLock(notion, "refresh")(effect))

/** The policy that docs/vault.md recommends, one line a rule. */
const documentedPolicy = readFileSync("docs/vault.md", "utf8").match(/^path "secret\/.+\}/gm) ?? []

/** All that a program does with a store. */
const everything = Effect.gen(function* () {
  const store = yield* CredentialStore
  yield* store.unlock
  yield* put("one")
  yield* locked(put("two", 2))
  assert.lengthOf(yield* store.list, 1)
  assert.strictEqual(Option.getOrThrow(yield* get).generation, 2)
  assert.isTrue(yield* store.remove(notion))
})

const base64 = (value: string | Buffer) => Buffer.from(value).toString("base64url")

describe.skipIf(vaultProgram === undefined)("a live Vault over TLS (needs scripts/test-servers.sh)", () => {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" })
  /** A token of a workload, as a CI system issues it. */
  const workload = (() => {
    const claims = { sub: "workload", aud: "vault", nbf: 1_600_000_000, exp: 4_102_444_800 }
    const signed = `${base64('{"alg":"ES256"}')}.${base64(JSON.stringify(claims))}`
    const dsaEncoding = "ieee-p1363" as const
    const signature = sign("sha256", Buffer.from(signed), { key: keys.privateKey, dsaEncoding })
    return `${signed}.${base64(signature)}`
  })()
  const server = shared(
    Effect.gen(function* () {
      const tls = yield* selfSigned
      const vault = yield* startVaultNode({ tls })
      const send = (path: string, body: object) => Effect.promise(() => vault.send("POST", path, body))
      yield* send("sys/policies/acl/readme", { policy: documentedPolicy.join("\n") })
      const role = { token_policies: ["readme"], token_ttl: "1h" }
      yield* send("sys/auth/approle", { type: "approle" })
      yield* send("auth/approle/role/cli", role)
      yield* send("auth/approle/role/short", { ...role, token_ttl: "1s", token_max_ttl: "1s" })
      yield* send("sys/auth/jwt", { type: "jwt" })
      const publicKey = keys.publicKey.export({ format: "pem", type: "spki" })
      yield* send("auth/jwt/config", { jwt_validation_pubkeys: [publicKey] })
      const claims = { role_type: "jwt", user_claim: "sub", bound_audiences: ["vault"] }
      yield* send("auth/jwt/role/cli", { ...role, ...claims })
      return { vault, certificate: tls.certificate, send }
    })
  )
  const settings = (changes: Partial<VaultSettings> = {}) => {
    const { certificate, vault } = server()
    const tls = { caCert: certificate, clientCert: undefined, clientKey: undefined, skipVerify: false }
    return settingsFor(vault, { tls, ...changes })
  }
  const appRole = (role: string) =>
    Effect.promise(async (): Promise<VaultAuth> => {
      const { vault } = server()
      const id = await vault.send("GET", `auth/approle/role/${role}/role-id`)
      const secret = await vault.send("POST", `auth/approle/role/${role}/secret-id`, {})
      return {
        method: "approle",
        mount: "approle",
        roleId: String(fieldOf(id.body, "data", "role_id")),
        secretId: Redacted.make(String(fieldOf(secret.body, "data", "secret_id")))
      }
    })
  const jwt = (text: string): VaultAuth => ({
    method: "jwt",
    mount: "jwt",
    role: "cli",
    jwt: Redacted.make(text)
  })
  /** The accessors of the tokens that live. */
  const tokens = Effect.promise(async () => {
    const { body } = await server().vault.send("GET", "auth/token/accessors?list=true")
    return new Set(fieldOf(body, "data", "keys") as ReadonlyArray<string>)
  })
  const newToken = (body: object) =>
    Effect.map(server().send("auth/token/create", body), (reply) => ({
      auth: {
        method: "token",
        token: Redacted.make(String(fieldOf(reply.body, "auth", "client_token"))),
        tokenFile: undefined
      } satisfies VaultAuth,
      accessor: String(fieldOf(reply.body, "auth", "accessor"))
    }))

  it.live.each<readonly [string, Effect.Effect<VaultAuth>]>([
    ["an AppRole", Effect.suspend(() => appRole("cli"))],
    ["the JWT of a workload", Effect.sync(() => jwt(workload))]
  ])("lets %s do all that the policy of docs/vault.md allows, and loses the token at the end", ([, login]) =>
    Effect.gen(function* () {
      const auth = yield* login
      const before = yield* tokens
      yield* everything.pipe(Effect.provide(programOf(settings({ auth }))))
      assert.deepStrictEqual(yield* tokens, before)
    })
  )

  it.live.each<readonly [string, Effect.Effect<VaultAuth>]>([
    [
      "a wrong secret of an AppRole",
      Effect.suspend(() =>
        Effect.map(appRole("cli"), (auth) => ({ ...auth, secretId: Redacted.make(randomUUID()) }))
      )
    ],
    ["a JWT with another signature", Effect.sync(() => jwt(workload.replace(/[^.]{8}$/, "AAAAAAAA")))]
  ])("refuses %s", ([, login]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(get.pipe(Effect.provide(programOf(settings({ auth: yield* login })))))
      assert.include(error.message, "it refused the login")
    })
  )

  it.live("needs every rule of the policy but the one for mounts with several versions", () =>
    Effect.gen(function* () {
      assert.lengthOf(documentedPolicy, 3)
      for (const left of documentedPolicy) {
        const name = randomUUID()
        const policy = documentedPolicy.filter((rule) => rule !== left).join("\n")
        yield* server().send(`sys/policies/acl/${name}`, { policy })
        const { auth } = yield* newToken({ policies: [name] })
        const result = yield* Effect.result(everything.pipe(Effect.provide(programOf(settings({ auth })))))
        assert.strictEqual(result._tag, left.includes("destroy") ? "Success" : "Failure", left)
      }
    })
  )

  it.live("is logged in to again by a program whose token has expired", () =>
    Effect.gen(function* () {
      const auth = yield* appRole("short")
      const before = yield* tokens
      yield* Effect.gen(function* () {
        yield* get
        const first = [...(yield* tokens)].find((accessor) => !before.has(accessor))
        assert.isDefined(first)
        // The server says when the second is over.
        while ((yield* tokens).has(first ?? "")) yield* Effect.yieldNow
        assert.isTrue(Option.isNone(yield* get))
      }).pipe(Effect.provide(programOf(settings({ auth }))))
    })
  )

  it.live("renews the token of a program that runs for long", () =>
    Effect.gen(function* () {
      const { accessor, auth } = yield* newToken({ policies: ["readme"], ttl: "1h", renewable: true })
      const renewed = Effect.map(server().send("auth/token/lookup-accessor", { accessor }), ({ body }) =>
        fieldOf(body, "data", "last_renewal_time")
      )
      yield* Effect.gen(function* () {
        yield* get
        assert.isUndefined(yield* renewed)
        while ((yield* renewed) === undefined) yield* TestClock.adjust("1 minute")
      }).pipe(Effect.provide(Layer.provideMerge(programOf(settings({ auth })), TestClock.layer())))
      assert.isNumber(yield* renewed)
    })
  )

  it.live("is not spoken to if its certificate is of an authority that is not named", () =>
    Effect.gen(function* () {
      const tls = { caCert: undefined, clientCert: undefined, clientKey: undefined, skipVerify: false }
      const error = yield* Effect.flip(get.pipe(Effect.provide(programOf(settings({ tls })))))
      assert.include(error.message, "its TLS certificate is not trusted")
    })
  )

  it.live("says that it is sealed, and gets what was to be stored once it is unsealed", () =>
    Effect.gen(function* () {
      const { vault } = server()
      const told = yield* Queue.unbounded<string>()
      const program = VaultStore.layer(settings(), (line) => Effect.asVoid(Queue.offer(told, line))).pipe(
        Layer.provide(MemoryLock.layer)
      )
      yield* Effect.gen(function* () {
        yield* put("old")
        yield* locked(
          Effect.gen(function* () {
            yield* Effect.promise(() => vault.seal())
            const writing = yield* Effect.forkChild(put("refreshed", 2))
            assert.include(yield* Queue.take(told), "it is sealed")
            yield* Effect.promise(() => vault.unseal())
            yield* Fiber.join(writing)
          })
        )
        assert.strictEqual(Option.getOrThrow(yield* get).generation, 2)
        yield* Effect.promise(() => vault.seal())
        assert.include((yield* Effect.flip(get)).message, "it is sealed")
      }).pipe(Effect.provide(program))
      yield* Effect.promise(() => vault.unseal())
    })
  )
})
