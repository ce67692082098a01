import { assert, describe, it } from "@effect/vitest"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Clock, ConfigProvider, Deferred, Effect, Fiber, Layer, Option, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import { errorText } from "../../../../src/app/cli/RemedyText.ts"
import { CredentialKey } from "../../../../src/domain/CredentialKey.ts"
import type { VaultSettings } from "../../../../src/ports/Configuration.ts"
import { CredentialLock } from "../../../../src/ports/CredentialLock.ts"
import { CredentialStore, type StorageError } from "../../../../src/ports/CredentialStore.ts"
import { credentialWith } from "../../../contract/CredentialStoreContract.ts"
import type { FaultKind, FaultOptions, VaultServer } from "../../../servers/VaultServer.ts"
import { temporaryFolder } from "../../TemporaryFolder.ts"
import { programOf, selfSigned, settingsFor, vaultDouble } from "./VaultWorld.ts"

const notion = CredentialKey.of("notion")
const path = "mcp-cli/oauth/notion"
const put = (text: string, generation = 1) =>
  CredentialStore.use((store) => store.put(notion, credentialWith(text, generation)))
const get = CredentialStore.use((store) => store.get(notion))
const locked = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  CredentialLock.use((lock) => lock.withLock(notion, "refresh")(effect))

/** What kind of trouble with Vault an error tells of. */
const problemOf = ({ reason }: StorageError) =>
  reason._tag === "VaultFailure" ? reason.problem : reason._tag

const recordOf = (vault: VaultServer) => vault.versions("secret", path)

/** "METHOD path" of what was asked. */
const seen = (vault: VaultServer) => vault.requests.map((request) => `${request.method} ${request.path}`)

describe("a record in Vault", () => {
  it.live("is the only version that is kept", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      yield* Effect.gen(function* () {
        for (const text of ["one", "two", "three"]) yield* put(text)
      }).pipe(Effect.provide(programOf(settingsFor(vault))))
      const kept = JSON.stringify(recordOf(vault))
      assert.lengthOf(recordOf(vault), 1)
      assert.include(kept, "refresh of three")
      assert.notInclude(kept, "refresh of two")
      assert.deepStrictEqual(vault.violations, [])
    })
  )

  it.live("is the only version that can be read, even where the mount keeps more", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      vault.mount("team", { type: "kv", version: 2, maxVersions: 5 })
      yield* Effect.gen(function* () {
        for (const text of ["one", "two", "three"]) yield* locked(put(text))
      }).pipe(Effect.provide(programOf(settingsFor(vault, { mountPoint: "team" }))))
      const kept = JSON.stringify(vault.versions("team", path))
      assert.include(kept, "refresh of three")
      assert.notInclude(kept, "refresh of two")
      assert.deepStrictEqual(vault.violations, [])
    })
  )

  it.live("is removed with all that is known of it", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      yield* Effect.gen(function* () {
        yield* put("one")
        assert.isTrue(yield* CredentialStore.use((store) => store.remove(notion)))
      }).pipe(Effect.provide(programOf(settingsFor(vault))))
      assert.deepStrictEqual(vault.paths("secret"), [])
      assert.include(seen(vault), `DELETE secret/metadata/${path}`)
    })
  )

  it.live("is found again after its version was deleted by hand", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      yield* Effect.gen(function* () {
        yield* put("one")
        yield* Effect.promise(() =>
          fetch(new URL(`/v1/secret/data/${path}`, vault.url), {
            method: "DELETE",
            headers: { "x-vault-token": vault.rootToken, "x-vault-request": "true" }
          })
        )
        assert.isTrue(Option.isNone(yield* get))
        yield* put("two")
        assert.isTrue(Option.isSome(yield* get))
      }).pipe(Effect.provide(programOf(settingsFor(vault))))
    })
  )

  it.live("stays below the prefix, whatever its server is called", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      yield* Effect.gen(function* () {
        const store = yield* CredentialStore
        for (const name of ["../../sys/x", "..", "a/../../b", "%2e%2e", "x?list=true", "x#y"]) {
          yield* store.put(CredentialKey.of(name), credentialWith(name))
          assert.isTrue(Option.isSome(yield* store.get(CredentialKey.of(name))))
        }
      }).pipe(Effect.provide(programOf(settingsFor(vault))))
      assert.isTrue(vault.paths("secret").every((name) => /^mcp-cli\/oauth\/[^/]+$/.test(name)))
      assert.deepStrictEqual(vault.violations, [])
    })
  )

  it.live("is kept in a mount of several segments, and in a part of one", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      vault.mount("teams/tools", { type: "kv", version: 2 })
      yield* put("one").pipe(Effect.provide(programOf(settingsFor(vault, { mountPoint: "teams/tools" }))))
      assert.deepStrictEqual(vault.paths("teams/tools"), [path])
      yield* put("two").pipe(Effect.provide(programOf(settingsFor(vault, { mountPoint: "secret/deep" }))))
      assert.deepStrictEqual(vault.paths("secret"), [`deep/${path}`])
    })
  )

  it.live("is written without asking for the version where that is fixed", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      const token = Redacted.make(
        vault.createToken({
          policies: [
            { path: "secret/data/mcp-cli/oauth/*", capabilities: ["create", "read", "update"] },
            {
              path: "secret/metadata/mcp-cli/oauth/*",
              capabilities: ["create", "read", "update", "delete", "list"]
            }
          ]
        })
      )
      const auth = { method: "token", token, tokenFile: undefined } as const
      const program = Effect.provide(programOf(settingsFor(vault, { kvVersion: 2, auth })))
      yield* program(put("one"))
      const before = vault.requests.length
      yield* program(Effect.andThen(put("two"), get))
      assert.isTrue(
        seen(vault)
          .slice(before)
          .every((request) => !request.includes("sys/"))
      )
    })
  )
})

describe("the policy of docs/vault.md", () => {
  const policies = Array.from(
    readFileSync("docs/vault.md", "utf8").matchAll(/^path "([^"]+)" \{ capabilities = \[([^\]]+)\] \}/gm),
    ([, rule = "", capabilities = ""]) => ({
      path: rule,
      capabilities: capabilities.split(",").map((text) => text.trim().replaceAll('"', "") as "read")
    })
  )

  it.live("is enough, and nothing in it is too much", () =>
    Effect.gen(function* () {
      assert.lengthOf(policies, 3)
      const everything = Effect.gen(function* () {
        const store = yield* CredentialStore
        yield* store.unlock
        yield* put("one")
        yield* locked(put("two", 2))
        assert.lengthOf(yield* store.list, 1)
        assert.isTrue(yield* store.remove(notion))
      })
      const attempt = (rules: typeof policies) =>
        Effect.gen(function* () {
          const vault = yield* vaultDouble()
          const token = Redacted.make(vault.createToken({ policies: rules }))
          const auth = { method: "token", token, tokenFile: undefined } as const
          return yield* Effect.result(
            everything.pipe(Effect.provide(programOf(settingsFor(vault, { auth }))))
          )
        })
      assert.strictEqual((yield* attempt(policies))._tag, "Success")
      for (const left of policies.filter((rule) => !rule.path.includes("destroy"))) {
        const rest = yield* attempt(policies.filter((rule) => rule !== left))
        assert.strictEqual(rest._tag, "Failure", left.path)
      }
    })
  )
})

describe("a Vault that falters", () => {
  const passing: ReadonlyArray<readonly [FaultKind, FaultOptions]> = [
    ["drop", {}],
    ["500", {}],
    ["502", {}],
    ["412", {}],
    ["429", {}],
    ["429", { retryAfter: 1 }],
    ["472", {}],
    ["473", {}],
    ["sealed", {}],
    ["upgrading", {}],
    ["drop after", { match: /POST secret\/data/ }],
    ["conflict", { match: /POST secret\/data/ }],
    ["drop", { match: /POST/, times: 2 }]
  ]

  it.live.each(passing)("is asked again after %o %o", ([kind, options]) =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      vault.fault(kind, options)
      yield* Effect.gen(function* () {
        yield* put("kept")
        assert.isTrue(Option.isSome(yield* get))
      }).pipe(Effect.provide(programOf(settingsFor(vault))))
      assert.deepStrictEqual(vault.violations, [])
    })
  )

  it.live("that is sealed half-way leaves the old record whole", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      yield* Effect.gen(function* () {
        yield* put("old")
        vault.fault("sealed", { match: /POST/, times: 4 })
        assert.strictEqual(problemOf(yield* Effect.flip(put("new"))), "sealed")
        assert.include(JSON.stringify(recordOf(vault)), "refresh of old")
        yield* put("new")
      }).pipe(Effect.provide(programOf(settingsFor(vault))))
    })
  )

  it.effect("is not waited for longer than it is worth", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      vault.fault("429", { retryAfter: 3600, times: 100 })
      const error = yield* Effect.flip(get.pipe(Effect.provide(programOf(settingsFor(vault)))))
      assert.strictEqual(problemOf(error), "rate limited")
      assert.lengthOf(seen(vault), 1)
    })
  )

  it.live(
    "is refused what it must not do: redirect to https or twice, answer without end, answer nonsense",
    () =>
      Effect.gen(function* () {
        const vault = yield* vaultDouble()
        const asked = Effect.flip(get.pipe(Effect.provide(programOf(settingsFor(vault)))))
        vault.fault("redirect", { to: new URL(vault.url.href.replace("http:", "https:")) })
        assert.strictEqual(problemOf(yield* asked), "redirect")
        vault.fault("redirect", { to: vault.url, times: 2 })
        assert.strictEqual(problemOf(yield* asked), "redirect")
        vault.fault("endless")
        assert.strictEqual(problemOf(yield* asked), "unexpected")
        vault.fault("bad JSON")
        assert.strictEqual(problemOf(yield* asked), "unexpected")
        for (const hostile of ["many values", "deep"] as const) {
          vault.fault(hostile)
          const error = yield* asked
          assert.strictEqual(problemOf(error), "unexpected")
          assert.include(error.message, "too large or nested too deeply")
        }
      })
  )

  it.live("through a standby that never catches up gives what this process has written", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      yield* put("old").pipe(Effect.provide(programOf(settingsFor(vault))))
      const standby = yield* Effect.acquireRelease(
        Effect.promise(() => vault.startStandby()),
        ({ close }) => Effect.promise(close)
      )
      const settings = settingsFor({ url: standby.url, rootToken: vault.rootToken })
      yield* Effect.gen(function* () {
        for (const [generation, text] of ["one", "two", "three"].entries()) {
          yield* locked(put(text, generation + 2))
          assert.strictEqual(Option.getOrThrow(yield* get).generation, generation + 2)
        }
      }).pipe(Effect.provide(programOf(settings)))
      assert.include(JSON.stringify(recordOf(vault)), "refresh of three")
    })
  )

  it.live("may redirect once, to itself", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      vault.fault("redirect", { to: vault.url, match: /POST secret\/data/ })
      yield* put("kept").pipe(Effect.provide(programOf(settingsFor(vault))))
      assert.lengthOf(recordOf(vault), 1)
    })
  )
})

describe("what is wrong with Vault is said", () => {
  const problems: ReadonlyArray<
    readonly [string, (vault: VaultServer) => Parameters<typeof settingsFor>[1] | undefined]
  > = [
    ["no mount", () => ({ mountPoint: "nowhere" })],
    [
      "not key-value",
      (vault) => {
        vault.mount("transit", { type: "transit" })
        return { mountPoint: "transit" }
      }
    ],
    ["wrong version", () => ({ kvVersion: 1 })],
    ["namespace", () => ({ namespace: "team" })],
    [
      "token expired",
      (vault) => {
        const token = vault.createToken()
        vault.revoke(token)
        return { auth: { method: "token", token: Redacted.make(token), tokenFile: undefined } }
      }
    ],
    [
      "forbidden",
      (vault) => ({
        auth: {
          method: "token",
          token: Redacted.make(
            vault.createToken({ policies: [{ path: "secret/other", capabilities: ["read"] }] })
          ),
          tokenFile: undefined
        }
      })
    ],
    [
      "no JWT",
      () => ({ auth: { method: "jwt", mount: "jwt", role: "r", jwt: { file: "/nonexistent/jwt" } } })
    ],
    ["no token", () => ({ auth: { method: "token", token: undefined, tokenFile: "/nonexistent/token" } })],
    [
      "login refused",
      (vault) => {
        vault.login({ type: "approle", roleId: "role", secretId: "right" })
        return {
          auth: {
            method: "approle",
            mount: "approle",
            roleId: "role",
            secretId: Redacted.make("a wrong secret id")
          }
        }
      }
    ],
    [
      "sealed",
      (vault) => {
        vault.seal()
        return {}
      }
    ],
    [
      "standby",
      (vault) => {
        vault.standby()
        return {}
      }
    ],
    ["unreachable", () => ({ url: new URL("http://127.0.0.1:1") })],
    ["scheme", (vault) => ({ url: new URL(vault.url.href.replace("http:", "https:")) })]
  ]

  it.live.each(problems)("%s", ([expected, prepare]) =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      const error = yield* Effect.flip(
        put("a secret").pipe(Effect.provide(programOf(settingsFor(vault, prepare(vault)))))
      )
      assert.strictEqual(problemOf(error), expected)
      assert.match(errorText(error), /^Vault at https?:\/\/127\.0\.0\.1:\d+: .+\.\n[A-Z][^]+\.$/)
      for (const secret of [vault.rootToken, "a secret", "secret id"]) {
        assert.notInclude(`${error.message} ${JSON.stringify(error)} ${String(error.stack)}`, secret)
      }
    })
  )
})

describe("the token for Vault", () => {
  it.live("is got by a login, and given back at the end", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      vault.login({ type: "approle", mount: "tools/approle", roleId: "role", secretId: "right" })
      const auth = {
        method: "approle",
        mount: "tools/approle",
        roleId: "role",
        secretId: Redacted.make("right")
      } as const
      yield* put("kept").pipe(Effect.provide(programOf(settingsFor(vault, { auth }))))
      assert.strictEqual(seen(vault).at(0), "POST auth/tools/approle/login")
      assert.strictEqual(seen(vault).at(-1), "POST auth/token/revoke-self")
    })
  )

  it.live("is read from the file that vault login writes", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      const folder = yield* temporaryFolder
      writeFileSync(join(folder, ".vault-token"), `${vault.rootToken}\n`)
      const auth = { method: "token", token: undefined, tokenFile: undefined } as const
      yield* put("kept").pipe(
        Effect.provide(programOf(settingsFor(vault, { auth }))),
        Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({ HOME: folder }))
      )
      const tokenFile = join(folder, "another")
      writeFileSync(tokenFile, vault.rootToken)
      yield* get.pipe(Effect.provide(programOf(settingsFor(vault, { auth: { ...auth, tokenFile } }))))
      assert.deepStrictEqual(vault.violations, [])
    })
  )

  it.live.each(["kubernetes", "jwt"] as const)("is got by %s", (method) =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      const jwt = `${Buffer.from('{"alg":"RS256"}').toString("base64url")}.${Buffer.from("{}").toString("base64url")}.c2ln`
      vault.login({ type: method, role: "tools", jwt })
      const auth = { method, mount: method, role: "tools", jwt: Redacted.make(jwt) } as const
      yield* put("kept").pipe(Effect.provide(programOf(settingsFor(vault, { auth }))))
      assert.deepStrictEqual(vault.violations, [])
    })
  )

  it.live("is never another file that the configuration names", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      const file = join(yield* temporaryFolder, "id_ed25519")
      writeFileSync(file, "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE\n")
      const auths = [
        { method: "token", token: undefined, tokenFile: file },
        { method: "jwt", mount: "jwt", role: "tools", jwt: { file } }
      ] as const
      for (const auth of auths) {
        const error = yield* get.pipe(Effect.provide(programOf(settingsFor(vault, { auth }))), Effect.flip)
        assert.include(error.message, `${file} is not`)
        assert.notInclude(error.message, "b3BlbnNzaC1rZXktdjE")
      }
      assert.deepStrictEqual(seen(vault), [])
    })
  )

  it.live("that was ended is got anew by another login", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      vault.login({ type: "approle", roleId: "role", secretId: "right", token: { ttlSeconds: 60 } })
      const auth = {
        method: "approle",
        mount: "approle",
        roleId: "role",
        secretId: Redacted.make("right")
      } as const
      yield* Effect.gen(function* () {
        yield* put("one")
        vault.advance(61_000)
        yield* put("two")
      }).pipe(Effect.provide(programOf(settingsFor(vault, { auth }))))
      assert.lengthOf(
        seen(vault).filter((request) => request.endsWith("/login")),
        2
      )
    })
  )

  it.effect("is renewed while the program lives", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      const token = Redacted.make(vault.createToken({ ttlSeconds: 60, renewable: true }))
      const auth = { method: "token", token, tokenFile: undefined } as const
      yield* Effect.gen(function* () {
        yield* put("one")
        const renewals = () => seen(vault).filter((request) => request.includes("renew-self")).length
        // The requests are real, and only their waits are the test clock's.
        while (renewals() < 3) {
          yield* TestClock.adjust("1 second")
          yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
        }
        vault.advance(50_000)
        yield* put("two")
      }).pipe(Effect.provide(programOf(settingsFor(vault, { auth }))))
    })
  )
})

describe("the lease on a record", () => {
  it.live("lets one program in at a time, on however many machines", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      yield* put("kept").pipe(Effect.provide(programOf(settingsFor(vault))))
      let inside = 0
      let most = 0
      const visit = Effect.gen(function* () {
        inside += 1
        most = Math.max(most, inside)
        const found = Option.getOrThrow(yield* get)
        yield* put("kept", found.generation + 1)
        inside -= 1
      })
      yield* Effect.forEach(
        Array.from({ length: 5 }),
        () => locked(visit).pipe(Effect.provide(programOf(settingsFor(vault)))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(most, 1)
      const found = yield* get.pipe(Effect.provide(programOf(settingsFor(vault))))
      assert.strictEqual(Option.getOrThrow(found).generation, 6)
      assert.deepStrictEqual(vault.violations, [])
      assert.notInclude(JSON.stringify(recordOf(vault)), "lease")
    })
  )

  it.live("of a record that there is not leaves nothing behind", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      yield* locked(Effect.void).pipe(Effect.provide(programOf(settingsFor(vault))))
      assert.deepStrictEqual(vault.paths("secret"), [])
    })
  )

  /** Runs this while two removals get no answer; another machine writes as soon as the lease has ended. */
  const whileRemovalsHang = <A, E>(
    vault: VaultServer,
    effect: Effect.Effect<A, E, CredentialStore | CredentialLock>,
    kind: "delay" | "delay after" = "delay"
  ) =>
    Effect.gen(function* () {
      const isDone = kind === "delay after"
      const slow = vault.fault(kind, { match: /DELETE secret\/metadata/, times: 2 })
      const first = yield* Effect.forkChild(effect.pipe(Effect.provide(programOf(settingsFor(vault)))))
      const writeOther = Effect.sync(() => {
        assert.notInclude(JSON.stringify(recordOf(vault)), "kept")
        vault.write("secret", path, { record: "of somebody else" })
      })
      let isWritten = false
      while (first.pollUnsafe() === undefined) {
        if (slow.met() === (isDone ? 1 : 2) && !isWritten) {
          if (!isDone) vault.advance(31_000)
          yield* writeOther
          isWritten = true
        }
        yield* TestClock.adjust("1 second")
        yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
      }
      const result = yield* Fiber.join(first)
      if (!isWritten) yield* writeOther
      assert.include(JSON.stringify(recordOf(vault)), "of somebody else")
      return result
    })

  it.effect(
    "of a record that there is not is never given back after its end, by which another may have written",
    () =>
      Effect.gen(function* () {
        yield* whileRemovalsHang(yield* vaultDouble(), locked(Effect.void))
      })
  )

  it.effect("that was removed late takes nothing of what came after it along", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      yield* put("kept").pipe(Effect.provide(programOf(settingsFor(vault))))
      const removing = locked(CredentialStore.use((store) => store.remove(notion)))
      assert.isTrue(yield* whileRemovalsHang(vault, removing))
    })
  )

  it.effect.each([
    ["of an empty record", undefined],
    ["with its record", "kept"]
  ] as const)("that was removed %s, with a late answer, takes nothing along either", ([, before]) =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      if (before !== undefined) yield* put(before).pipe(Effect.provide(programOf(settingsFor(vault))))
      const remove = CredentialStore.use((store) => store.remove(notion))
      yield* whileRemovalsHang(vault, locked(before === undefined ? Effect.void : remove), "delay after")
    })
  )

  it.live.each(["drop after", "drop", "502"] as const)("is removed once: %s", (kind) =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      yield* Effect.gen(function* () {
        yield* put("kept")
        vault.fault(kind, { match: /DELETE secret/ })
        assert.isTrue(yield* locked(CredentialStore.use((store) => store.remove(notion))))
      }).pipe(Effect.provide(programOf(settingsFor(vault))))
      assert.lengthOf(
        vault.requests.filter(({ method }) => method === "DELETE"),
        1
      )
      assert.notInclude(JSON.stringify(vault.versions("secret", path)), "kept")
    })
  )

  it.live("that was removed with an answer that got lost takes nothing along either", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      yield* Effect.gen(function* () {
        yield* put("kept")
        vault.fault("drop after", { match: /DELETE secret\/metadata/ })
        assert.isTrue(yield* CredentialStore.use((store) => store.remove(notion)))
      }).pipe(Effect.provide(programOf(settingsFor(vault))))
      assert.deepStrictEqual(vault.paths("secret"), [])
    })
  )

  it.live("goes with the record that is removed under it", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      yield* Effect.gen(function* () {
        yield* put("kept")
        assert.isTrue(yield* locked(CredentialStore.use((store) => store.remove(notion))))
      }).pipe(Effect.provide(programOf(settingsFor(vault))))
      assert.deepStrictEqual(vault.paths("secret"), [])
    })
  )

  it.live(
    "ends by itself when its holder is gone, and whoever comes back cannot overwrite the next one's",
    () =>
      Effect.gen(function* () {
        const vault = yield* vaultDouble()
        yield* put("kept").pipe(Effect.provide(programOf(settingsFor(vault))))
        const entered = yield* Deferred.make<void>()
        const goOn = yield* Deferred.make<void>()
        const paused = Effect.gen(function* () {
          yield* Deferred.succeed(entered, undefined)
          yield* Deferred.await(goOn)
          return yield* Effect.flip(put("of the one that was paused", 2))
        })
        const first = yield* Effect.forkChild(
          locked(paused).pipe(Effect.provide(programOf(settingsFor(vault))))
        )
        yield* Deferred.await(entered)
        vault.advance(40_000)
        yield* locked(put("of the next", 3)).pipe(Effect.provide(programOf(settingsFor(vault))))
        yield* Deferred.succeed(goOn, undefined)
        const error = yield* Fiber.join(first)
        assert.strictEqual(error.reason._tag, "Superseded")
        const found = yield* get.pipe(Effect.provide(programOf(settingsFor(vault))))
        assert.strictEqual(Option.getOrThrow(found).generation, 3)
      })
  )

  it.live("holds until its end, and not a moment less", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      yield* put("kept").pipe(Effect.provide(programOf(settingsFor(vault))))
      const entered = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const first = yield* Effect.forkChild(
        locked(Effect.andThen(Deferred.succeed(entered, undefined), Deferred.await(goOn))).pipe(
          Effect.provide(programOf(settingsFor(vault)))
        )
      )
      yield* Deferred.await(entered)
      vault.advance(29_000)
      const looked = vault.fault("delay", { match: /GET secret\/data/, times: 2 })
      looked.release()
      let isIn = false
      const second = yield* Effect.forkChild(
        locked(
          Effect.sync(() => {
            isIn = true
          })
        ).pipe(Effect.provide(programOf(settingsFor(vault))))
      )
      // It has looked twice, and so has found the lease and waited for it.
      while (looked.met() < 2) yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
      assert.isFalse(isIn)
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.isTrue(isIn)
    })
  )

  it.live("is not taken for held after a pause because the count of versions is the same again", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      const real = yield* Clock.Clock
      let paused = 0
      const clock: Clock.Clock = Object.assign(Object.create(real) as Clock.Clock, {
        currentTimeMillis: Effect.map(real.currentTimeMillis, (time) => time + paused)
      })
      yield* Effect.gen(function* () {
        yield* put("kept")
        yield* locked(
          Effect.gen(function* () {
            const before = vault.versions("secret", path).at(-1)?.version ?? 0
            paused = 31_000
            yield* Effect.promise(() =>
              fetch(new URL(`/v1/secret/metadata/${path}`, vault.url), {
                method: "DELETE",
                headers: { "x-vault-token": vault.rootToken, "x-vault-request": "true" }
              })
            )
            while (vault.versions("secret", path).at(-1)?.version !== before) {
              vault.write("secret", path, { record: "of somebody else" })
            }
            assert.strictEqual((yield* Effect.flip(put("mine", 2))).reason._tag, "Superseded")
          })
        )
        assert.include(JSON.stringify(recordOf(vault)), "of somebody else")
      }).pipe(Effect.provide(programOf(settingsFor(vault))), Effect.provideService(Clock.Clock, clock))
    })
  )

  it.live.each([
    { slow: 1, writes: 2, end: "Success" },
    { slow: 2, writes: 3, end: "Success" },
    { slow: 3, writes: 4, end: "Success" },
    { slow: Infinity, writes: 4, end: "Failure" }
  ])("is not believed after a write that took as long as it lasts: $slow of them", ({ end, slow, writes }) =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      yield* put("kept").pipe(Effect.provide(programOf(settingsFor(vault))))
      const written = () => seen(vault).filter((request) => request.startsWith("POST secret/data")).length
      const before = written()
      const real = yield* Clock.Clock
      const clock: Clock.Clock = Object.assign(Object.create(real) as Clock.Clock, {
        currentTimeMillis: Effect.map(
          real.currentTimeMillis,
          (time) => time + 29_000 * Math.min(slow, written() - before)
        )
      })
      yield* Effect.gen(function* () {
        const found = yield* Effect.result(get)
        assert.strictEqual(found._tag, end)
        if (found._tag === "Failure") assert.include(found.failure.message, "longer to extend its lease")
        assert.strictEqual(written() - before, writes)
      }).pipe(
        locked,
        Effect.provide(programOf(settingsFor(vault))),
        Effect.provideService(Clock.Clock, clock)
      )
    })
  )

  it.live("that an answer was lost of is still held", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      yield* Effect.gen(function* () {
        yield* put("kept")
        vault.fault("drop after", { match: /POST secret\/data/ })
        yield* locked(put("refreshed", 2))
        assert.strictEqual(Option.getOrThrow(yield* get).generation, 2)
      }).pipe(Effect.provide(programOf(settingsFor(vault))))
    })
  )

  const whole: typeof locked = (effect) => effect
  it.live.each([
    { holder: "a first sign-in", before: undefined, under: locked, failures: 0 },
    { holder: "another sign-in", before: "kept", under: locked, failures: 0 },
    { holder: "a write that is tried once more", before: "kept", under: locked, failures: 3 },
    { holder: "a write without a lease", before: "kept", under: whole, failures: 0 }
  ])("ends before the answer to its write: $holder is not written over a later one", (given) =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      const match = /POST secret\/data/
      const other = programOf(settingsFor(vault))
      yield* Effect.gen(function* () {
        if (given.before !== undefined) yield* put(given.before)
        const write = Effect.gen(function* () {
          yield* get
          const lost = vault.fault("drop after", { match })
          const writes = yield* Effect.forkChild(Effect.retry(put("signed in", 2), { times: 1 }))
          yield* Effect.promise(() => lost.arrived)
          const refused = vault.fault("500", { match, times: given.failures })
          while (refused.met() < given.failures) {
            yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
          }
          const late = vault.fault("delay", { match })
          yield* Effect.promise(() => late.arrived)
          vault.advance(32_000)
          yield* locked(Effect.andThen(get, put("refreshed", 3))).pipe(Effect.provide(other))
          late.release()
          yield* Fiber.join(writes)
        })
        yield* given.under(write)
        assert.strictEqual(Option.getOrThrow(yield* get).generation, 3)
        assert.include(JSON.stringify(recordOf(vault)), "refresh of refreshed")
      }).pipe(Effect.provide(programOf(settingsFor(vault))))
    })
  )

  const remove = CredentialStore.use((store) => store.remove(notion))

  /** Holds the lease on a record until its first heartbeat, at ten seconds of the test clock, has met this fault. */
  const afterHeartbeat = <A, E, R>(vault: VaultServer, kind: FaultKind, effect: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      yield* put("kept")
      return yield* locked(
        Effect.gen(function* () {
          const beats = vault.fault(kind, { match: /POST secret\/data/, times: Infinity })
          while (beats.met() === 0) {
            yield* TestClock.adjust("1 second")
            yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
          }
          beats.stop()
          return yield* effect
        })
      )
    })

  it.live.each<readonly [FaultKind, string, number, Effect.Effect<unknown, StorageError, CredentialStore>]>([
    ["drop after", "new tokens", 0, put("refreshed", 2)],
    ["drop after", "new tokens", 21, put("refreshed", 2)],
    ["drop", "new tokens", 21, put("refreshed", 2)],
    ["500", "new tokens", 21, put("refreshed", 2)],
    ["delay after", "new tokens", 0, put("refreshed", 2)],
    ["delay after", "new tokens", 21, put("refreshed", 2)],
    ["drop after", "a removal", 0, remove],
    ["delay after", "a removal", 21, remove]
  ])("whose heartbeat has met %j lets %s be written unread, %i s later", ([kind, , seconds, write]) =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      const later = Effect.gen(function* () {
        const reads = vault.fault("bad JSON", { match: /GET secret\/data/, times: Infinity })
        yield* TestClock.adjust(`${seconds} seconds`)
        yield* write
        reads.stop()
      })
      yield* afterHeartbeat(vault, kind, later).pipe(
        Effect.provide(Layer.provideMerge(programOf(settingsFor(vault)), TestClock.layer()))
      )
      const found = JSON.stringify(recordOf(vault))
      assert.notInclude(found, "kept")
      if (write !== remove) assert.include(found, "refreshed")
    })
  )

  it.live.each(["drop", "500", "delay"] as const)(
    "whose heartbeat has met %j lets new tokens be written although a write gets no answer",
    (kind) =>
      Effect.gen(function* () {
        const vault = yield* vaultDouble()
        const write = Effect.gen(function* () {
          const held = vault.fault("delay", { match: /POST secret\/data/ })
          yield* put("refreshed", 2)
          assert.strictEqual(held.met(), 1)
          held.release()
        })
        yield* afterHeartbeat(vault, kind, write).pipe(
          Effect.provide(Layer.provideMerge(programOf(settingsFor(vault)), TestClock.layer()))
        )
        assert.include(JSON.stringify(recordOf(vault)), "refreshed")
      })
  )

  it.live.each<readonly [string, Effect.Effect<unknown, StorageError, CredentialStore>]>([
    ["stored a sign-in", put("signed in", 3)],
    ["removed it", remove],
    ["removed everything", CredentialStore.use((store) => store.clear)]
  ])("is not written over where a process without it has %s", ([, change]) =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      const write = Effect.gen(function* () {
        const removal = vault.fault("delay", { match: /DELETE secret/ })
        const other = yield* Effect.forkChild(Effect.provide(change, programOf(settingsFor(vault))))
        while (JSON.stringify(recordOf(vault)).includes("kept")) {
          yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
        }
        const written = yield* Effect.result(put("refreshed", 2))
        removal.release()
        yield* Fiber.join(other)
        return written
      })
      const written = yield* afterHeartbeat(vault, "drop", write).pipe(
        Effect.provide(Layer.provideMerge(programOf(settingsFor(vault)), TestClock.layer()))
      )
      assert.strictEqual(Result.isFailure(written) && problemOf(written.failure), "Superseded")
      assert.notInclude(JSON.stringify(recordOf(vault)), "refreshed")
    })
  )

  it.live.each([0, 6, 9])(
    "lets tokens be written while another read of its process waits, after %i s",
    (seconds) =>
      Effect.gen(function* () {
        const vault = yield* vaultDouble()
        yield* Effect.gen(function* () {
          yield* put("kept")
          const goOn = yield* Deferred.make<void>()
          const entered = yield* Deferred.make<void>()
          const holder = yield* Effect.forkChild(
            locked(
              Effect.andThen(
                Deferred.succeed(entered, undefined),
                Effect.andThen(Deferred.await(goOn), put("refreshed", 2))
              )
            )
          )
          yield* Deferred.await(entered)
          yield* TestClock.adjust(`${seconds} seconds`)
          const held = vault.fault("delay", { match: /secret\/data/ })
          const reader = yield* Effect.forkChild(get)
          yield* Effect.promise(() => held.arrived)
          yield* Deferred.succeed(goOn, undefined)
          yield* Fiber.join(holder)
          held.release()
          yield* Fiber.join(reader)
        }).pipe(Effect.provide(Layer.provideMerge(programOf(settingsFor(vault)), TestClock.layer())))
        assert.include(JSON.stringify(recordOf(vault)), "refreshed")
      })
  )

  it.live.each(["delay", "delay after", "drop", "500"] as const)(
    "is extended again soon after a heartbeat that has met %j",
    (kind) =>
      Effect.gen(function* () {
        const vault = yield* vaultDouble()
        const turn = Effect.promise(() => new Promise((done) => setImmediate(done)))
        yield* Effect.gen(function* () {
          yield* put("kept")
          yield* locked(
            Effect.gen(function* () {
              const beats = vault.fault(kind, { match: /POST secret\/data/, times: Infinity })
              yield* TestClock.adjust("10 seconds")
              yield* Effect.promise(() => beats.arrived)
              const repeated = beats.met()
              const tick = Effect.andThen(TestClock.adjust("1 second"), turn)
              yield* Effect.repeat(tick, { times: 5 })
              while (beats.met() === repeated) yield* turn
              beats.stop()
              // The lease is given back.
              yield* Effect.forkChild(Effect.forever(tick))
            })
          )
        }).pipe(Effect.provide(Layer.provideMerge(programOf(settingsFor(vault)), TestClock.layer())))
      })
  )

  it.live.each([0, 1])("is not taken for that of its heartbeat after a pause: %i versions more", (more) =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      let paused = 0
      const pause = Effect.gen(function* () {
        const before = recordOf(vault).at(-1)?.version ?? 0
        paused = 31_000
        yield* Effect.promise(() =>
          fetch(new URL(`/v1/secret/metadata/${path}`, vault.url), {
            method: "DELETE",
            headers: { "x-vault-token": vault.rootToken, "x-vault-request": "true" }
          })
        )
        while (recordOf(vault).at(-1)?.version !== before + more) {
          vault.write("secret", path, { record: "of somebody else" })
        }
        assert.strictEqual((yield* Effect.flip(put("mine", 2))).reason._tag, "Superseded")
      })
      yield* Effect.gen(function* () {
        const real = yield* Clock.Clock
        const clock: Clock.Clock = Object.assign(Object.create(real) as Clock.Clock, {
          currentTimeMillis: Effect.map(real.currentTimeMillis, (time) => time + paused)
        })
        yield* afterHeartbeat(vault, "drop", pause).pipe(
          Effect.provide(programOf(settingsFor(vault))),
          Effect.provideService(Clock.Clock, clock)
        )
      }).pipe(Effect.provide(TestClock.layer()))
      assert.include(JSON.stringify(recordOf(vault)), "of somebody else")
    })
  )

  it.live("is kept by a holder that takes its time", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      yield* Effect.gen(function* () {
        yield* put("kept")
        yield* locked(
          Effect.gen(function* () {
            const writes = () =>
              seen(vault).filter((request) => request.startsWith("POST secret/data")).length
            const before = writes()
            // The first beat comes after ten seconds of the test clock.
            while (writes() === before) {
              yield* TestClock.adjust("1 second")
              yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
            }
            yield* put("refreshed", 2)
          })
        )
        assert.strictEqual(Option.getOrThrow(yield* get).generation, 2)
      }).pipe(Effect.provide(Layer.provideMerge(programOf(settingsFor(vault)), TestClock.layer())))
    })
  )
})

describe("a Vault that does not answer", () => {
  it.effect("is given up within its time limits", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      vault.fault("delay", { times: 100 })
      const asked = yield* Effect.forkChild(
        Effect.flip(get.pipe(Effect.provide(programOf(settingsFor(vault)))))
      )
      while (asked.pollUnsafe() === undefined) {
        yield* TestClock.adjust("1 second")
        yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
      }
      const error = yield* Fiber.join(asked)
      assert.strictEqual(problemOf(error), "timeout")
      assert.include(error.message, "15 seconds")
    })
  )

  it.effect("does not keep anybody waiting for its time limits once it has answered", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      // The clock stands still, and nothing may be interrupted.
      yield* Effect.uninterruptible(put("kept").pipe(Effect.provide(programOf(settingsFor(vault)))))
      assert.lengthOf(recordOf(vault), 1)
    })
  )

  it.effect("is given up where even nothing may be interrupted, as in a refresh", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      yield* put("kept").pipe(Effect.provide(programOf(settingsFor(vault))))
      vault.fault("delay", { times: 100 })
      const asked = yield* Effect.forkChild(
        Effect.uninterruptible(Effect.flip(put("new").pipe(Effect.provide(programOf(settingsFor(vault))))))
      )
      while (asked.pollUnsafe() === undefined) {
        yield* TestClock.adjust("1 second")
        yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
      }
      assert.strictEqual(problemOf(yield* Fiber.join(asked)), "timeout")
    })
  )
})

describe("the certificate of Vault", () => {
  const tls: VaultSettings["tls"] = {
    caCert: undefined,
    clientCert: undefined,
    clientKey: undefined,
    skipVerify: false
  }

  it.live("is accepted only from an authority that is named, or if the check is off", () =>
    Effect.gen(function* () {
      const { certificate, key } = yield* selfSigned
      const vault = yield* vaultDouble({
        tls: { key: readFileSync(key, "utf8"), cert: readFileSync(certificate, "utf8") }
      })
      const asked = (changes: Partial<typeof tls>) =>
        Effect.result(
          get.pipe(Effect.provide(programOf(settingsFor(vault, { tls: { ...tls, ...changes } }))))
        )
      const unknown = yield* asked({})
      assert.strictEqual(unknown._tag === "Failure" ? problemOf(unknown.failure) : "", "certificate")
      assert.deepStrictEqual(seen(vault), [])
      assert.strictEqual((yield* asked({ caCert: certificate }))._tag, "Success")
      assert.strictEqual((yield* asked({ skipVerify: true }))._tag, "Success")
      const missing = yield* asked({ caCert: "/nonexistent/ca.pem" })
      assert.strictEqual(missing._tag === "Failure" ? problemOf(missing.failure) : "", "certificate")
    })
  )

  it.live("may ask for ours", () =>
    Effect.gen(function* () {
      const { certificate, key } = yield* selfSigned
      const cert = readFileSync(certificate, "utf8")
      const vault = yield* vaultDouble({
        tls: { key: readFileSync(key, "utf8"), cert },
        requestClientCert: { ca: cert }
      })
      const settings = settingsFor(vault, {
        tls: { ...tls, caCert: certificate, clientCert: certificate, clientKey: key }
      })
      yield* put("kept").pipe(Effect.provide(programOf(settings)))
      const without = settingsFor(vault, { tls: { ...tls, caCert: certificate } })
      const error = yield* Effect.flip(get.pipe(Effect.provide(programOf(without))))
      // The server may close the connection before its alert is read.
      assert.include(["client certificate", "unreachable"], problemOf(error))
    })
  )
})
