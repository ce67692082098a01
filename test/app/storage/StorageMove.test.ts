import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { StorageMove } from "../../../src/app/storage/StorageMove.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { Credential, isSameCredential } from "../../../src/domain/Credential.ts"
import { ownCredentials } from "../../../src/domain/OwnCredentials.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import {
  BackendError,
  Corrupt,
  Locked,
  NoPassword,
  WrongPassword
} from "../../../src/ports/StorageFailure.ts"
import { credentialWith } from "../../contract/CredentialStoreContract.ts"
import { Machine, machine, type MachineOptions, program, someVault } from "../StorageWorld.ts"
import { storageBackends } from "../../../src/ports/StorageBackend.ts"

const keys = ["notion", "linear", "github"].map((server) => CredentialKey.of(server))
const notion = CredentialKey.of("notion")

const move = (...args: Parameters<StorageMove["Service"]["move"]>) =>
  StorageMove.use((service) => service.move(...args)).pipe(Effect.provide(program))

const failureOf = (backend: "encrypted" | "secretservice" | "vault") =>
  new StorageError({ reason: new BackendError({ backend: storageBackends[backend], detail: "a test's" }) })

/** Fills the encrypted files, which are in use. */
const filled = Effect.gen(function* () {
  const { choose, store } = yield* Machine
  yield* choose({ backend: "encrypted", reason: "", since: 1, migratingFrom: [] })
  for (const key of keys) yield* store("encrypted").put(key, credentialWith(`of ${key.server}`))
})

/** What a program would find: in the backend that counts. */
const found = Effect.gen(function* () {
  const machine = yield* Machine
  const choice = yield* machine.choice
  const store = machine.store(choice?.backend ?? "encrypted")
  return yield* Effect.forEach(keys, (key) => store.get(key))
})

const assertAllThere = Effect.gen(function* () {
  for (const [at, credential] of (yield* found).entries()) {
    const expected = credentialWith(`of ${keys[at]?.server}`)
    assert.isTrue(Option.exists(credential, (there) => isSameCredential(there, expected)))
  }
})

const options: MachineOptions = { vault: someVault, keyring: "secretservice" }

describe("moving sign-ins", () => {
  it.effect("takes them all to the new place, which counts from then on, and leaves none behind", () =>
    Effect.gen(function* () {
      yield* filled
      const result = yield* move("vault")
      assert.deepStrictEqual(result.from, ["encrypted"])
      assert.sameDeepMembers([...result.moved], keys)
      yield* assertAllThere
      const { choice, store } = yield* Machine
      assert.deepStrictEqual((yield* choice)?.migratingFrom, [])
      assert.strictEqual((yield* choice)?.backend, "vault")
      assert.deepStrictEqual(yield* store("encrypted").list, [])
    }).pipe(Effect.provide(machine(options)))
  )

  it.effect("does not go to an address that only a configuration of this folder names", () =>
    Effect.gen(function* () {
      yield* filled
      const error = yield* Effect.flip(move("vault"))
      assert.include(error.message, "a move is for the sign-ins of every folder")
      yield* assertAllThere
      const { choice, store } = yield* Machine
      assert.strictEqual((yield* choice)?.backend, "encrypted")
      assert.deepStrictEqual(yield* store("vault").list, [])
    }).pipe(Effect.provide(machine({ vault: { ...someVault, ofFolder: { url: true, namespace: false } } })))
  )

  it.effect("to where they are changes nothing", () =>
    Effect.gen(function* () {
      yield* filled
      const result = yield* move("encrypted")
      assert.deepStrictEqual(result.moved, [])
      yield* assertAllThere
    }).pipe(Effect.provide(machine(options)))
  )

  it.effect("back and forth ends where it began", () =>
    Effect.gen(function* () {
      yield* filled
      yield* move("secretservice")
      yield* move("encrypted")
      yield* assertAllThere
      assert.deepStrictEqual(yield* Machine.use(({ store }) => store("secretservice").list), [])
    }).pipe(Effect.provide(machine(options)))
  )

  it.effect("back works with a configuration that still names the first place", () =>
    Effect.gen(function* () {
      const { store } = yield* Machine
      for (const key of keys) yield* store("vault").put(key, credentialWith(`of ${key.server}`))
      yield* move("encrypted")
      assert.lengthOf(yield* store("encrypted").list, 3)
      const result = yield* move("vault")
      assert.deepStrictEqual(result.from, ["encrypted"])
      yield* assertAllThere
      assert.deepStrictEqual(yield* store("encrypted").list, [])
    }).pipe(Effect.provide(machine({ ...options, backend: "vault" })))
  )

  it.effect("takes only the sign-ins of the configuration out of a store that machines share", () =>
    Effect.gen(function* () {
      const { choice, choose, store } = yield* Machine
      const { resource } = credentialWith("any")
      const [, linear, github] = keys
      const other = new Credential({ ...credentialWith("other"), resource: "https://other.test/mcp" })
      const [work, tagged] = [CredentialKey.of("notion", "work"), notion.beside(other.resource)]
      yield* choose({ backend: "vault", reason: "", since: 1, migratingFrom: [] })
      for (const key of [notion, work, ...keys]) yield* store("vault").put(key, credentialWith("of one"))
      yield* store("vault").put(tagged, other)
      yield* store("vault").put(linear ?? notion, other)
      const isOwn = ownCredentials([
        CredentialKey.of("notion", "default", resource),
        CredentialKey.of("linear", "default", resource)
      ])
      const shared = StorageMove.use((service) => service.shared("encrypted")).pipe(Effect.provide(program))
      const [source, ...others] = yield* shared
      assert.strictEqual(source?.description.backend.name, "vault")
      assert.lengthOf(source?.keys ?? [], 5)
      assert.deepStrictEqual(others, [])
      const steps: Array<string> = []
      const progress = (done: number, total: number) => Effect.sync(() => void steps.push(`${done}/${total}`))
      const removals: Array<string> = []
      const removed = (done: number, total: number) =>
        Effect.sync(() => void removals.push(`${done}/${total}`))
      const result = yield* move("encrypted", undefined, { isOwn, progress, removed })
      assert.sameDeepMembers([...result.moved], [notion, work])
      assert.deepStrictEqual(steps, ["1/3", "2/3", "3/3"])
      assert.deepStrictEqual(removals, ["1/3", "2/3", "3/3"])
      assert.deepStrictEqual(result.elsewhere, [linear ?? notion])
      assert.sameDeepMembers([...(yield* store("encrypted").list)], [notion, work])
      // Another server under the same name, and a name that the configuration does not have.
      assert.sameDeepMembers([...(yield* store("vault").list)], [linear, github, tagged])
      assert.deepInclude(yield* choice, { backend: "encrypted", migratingFrom: [] })
    }).pipe(Effect.provide(machine(options)))
  )

  it.effect("takes everything out of a store of this machine, whatever the configuration names", () =>
    Effect.gen(function* () {
      yield* filled
      const shared = StorageMove.use((service) => service.shared("vault")).pipe(Effect.provide(program))
      assert.deepStrictEqual(yield* shared, [])
      yield* move("vault", undefined, { isOwn: () => false })
      yield* assertAllThere
    }).pipe(Effect.provide(machine(options)))
  )

  it.effect("takes them from another backend than the one in use, if that is said", () =>
    Effect.gen(function* () {
      const { choose, store } = yield* Machine
      yield* choose({ backend: "vault", reason: "", since: 1, migratingFrom: [] })
      yield* store("encrypted").put(notion, credentialWith("of notion"))
      yield* move("vault", "encrypted")
      assert.isTrue(Option.isSome(yield* store("vault").get(notion)))
      assert.deepStrictEqual(yield* store("encrypted").list, [])
    }).pipe(Effect.provide(machine(options)))
  )

  it.effect("never puts an old record from elsewhere over the one in use", () =>
    Effect.gen(function* () {
      const { choose, store } = yield* Machine
      yield* choose({ backend: "vault", reason: "", since: 1, migratingFrom: [] })
      yield* store("encrypted").put(notion, credentialWith("old", 1))
      yield* store("vault").put(notion, credentialWith("new", 2))
      yield* move("vault", "encrypted")
      assert.strictEqual(Option.getOrThrow(yield* store("vault").get(notion)).generation, 2)
      assert.deepStrictEqual(yield* store("encrypted").list, [])
    }).pipe(Effect.provide(machine(options)))
  )

  it.effect("from a third place takes those in use along, since they would be found no more", () =>
    Effect.gen(function* () {
      const { choice, choose, store } = yield* Machine
      const [, linear, github] = [notion, CredentialKey.of("linear"), CredentialKey.of("github")]
      yield* choose({ backend: "secretservice", reason: "", since: 1, migratingFrom: [] })
      yield* store("secretservice").put(notion, credentialWith("in use", 2))
      yield* store("secretservice").put(linear, credentialWith("in use"))
      yield* store("encrypted").put(notion, credentialWith("old", 1))
      yield* store("encrypted").put(github, credentialWith("elsewhere"))
      const result = yield* move("vault", "encrypted")
      assert.sameMembers([...result.from], ["encrypted", "secretservice"])
      assert.sameDeepMembers([...result.moved], [notion, linear, github])
      assert.strictEqual((yield* choice)?.backend, "vault")
      assert.strictEqual(Option.getOrThrow(yield* store("vault").get(notion)).generation, 2)
      assert.lengthOf(yield* store("vault").list, 3)
      assert.deepStrictEqual(yield* store("encrypted").list, [])
      assert.deepStrictEqual(yield* store("secretservice").list, [])
    }).pipe(Effect.provide(machine(options)))
  )

  it.effect("leaves what another machine keeps in the same Vault, where that is the younger", () =>
    Effect.gen(function* () {
      yield* filled
      const { store } = yield* Machine
      yield* store("vault").put(notion, credentialWith("of another machine", 2))
      yield* move("vault")
      assert.strictEqual(Option.getOrThrow(yield* store("vault").get(notion)).generation, 2)
      assert.lengthOf(yield* store("vault").list, 3)
    }).pipe(Effect.provide(machine(options)))
  )

  it.effect("puts a sign-in beside one of the same name for another server, and both stay", () =>
    Effect.gen(function* () {
      yield* filled
      const { lockedKeys, store } = yield* Machine
      const other = new Credential({ ...credentialWith("other", 7), resource: "https://other.test/mcp" })
      yield* store("vault").put(notion, other)
      yield* move("vault")
      // A machine that refreshes the record beside it has that lock.
      assert.include(lockedKeys, `vault ${notion.beside(credentialWith("any").resource).storageName}`)
      assert.isTrue(isSameCredential(Option.getOrThrow(yield* store("vault").get(notion)), other))
      const mine = CredentialKey.of("notion", "default", credentialWith("any").resource)
      const found = yield* CredentialStore.use((chosen) => chosen.get(mine)).pipe(Effect.provide(program))
      assert.isTrue(isSameCredential(Option.getOrThrow(found), credentialWith("of notion")))
      assert.deepStrictEqual(yield* store("encrypted").list, [])
    }).pipe(Effect.provide(machine(options)))
  )

  it.effect("does not begin where the new place cannot be used", () =>
    Effect.gen(function* () {
      yield* filled
      const error = yield* Effect.flip(move("secretservice"))
      assert.strictEqual(
        error._tag === "StorageError" ? errorText(error) : "",
        [
          "Sign-ins cannot be moved to the Secret Service (the keyring of this desktop): it is locked (nobody has unlocked it).",
          "Unlock it (log in at the screen, or open its manager), then try again.",
          "To continue the move, run: mcp-cli storage move --to secretservice"
        ].join("\n")
      )
      yield* assertAllThere
    }).pipe(
      Effect.provide(
        machine({
          ...options,
          broken: {
            backend: "secretservice",
            reason: new Locked({ backend: storageBackends.secretservice, detail: "nobody has unlocked it" })
          }
        })
      )
    )
  )

  it.effect.each([
    [new NoPassword(), "no password was given", "Set MCP_CLI_ENCRYPTION_KEY"],
    [new WrongPassword(), "the password does not open them", "Give the password"]
  ] as const)("says which place is locked, and not to begin another move: %#", ([reason, problem, fix]) =>
    Effect.gen(function* () {
      yield* filled
      const error = yield* Effect.flip(move("keyring", "vault"))
      assert.strictEqual(error._tag === "StorageError" ? error.reason._tag : "", "MoveLocked")
      const [message, first, ...others] = error._tag === "StorageError" ? errorText(error).split("\n") : []
      assert.strictEqual(message, `Sign-ins cannot be moved out of encrypted files: ${problem}.`)
      assert.include(first, fix)
      assert.deepStrictEqual(others, [
        "To continue the move, run: mcp-cli storage move --to keyring --from vault"
      ])
      yield* assertAllThere
    }).pipe(
      Effect.provide(machine({ ...options, broken: { backend: "encrypted", reason, onlyWrites: false } }))
    )
  )

  it.effect("does not overlap with another move, which would undo what it has decided", () =>
    Effect.gen(function* () {
      yield* filled
      yield* Effect.all([move("vault"), move("secretservice")], { concurrency: "unbounded" })
      yield* assertAllThere
      const { choice, store } = yield* Machine
      const now = yield* choice
      assert.deepStrictEqual(now?.migratingFrom, [])
      for (const backend of ["encrypted", "vault", "secretservice"] as const) {
        assert.lengthOf(yield* store(backend).list, backend === now?.backend ? 3 : 0)
      }
    }).pipe(
      Effect.provide(
        machine({
          ...options,
          before: () => Effect.yieldNow.pipe(Effect.repeat({ times: 3 }), Effect.asVoid)
        })
      )
    )
  )

  it.effect("leaves a damaged record where it is, says so, and moves the others", () => {
    const reason = new Corrupt({ path: "linear.enc", detail: "it is cut short" })
    return Effect.gen(function* () {
      yield* filled
      const result = yield* move("vault")
      assert.deepStrictEqual(
        result.left.map(({ key }) => key),
        [CredentialKey.of("linear")]
      )
      assert.include(result.left[0]?.problem.message, "linear.enc")
      const { store } = yield* Machine
      assert.deepStrictEqual(yield* store("encrypted").list, [CredentialKey.of("linear")])
      assert.lengthOf(yield* store("vault").list, 2)
      // Once it is mended, the same move takes it along.
      assert.deepStrictEqual((yield* Machine.use(({ choice }) => choice))?.migratingFrom, ["encrypted"])
    }).pipe(Effect.provide(machine({ ...options, damaged: { server: "linear", reason } })))
  })

  it.effect("puts a whole record in place of one that an earlier attempt has left damaged", () =>
    Effect.gen(function* () {
      const { choose, store } = yield* Machine
      yield* choose({ backend: "vault", reason: "", since: 1, migratingFrom: [] })
      yield* store("vault").put(notion, credentialWith("of notion"))
      yield* store("encrypted").put(notion, credentialWith("torn", 9))
      yield* move("encrypted")
      assert.strictEqual(Option.getOrThrow(yield* store("encrypted").get(notion)).generation, 1)
      assert.deepStrictEqual(yield* store("vault").list, [])
    }).pipe(
      Effect.provide(
        machine({
          ...options,
          damaged: {
            server: "notion",
            reason: new Corrupt({ path: "notion.enc", detail: "it is cut short" })
          }
        })
      )
    )
  )

  it.effect("does not remove what the new place does not give back", () =>
    Effect.gen(function* () {
      yield* filled
      const error = yield* Effect.flip(move("vault"))
      assert.strictEqual(error._tag === "StorageError" ? error.reason._tag : "", "BackendError")
      yield* assertAllThere
    }).pipe(Effect.provide(machine({ ...options, forgetful: "vault" })))
  )

  it.effect("keeps the younger tokens where a refresh was written to the old place after the copy", () => {
    let isRefreshed = false
    return Effect.gen(function* () {
      yield* filled
      yield* move("vault")
      const { store } = yield* Machine
      const kept = Option.getOrThrow(yield* store("vault").get(notion))
      assert.strictEqual(kept.generation, 2)
    }).pipe(
      Effect.provide(
        machine({
          ...options,
          before: (operation, store) =>
            operation === "choose" && !isRefreshed
              ? Effect.suspend(() => {
                  isRefreshed = true
                  return store("encrypted").put(notion, credentialWith("refreshed", 2))
                })
              : Effect.void
        })
      )
    )
  })

  it.effect("keeps them where it fails after the choice has changed, too", () => {
    const broken = failureOf("encrypted")
    let lists = 0
    return Effect.gen(function* () {
      yield* filled
      yield* Effect.flip(move("secretservice"))
      const read = CredentialStore.use((open) => open.get(notion)).pipe(Effect.provide(program))
      assert.strictEqual(Option.getOrThrow(yield* read).generation, 2)
      yield* move("secretservice")
      const { store } = yield* Machine
      assert.strictEqual(Option.getOrThrow(yield* store("secretservice").get(notion)).generation, 2)
    }).pipe(
      Effect.provide(
        machine({
          ...options,
          before: (operation, store) =>
            Effect.suspend(() =>
              operation === "encrypted list" && ++lists === 2
                ? Effect.andThen(
                    store("encrypted").put(notion, credentialWith("refreshed", 2)),
                    Effect.fail(broken)
                  )
                : Effect.void
            )
        })
      )
    )
  })

  it.effect("does not bring back an old record over a sign-in that was made in the new place since", () =>
    Effect.gen(function* () {
      const { choose, store } = yield* Machine
      yield* choose({ backend: "vault", reason: "", since: 1, migratingFrom: ["encrypted"] })
      yield* store("encrypted").put(notion, credentialWith("old", 1))
      yield* store("vault").put(notion, credentialWith("new", 2))
      yield* move("vault")
      assert.strictEqual(Option.getOrThrow(yield* store("vault").get(notion)).generation, 2)
      assert.deepStrictEqual(yield* store("encrypted").list, [])
    }).pipe(Effect.provide(machine(options)))
  )

  it.effect("does not bring back a sign-in that ended after a move had failed", () => {
    const broken = failureOf("secretservice")
    let puts = 0
    return Effect.gen(function* () {
      yield* filled
      puts = 0
      yield* Effect.flip(move("secretservice"))
      const { choice, store } = yield* Machine
      const [copied = notion] = yield* store("secretservice").list
      yield* CredentialStore.use((open) => open.remove(copied)).pipe(Effect.provide(program))
      yield* move("secretservice")
      const others = keys.filter(({ server }) => server !== copied.server)
      assert.sameDeepMembers([...(yield* store("secretservice").list)], others)
      assert.isUndefined((yield* choice)?.copiedTo)
    }).pipe(
      Effect.provide(
        machine({
          ...options,
          before: (operation) =>
            Effect.suspend(() =>
              operation === "secretservice put" && ++puts === 2 ? Effect.fail(broken) : Effect.void
            )
        })
      )
    )
  })

  it.effect("that is finished does not bring back tokens that were refused in the new place since", () =>
    Effect.gen(function* () {
      const { choose, store } = yield* Machine
      yield* choose({ backend: "secretservice", reason: "", since: 1, migratingFrom: ["encrypted"] })
      yield* store("encrypted").put(notion, credentialWith("left"))
      yield* store("secretservice").put(notion, credentialWith("refused since").withoutTokens)
      yield* move("secretservice")
      assert.isUndefined(Option.getOrThrow(yield* store("secretservice").get(notion)).tokens)
      assert.deepStrictEqual(yield* store("encrypted").list, [])
    }).pipe(Effect.provide(machine(options)))
  )

  it.effect("that fails makes no choice for other configurations", () =>
    Effect.gen(function* () {
      const { choice, store } = yield* Machine
      yield* store("encrypted").put(notion, credentialWith("of notion"))
      yield* Effect.flip(move("secretservice"))
      assert.isUndefined(yield* choice)
    }).pipe(Effect.provide(machine({ ...options, backend: "encrypted", forgetful: "secretservice" })))
  )

  it.effect.each([
    { way: "to", copiedTo: ["secretservice"], migratingFrom: [] },
    { way: "from", copiedTo: [], migratingFrom: ["secretservice"] }
  ])("replaces what a move $way there has left by what was refused since", ({ copiedTo, migratingFrom }) =>
    Effect.gen(function* () {
      const { choose, store } = yield* Machine
      yield* choose({ backend: "encrypted", reason: "", since: 1, migratingFrom, copiedTo })
      yield* store("secretservice").put(notion, credentialWith("left"))
      yield* store("encrypted").put(notion, credentialWith("refused since").withoutTokens)
      yield* move("secretservice")
      assert.isUndefined(Option.getOrThrow(yield* store("secretservice").get(notion)).tokens)
    }).pipe(Effect.provide(machine(options)))
  )

  it.effect.each(["vault", "secretservice"] as const)(
    "to %s can fail at any step, loses nothing, and is finished when it is run again",
    (to) =>
      Effect.gen(function* () {
        const broken = failureOf(to)
        let failures = 0
        for (let failAt = 1; ; failAt++) {
          let step = 0
          const isOver = yield* Effect.gen(function* () {
            yield* filled
            step = 0
            const first = yield* Effect.exit(move(to))
            const whole = first._tag === "Success"
            if (!whole) failures += 1
            yield* assertAllThere
            step = Number.NEGATIVE_INFINITY
            yield* move(to)
            yield* assertAllThere
            const { choice, store } = yield* Machine
            assert.strictEqual((yield* choice)?.backend, to)
            assert.deepStrictEqual((yield* choice)?.migratingFrom, [])
            assert.isUndefined((yield* choice)?.copiedTo)
            assert.deepStrictEqual(yield* store("encrypted").list, [])
            return whole
          }).pipe(
            Effect.provide(
              machine({
                ...options,
                before: () => Effect.suspend(() => (++step === failAt ? Effect.fail(broken) : Effect.void))
              })
            )
          )
          if (isOver) break
        }
        assert.isAbove(failures, 20)
      })
  )

  it.effect("that was interrupted is seen by whoever reads: the sign-ins are all there at every step", () =>
    Effect.gen(function* () {
      const broken = new StorageError({
        reason: new BackendError({ backend: storageBackends.vault, detail: "a test's" })
      })
      for (let failAt = 1; failAt <= 30; failAt++) {
        let step = 0
        yield* Effect.gen(function* () {
          yield* filled
          step = 0
          yield* Effect.exit(move("vault"))
          step = Number.NEGATIVE_INFINITY
          const open = yield* CredentialStore
          for (const key of keys) assert.isTrue(Option.isSome(yield* open.get(key)))
        }).pipe(
          Effect.provide(
            Layer.provideMerge(
              program,
              machine({
                ...options,
                before: () => Effect.suspend(() => (++step === failAt ? Effect.fail(broken) : Effect.void))
              })
            )
          )
        )
      }
    })
  )
})
