import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option } from "effect"
import { ChosenStorage } from "../../../src/app/storage/ChosenStorage.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { CredentialLock } from "../../../src/ports/CredentialLock.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import {
  Denied,
  Inaccessible,
  Locked,
  NoPassword,
  TimedOut,
  Unavailable
} from "../../../src/ports/StorageFailure.ts"
import { credentialWith } from "../../contract/CredentialStoreContract.ts"
import { Machine, machine, type MachineOptions, program, someVault } from "../StorageWorld.ts"
import { storageBackends } from "../../../src/ports/StorageBackend.ts"

const notion = CredentialKey.of("notion")
const backend = "secretservice"
const unavailable = new Unavailable({ backend: storageBackends[backend], detail: "no session bus" })

const on =
  (options: MachineOptions) =>
  <A, E>(effect: Effect.Effect<A, E, CredentialStore | CredentialLock | ChosenStorage | Machine>) =>
    effect.pipe(Effect.provide(Layer.provideMerge(program, machine(options))))

const put = CredentialStore.use((store) => store.put(notion, credentialWith("first")))
const inUse = ChosenStorage.use((chosen) => chosen.inUse)
const chosenBackend = Machine.use(({ choice }) => Effect.map(choice, (found) => found?.backend))

describe("the choice of a backend", () => {
  it.effect.each<readonly [string, MachineOptions, string]>([
    ["Vault where it is set up", { vault: someVault, keyring: backend }, "vault"],
    ["the keyring of the system", { keyring: backend }, "secretservice"],
    ["encrypted files where the system has no keyring", {}, "encrypted"],
    [
      "encrypted files where the keyring is not there at all",
      { keyring: backend, broken: { backend, reason: unavailable } },
      "encrypted"
    ],
    [
      "encrypted files where the keyring has no place to keep anything",
      { keyring: backend, broken: { backend, reason: unavailable, onlyWrites: true } },
      "encrypted"
    ],
    ["the one that the configuration names", { backend: "encrypted", vault: someVault }, "encrypted"]
  ])("is %s", ([, options, expected]) =>
    Effect.gen(function* () {
      yield* put
      assert.strictEqual((yield* inUse).backend, expected)
      const { store } = yield* Machine
      assert.isTrue(Option.isSome(yield* store(expected).get(notion)))
    }).pipe(on(options))
  )

  it.effect("is used and not remembered where a configuration of this folder names it", () =>
    Effect.gen(function* () {
      yield* put
      assert.strictEqual((yield* inUse).backend, "vault")
      const { said, store } = yield* Machine
      assert.isTrue(Option.isSome(yield* store("vault").get(notion)))
      assert.isUndefined(yield* chosenBackend)
      assert.deepStrictEqual(said, [])
    }).pipe(on({ vault: { ...someVault, ofFolder: { url: true, namespace: false } } }))
  )

  it.effect("does not take Vault for set up by an address alone", () =>
    Effect.gen(function* () {
      yield* put
      assert.strictEqual(yield* chosenBackend, "encrypted")
    }).pipe(
      on({
        vault: { ...someVault, auth: { method: "token", token: undefined, tokenFile: undefined } }
      })
    )
  )

  it.effect.each([
    new Locked({ backend: storageBackends[backend], detail: "nobody has unlocked it" }),
    new Denied({ backend: storageBackends[backend], detail: "no" }),
    new TimedOut({ backend: storageBackends[backend], after: 3, detail: "mute" })
  ])("does not go on from a keyring that is there but %o", (reason) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(put)
      assert.strictEqual(error.reason._tag, reason._tag)
      assert.isUndefined(yield* chosenBackend)
      assert.deepStrictEqual(yield* Machine.use(({ store }) => store("encrypted").list), [])
    }).pipe(on({ keyring: backend, broken: { backend, reason } }))
  )

  it.effect("is neither made nor said while the encrypted files cannot be opened", () =>
    Effect.gen(function* () {
      const { said } = yield* Machine
      const error = yield* Effect.flip(put.pipe(Effect.provide(program)))
      assert.strictEqual(error._tag === "StorageError" ? error.reason._tag : "", "NoPassword")
      assert.isUndefined(yield* chosenBackend)
      assert.deepStrictEqual(said, [])
    }).pipe(Effect.provide(machine({ broken: { backend: "encrypted", reason: new NoPassword() } })))
  )

  it.effect("stays with encrypted files that hold sign-ins already", () =>
    Effect.gen(function* () {
      const { store } = yield* Machine
      yield* store("encrypted").put(CredentialKey.of("linear"), credentialWith("of before"))
      yield* put.pipe(Effect.provide(program))
      assert.strictEqual(yield* chosenBackend, "encrypted")
    }).pipe(Effect.provide(machine({ keyring: backend })))
  )

  it.effect("is made and said once, when there is something to keep", () =>
    Effect.gen(function* () {
      const { said } = yield* Machine
      const read = CredentialStore.use((store) => Effect.andThen(store.get(notion), store.list))
      yield* read.pipe(Effect.provide(program))
      assert.isUndefined(yield* chosenBackend)
      assert.deepStrictEqual(said, [])
      yield* put.pipe(Effect.provide(program))
      yield* put.pipe(Effect.provide(program))
      assert.strictEqual(yield* chosenBackend, "secretservice")
      assert.lengthOf(said, 1)
      assert.match(said[0] ?? "", /Secret Service.*because.*no shared store is set up/)
    }).pipe(Effect.provide(machine({ keyring: backend })))
  )

  it.effect("that was made holds when the keyring is gone the day after", () =>
    Effect.gen(function* () {
      const { choose, store } = yield* Machine
      yield* choose({ backend, reason: "it answered", since: 1, migratingFrom: [] })
      const error = yield* Effect.flip(put.pipe(Effect.provide(program)))
      assert.strictEqual(error._tag === "StorageError" ? error.reason._tag : "", "Unavailable")
      assert.deepStrictEqual(yield* store("encrypted").list, [])
    }).pipe(Effect.provide(machine({ keyring: backend, broken: { backend, reason: unavailable } })))
  )

  it.effect("that was made holds when Vault is set up later", () =>
    Effect.gen(function* () {
      const { choose, store } = yield* Machine
      yield* choose({ backend: "encrypted", reason: "", since: 1, migratingFrom: [] })
      yield* put.pipe(Effect.provide(program))
      assert.isTrue(Option.isSome(yield* store("encrypted").get(notion)))
    }).pipe(Effect.provide(machine({ vault: someVault })))
  )
})

describe("a program that runs while sign-ins are moved", () => {
  const moved = { backend: "vault", reason: "moved", since: 2, migratingFrom: ["encrypted"] } as const

  it.effect("writes to the new place from then on", () =>
    Effect.gen(function* () {
      const { choose, store } = yield* Machine
      yield* Effect.gen(function* () {
        const open = yield* CredentialStore
        yield* open.put(notion, credentialWith("first"))
        yield* choose(moved)
        yield* open.put(notion, credentialWith("second", 2))
        assert.strictEqual(open.description.backend.name, "vault")
      }).pipe(Effect.provide(program))
      assert.strictEqual(Option.getOrThrow(yield* store("vault").get(notion)).generation, 2)
    }).pipe(Effect.provide(machine({ vault: someVault, backend: "auto" })))
  )

  it.effect("finds in the new place what it looked for in the old one", () =>
    Effect.gen(function* () {
      const { choose, store } = yield* Machine
      yield* Effect.gen(function* () {
        const open = yield* CredentialStore
        yield* open.put(notion, credentialWith("first"))
        yield* store("vault").put(notion, credentialWith("first"))
        yield* choose(moved)
        yield* store("encrypted").remove(notion)
        assert.isTrue(Option.isSome(yield* open.get(notion)))
      }).pipe(Effect.provide(program))
    }).pipe(Effect.provide(machine()))
  )

  it.effect("takes along what it was writing at that moment", () => {
    const entered = Deferred.makeUnsafe<void>()
    const goOn = Deferred.makeUnsafe<void>()
    return Effect.gen(function* () {
      const { choose, store } = yield* Machine
      yield* choose({ ...moved, backend: "encrypted", migratingFrom: [] })
      const writer = yield* Effect.forkChild(put.pipe(Effect.provide(program)))
      yield* Deferred.await(entered)
      yield* choose(moved)
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(writer)
      assert.isTrue(Option.isSome(yield* store("vault").get(notion)))
      assert.isTrue(Option.isNone(yield* store("encrypted").get(notion)))
    }).pipe(
      Effect.provide(
        machine({
          before: (operation) =>
            operation === "encrypted put"
              ? Effect.andThen(Deferred.succeed(entered, undefined), Deferred.await(goOn))
              : Effect.void
        })
      )
    )
  })

  it.effect("that waited for a lock works in the new place", () =>
    Effect.gen(function* () {
      const { choose, locked } = yield* Machine
      yield* choose({ ...moved, backend: "encrypted", migratingFrom: [] })
      yield* Effect.gen(function* () {
        const lock = yield* CredentialLock
        const entered = yield* Deferred.make<void>()
        const goOn = yield* Deferred.make<void>()
        const first = yield* Effect.forkChild(
          lock.withLock(
            notion,
            "refresh"
          )(Effect.andThen(Deferred.succeed(entered, undefined), Deferred.await(goOn)))
        )
        yield* Deferred.await(entered)
        const second = yield* Effect.forkChild(lock.withLock(notion, "refresh")(inUse), {
          startImmediately: true
        })
        yield* choose(moved)
        yield* Deferred.succeed(goOn, undefined)
        yield* Fiber.join(first)
        assert.strictEqual((yield* Fiber.join(second)).backend, "vault")
        assert.strictEqual(locked.at(-1), "vault")
      }).pipe(Effect.provide(program))
    }).pipe(Effect.provide(machine()))
  )

  it.effect("forgets what an interrupted move has left behind as well", () =>
    Effect.gen(function* () {
      const { choose, store } = yield* Machine
      yield* choose(moved)
      yield* store("encrypted").put(notion, credentialWith("left"))
      yield* store("vault").put(notion, credentialWith("moved"))
      yield* CredentialStore.use((open) => open.remove(notion)).pipe(Effect.provide(program))
      assert.deepStrictEqual(yield* store("encrypted").list, [])
      assert.deepStrictEqual(yield* store("vault").list, [])
    }).pipe(Effect.provide(machine()))
  )

  it.effect("forgets what a move that was not completed has copied already", () =>
    Effect.gen(function* () {
      const { choose, store } = yield* Machine
      yield* choose({ ...moved, backend: "encrypted", migratingFrom: [], copiedTo: ["secretservice"] })
      yield* store("encrypted").put(notion, credentialWith("in use", 2))
      yield* store("secretservice").put(notion, credentialWith("copied"))
      yield* CredentialStore.use((open) => open.remove(notion)).pipe(Effect.provide(program))
      assert.deepStrictEqual(yield* store("encrypted").list, [])
      assert.deepStrictEqual(yield* store("secretservice").list, [])
    }).pipe(Effect.provide(machine({ keyring: "secretservice" })))
  )

  it.effect("forgets a sign-in although a backend that may hold a copy is not there any more", () => {
    const gone = new StorageError({
      reason: new Unavailable({ backend: storageBackends.secretservice, detail: "a test's" })
    })
    return Effect.gen(function* () {
      const { choose, store } = yield* Machine
      yield* choose({ ...moved, backend: "encrypted", migratingFrom: [], copiedTo: ["secretservice"] })
      yield* store("encrypted").put(notion, credentialWith("in use"))
      yield* CredentialStore.use((open) => open.remove(notion)).pipe(Effect.provide(program))
      assert.deepStrictEqual(yield* store("encrypted").list, [])
    }).pipe(
      Effect.provide(
        machine({
          keyring: "secretservice",
          before: (operation) => (operation === "secretservice remove" ? Effect.fail(gone) : Effect.void)
        })
      )
    )
  })

  it.effect("forgets and finds nothing where nothing says any more where a move came from or went to", () =>
    Effect.gen(function* () {
      const { choose, store } = yield* Machine
      yield* choose({ ...moved, backend: "encrypted", migratingFrom: ["vault"], isMoving: true })
      const read = CredentialStore.use((open) => open.get(notion)).pipe(Effect.provide(program))
      assert.isTrue(Option.isNone(yield* read))
      yield* choose({ ...moved, backend: "encrypted", migratingFrom: [], copiedTo: ["vault"] })
      yield* store("encrypted").put(notion, credentialWith("in use"))
      yield* CredentialStore.use((open) => open.remove(notion)).pipe(Effect.provide(program))
      assert.deepStrictEqual(yield* store("encrypted").list, [])
    }).pipe(Effect.provide(machine({ absent: "vault" })))
  )

  it.effect("clears only the copies of what is in use", () =>
    Effect.gen(function* () {
      const { choose, store } = yield* Machine
      const linear = CredentialKey.of("linear")
      yield* choose({ ...moved, backend: "encrypted", migratingFrom: [], copiedTo: ["secretservice"] })
      yield* store("encrypted").put(notion, credentialWith("in use"))
      for (const key of [notion, linear]) yield* store("secretservice").put(key, credentialWith("there"))
      yield* CredentialStore.use((open) => open.clear).pipe(Effect.provide(program))
      assert.deepStrictEqual(yield* store("encrypted").list, [])
      assert.deepStrictEqual(yield* store("secretservice").list, [linear])
    }).pipe(Effect.provide(machine({ keyring: "secretservice" })))
  )

  it.effect("asks no user for what is left, and finds nothing that a shared store has ended", () =>
    Effect.gen(function* () {
      const { choose, store } = yield* Machine
      const read = CredentialStore.use((open) => open.get(notion)).pipe(Effect.provide(program))
      yield* store("encrypted").put(notion, credentialWith("left"))
      yield* choose({ ...moved, backend: "secretservice", isMoving: true })
      assert.isTrue(Option.isNone(yield* read))
      yield* choose({ ...moved, isMoving: true })
      assert.isTrue(Option.isNone(yield* read))
    }).pipe(
      Effect.provide(
        machine({
          keyring: "secretservice",
          vault: someVault,
          broken: { backend: "encrypted", reason: new NoPassword() }
        })
      )
    )
  )

  it.effect("finds a sign-in that was stored in the old place after the move had listed what is there", () =>
    Effect.gen(function* () {
      const { choose, store } = yield* Machine
      yield* choose({ ...moved, backend: "secretservice", isMoving: true })
      yield* store("encrypted").put(notion, credentialWith("late"))
      const read = CredentialStore.use((open) => open.get(notion)).pipe(Effect.provide(program))
      assert.isTrue(Option.isSome(yield* read))
      yield* store("secretservice").put(notion, credentialWith("newer", 2))
      assert.strictEqual(Option.getOrThrow(yield* read).generation, 2)
    }).pipe(Effect.provide(machine({ keyring: "secretservice" })))
  )

  it.effect("finds the tokens that were refreshed in the old place after the move had copied them", () =>
    Effect.gen(function* () {
      const { choose, store } = yield* Machine
      const read = CredentialStore.use((open) => open.get(notion)).pipe(Effect.provide(program))
      yield* store("secretservice").put(notion, credentialWith("copied"))
      yield* store("encrypted").put(notion, credentialWith("refreshed since", 2))
      // What cannot be moved is not looked at again.
      yield* choose({ ...moved, backend: "secretservice" })
      assert.strictEqual(Option.getOrThrow(yield* read).generation, 1)
      yield* choose({ ...moved, backend: "secretservice", isMoving: true })
      assert.strictEqual(Option.getOrThrow(yield* read).generation, 2)
      yield* store("secretservice").put(notion, credentialWith("refused").withoutTokens.withoutTokens)
      assert.isUndefined(Option.getOrThrow(yield* read).tokens)
    }).pipe(Effect.provide(machine({ keyring: "secretservice" })))
  )

  it.effect("does not go on with a copy while the old place fails for a moment", () => {
    const reason = new Inaccessible({ path: "notion.enc", detail: "a test's" })
    return Effect.gen(function* () {
      const { choose, store } = yield* Machine
      yield* store("secretservice").put(notion, credentialWith("copied"))
      yield* choose({ ...moved, backend: "secretservice", isMoving: true })
      const read = CredentialStore.use((open) => open.get(notion)).pipe(Effect.provide(program))
      const error = yield* Effect.flip(read)
      assert.strictEqual(error._tag === "StorageError" ? error.reason._tag : "", "Inaccessible")
    }).pipe(Effect.provide(machine({ keyring: "secretservice", broken: { backend: "encrypted", reason } })))
  })

  it.effect("does not take from a store that other machines share what is theirs by now", () =>
    Effect.gen(function* () {
      const { choose, store } = yield* Machine
      yield* choose({ ...moved, backend: "encrypted", migratingFrom: ["vault"], isMoving: true })
      yield* store("vault").put(notion, credentialWith("of another machine"))
      const read = CredentialStore.use((open) => open.get(notion)).pipe(Effect.provide(program))
      assert.isTrue(Option.isNone(yield* read))
    }).pipe(Effect.provide(machine({ vault: someVault })))
  )
})

describe("a configuration that names a backend", () => {
  it.effect("is warned where sign-ins were moved away from it", () =>
    Effect.gen(function* () {
      const { choose, said } = yield* Machine
      yield* choose({ backend: "vault", reason: "moved", since: 2, migratingFrom: ["encrypted"] })
      yield* inUse.pipe(Effect.provide(program))
      assert.lengthOf(said, 1)
      assert.include(said[0], "moved from there to Vault")
    }).pipe(Effect.provide(machine({ backend: "encrypted" })))
  )
})
