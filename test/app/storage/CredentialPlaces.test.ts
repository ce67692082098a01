import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Option, Result } from "effect"
import * as MemoryLock from "../../../src/adapters/lock/MemoryLock.ts"
import * as MemoryStore from "../../../src/adapters/store/memory/MemoryStore.ts"
import { byResource } from "../../../src/app/storage/CredentialPlaces.ts"
import { Credential } from "../../../src/domain/Credential.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { CredentialLock } from "../../../src/ports/CredentialLock.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import { Corrupt, Inaccessible, NoPassword, type StorageFailure } from "../../../src/ports/StorageFailure.ts"
import { credentialWith } from "../../contract/CredentialStoreContract.ts"

const a = "https://a.test/mcp"
const b = "https://b.test/mcp"
const keyOf = (resource: string) => CredentialKey.of("s", "default", resource)
const first = CredentialKey.of("s")
const credentialOf = (resource: string, text: string, generation = 1) =>
  new Credential({ ...credentialWith(text, generation), resource })

/** A machine whose processes share a store and its lock. Reads of the store can fail. */
const machine = Effect.gen(function* () {
  const context = yield* Layer.build(Layer.merge(Layer.fresh(MemoryStore.layer), MemoryLock.layer))
  const memory = Context.get(context, CredentialStore)
  const lock = Context.get(context, CredentialLock)
  const reads: Array<string> = []
  const failures = new Map<string, StorageFailure>()
  const store: CredentialStore["Service"] = {
    ...memory,
    get: (key) =>
      Effect.suspend(() => {
        reads.push(key.storageName)
        const reason = failures.get(key.storageName) ?? failures.get("*")
        return reason === undefined ? memory.get(key) : new StorageError({ reason })
      })
  }
  const process = () => byResource({ store, lock })
  return { memory, lock, process, reads, failures }
})

const accessTokenIn = (found: Option.Option<Credential>) =>
  Option.map(found, ({ resource, tokens }) => [
    resource,
    tokens?.holds(credentialWith("new of a").tokens!.accessToken)
  ])

describe("two projects that give one name to two servers", () => {
  it.effect("each keep their own sign-in, and the first one has the documented name", () =>
    Effect.gen(function* () {
      const { memory, process, reads } = yield* machine
      yield* process().store.put(keyOf(a), credentialOf(a, "of a"))
      yield* process().store.put(keyOf(b), credentialOf(b, "of b"))
      yield* process().store.put(keyOf(a), credentialOf(a, "new of a", 2))
      const names = (yield* memory.list).map(({ storageName }) => storageName)
      assert.deepStrictEqual(names, ["s", first.beside(b).storageName])
      reads.length = 0
      assert.deepStrictEqual(accessTokenIn(yield* process().store.get(keyOf(a))), Option.some([a, true]))
      // As many reads as without the other project.
      assert.deepStrictEqual(reads, ["s"])
      assert.deepStrictEqual(accessTokenIn(yield* process().store.get(keyOf(b))), Option.some([b, false]))
      assert.isTrue(Option.isNone(yield* process().store.get(keyOf("https://c.test/"))))
    })
  )

  it.effect("do not sign each other out", () =>
    Effect.gen(function* () {
      const { process } = yield* machine
      yield* process().store.put(keyOf(a), credentialOf(a, "of a"))
      assert.isFalse(yield* process().store.remove(keyOf(b)))
      yield* process().store.put(keyOf(b), credentialOf(b, "of b"))
      assert.isTrue(yield* process().store.remove(keyOf(a)))
      assert.isTrue(Option.isNone(yield* process().store.get(keyOf(a))))
      assert.isTrue(Option.isSome(yield* process().store.get(keyOf(b))))
      // The sign-in beside it stays where it is when the plain name is free again.
      yield* process().store.put(keyOf(b), credentialOf(b, "new of b", 2))
      yield* process().store.put(keyOf(a), credentialOf(a, "again of a"))
      assert.strictEqual(Option.getOrThrow(yield* process().store.get(keyOf(b))).generation, 2)
      assert.isTrue(Option.isSome(yield* process().store.get(keyOf(a))))
    })
  )

  it.effect("sign in at the same time, and lose neither", () =>
    Effect.gen(function* () {
      const { process } = yield* machine
      const [one, other] = [process(), process()]
      for (const [by, resource] of [
        [one, a],
        [other, b]
      ] as const) {
        assert.isTrue(Option.isNone(yield* by.store.get(keyOf(resource))))
      }
      const signIn = ({ lock, store }: typeof one, resource: string) =>
        store
          .put(keyOf(resource), credentialOf(resource, "new"))
          .pipe(lock.withLock(keyOf(resource), "refresh"))
      yield* Effect.all([signIn(one, a), signIn(other, b)], { concurrency: 2 })
      assert.isTrue(Option.isSome(yield* process().store.get(keyOf(a))))
      assert.isTrue(Option.isSome(yield* process().store.get(keyOf(b))))
    })
  )

  it.effect("refresh one at a time what is of one, and do not wait for each other", () =>
    Effect.gen(function* () {
      const { lock, process } = yield* machine
      yield* process().store.put(keyOf(a), credentialOf(a, "of a"))
      yield* process().store.put(keyOf(b), credentialOf(b, "of b"))
      const held = yield* Deferred.make<void>()
      const release = yield* Deferred.make<void>()
      const holder = yield* Effect.forkChild(
        lock.withLock(
          first.beside(b),
          "refresh"
        )(Effect.andThen(Deferred.succeed(held, undefined), Deferred.await(release)))
      )
      yield* Deferred.await(held)
      yield* process().lock.withLock(keyOf(a), "refresh")(Effect.void)
      const waiting = yield* Effect.forkChild(
        process().lock.withLock(keyOf(b), "refresh")(Effect.succeed("held"))
      )
      yield* Effect.yieldNow
      assert.isUndefined(waiting.pollUnsafe())
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.join(holder)
      assert.strictEqual(yield* Fiber.join(waiting), "held")
    })
  )
})

describe("what a refresh makes sure of", () => {
  it.effect("is about the lock and the space of the record itself", () =>
    Effect.gen(function* () {
      const { lock, memory } = yield* machine
      yield* memory.put(first, credentialOf(a, "of a"))
      const confirmed: Array<string> = []
      const reserved: Array<string> = []
      const placed = byResource({
        lock: {
          ...lock,
          confirm: (key, purpose) => Effect.sync(() => void confirmed.push(`${key.storageName} ${purpose}`))
        },
        store: { ...memory, reserve: (key) => Effect.sync(() => void reserved.push(key.storageName)) }
      })
      for (const resource of [a, b]) {
        const key = keyOf(resource)
        yield* placed.lock
          .withLock(
            key,
            "refresh"
          )(
            Effect.gen(function* () {
              yield* placed.lock.confirm?.(key, "refresh") ?? Effect.void
              yield* placed.store.reserve?.(key, credentialOf(resource, "next")) ?? Effect.void
            })
          )
          .pipe(Effect.scoped)
      }
      const second = first.beside(b).storageName
      assert.deepStrictEqual(confirmed, ["s refresh", `${second} refresh`])
      assert.deepStrictEqual(reserved, ["s", second])
    })
  )
})

describe("a refresh after the store was changed by another process", () => {
  it.effect("holds the lock of where the record is now, and replaces no other sign-in", () =>
    Effect.gen(function* () {
      const { lock, memory } = yield* machine
      const held = new Set<string>()
      const confirmed: Array<boolean> = []
      const placed = byResource({
        store: memory,
        lock: {
          withLock: (key, purpose) => (effect) =>
            lock.withLock(
              key,
              purpose
            )(
              Effect.acquireUseRelease(
                Effect.sync(() => held.add(key.storageName)),
                () => effect,
                () => Effect.sync(() => held.delete(key.storageName))
              )
            ),
          confirm: (key) => Effect.sync(() => void confirmed.push(held.has(key.storageName)))
        }
      })
      yield* memory.put(first, credentialOf(a, "of a"))
      assert.isTrue(Option.isSome(yield* placed.store.get(keyOf(a))))
      // As after a move to a Vault where another machine has the name.
      yield* memory.put(first, credentialOf(b, "of b"))
      yield* memory.put(first.beside(a), credentialOf(a, "of a"))
      const refresh = Effect.andThen(
        placed.lock.confirm?.(keyOf(a), "refresh") ?? Effect.void,
        placed.store.put(keyOf(a), credentialOf(a, "new of a", 2))
      )
      yield* placed.lock.withLock(keyOf(a), "refresh")(refresh)
      assert.deepStrictEqual(confirmed, [true])
      assert.strictEqual(Option.getOrThrow(yield* memory.get(first)).resource, b)
      assert.strictEqual(Option.getOrThrow(yield* memory.get(first.beside(a))).generation, 2)
      assert.deepStrictEqual([...held], [])
    })
  )
})

describe("a first record that cannot be read", () => {
  const corrupt = new Corrupt({ path: "s", detail: "damaged", key: first })
  const eio = new Inaccessible({ path: "s", detail: "EIO" })

  it.effect("does not hide the sign-in beside it, and is not replaced by a new one", () =>
    Effect.gen(function* () {
      const { failures, memory, process } = yield* machine
      yield* memory.put(first, credentialOf(a, "of a"))
      failures.set("s", corrupt)
      assert.strictEqual((yield* Effect.flip(process().store.get(keyOf(b)))).reason._tag, "Corrupt")
      yield* process().store.put(keyOf(b), credentialOf(b, "of b"))
      assert.isTrue(Option.isSome(yield* process().store.get(keyOf(b))))
      failures.clear()
      assert.isTrue(Option.isSome(yield* process().store.get(keyOf(a))))
    })
  )

  it.effect.each([corrupt, new NoPassword({})])("can be forgotten: %o", (reason) =>
    Effect.gen(function* () {
      const { failures, memory, process } = yield* machine
      yield* memory.put(first, credentialOf(a, "of a"))
      failures.set("*", reason)
      assert.isTrue(yield* process().store.remove(keyOf(a)))
      assert.deepStrictEqual(yield* memory.list, [])
    })
  )

  it.effect.each(["s", first.beside(a).storageName])(
    "for now is not taken for another server's: no second record while %s fails",
    (unreadable) =>
      Effect.gen(function* () {
        const { failures, memory, process } = yield* machine
        const { put } = process().store
        yield* memory.put(first, credentialOf(a, "of a"))
        failures.set(unreadable, eio)
        const stored = yield* Effect.result(put(keyOf(a), credentialOf(a, "new of a", 2)))
        failures.clear()
        if (Result.isFailure(stored)) yield* put(keyOf(a), credentialOf(a, "new of a", 2))
        const names = (yield* memory.list).map(({ storageName }) => storageName)
        assert.deepStrictEqual(names, ["s"])
        assert.strictEqual(Option.getOrThrow(yield* memory.get(first)).generation, 2)
      })
  )

  const beside = first.beside(b).storageName

  it.effect.each([
    { is: "another server's", unreadable: [beside], why: eio, end: "no record" },
    { is: "another server's, beside a damaged one", unreadable: [beside], why: corrupt, end: "removed" },
    { is: "not readable for now", unreadable: ["s", beside], why: eio, end: "Inaccessible" },
    { is: "not readable for now, beside none", unreadable: ["s"], why: eio, end: "Inaccessible" }
  ])("is not removed for another server if it is $is", ({ end, unreadable, why }) =>
    Effect.gen(function* () {
      const { failures, memory, process } = yield* machine
      yield* memory.put(first, credentialOf(a, "of a"))
      if (why === corrupt) yield* memory.put(first.beside(b), credentialOf(b, "of b"))
      for (const name of unreadable) failures.set(name, why)
      const removal = yield* Effect.result(process().store.remove(keyOf(b)))
      const is = Result.match(removal, {
        onFailure: ({ reason }) => reason._tag,
        onSuccess: (existed) => (existed ? "removed" : "no record")
      })
      assert.strictEqual(is, end)
      assert.strictEqual(Option.getOrThrow(yield* memory.get(first)).resource, a)
    })
  )
})
