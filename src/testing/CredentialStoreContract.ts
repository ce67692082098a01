import { Effect, Option } from "effect"
import { CredentialKey } from "../domain/CredentialKey.ts"
import { CredentialStore, type StorageError } from "../ports/CredentialStore.ts"
import {
  type ContractCase,
  type ContractViolation,
  ensure,
  ensureCredential,
  exampleCredential
} from "./Contract.ts"

/** Server names that file systems, URLs and databases tend to confuse. */
const names = [
  "notion",
  "Notion",
  "no tion",
  "../../etc/passwd",
  "a/b",
  "a\\b",
  ".salt",
  "con",
  "a@b",
  "a%40b",
  "日本語 🦊",
  "x".repeat(60)
]

const notion = CredentialKey.of("notion")
const linear = CredentialKey.of("linear")

const testCase = (
  name: string,
  run: (store: CredentialStore["Service"]) => Effect.Effect<void, ContractViolation | StorageError>
): ContractCase<CredentialStore, StorageError> => ({ name, run: CredentialStore.use(run) })

/**
 * What every {@link CredentialStore} does, whatever it stores credentials in. Each case needs an empty store.
 *
 * **Example** (A store in Redis, with Vitest)
 *
 * ```ts
 * for (const { name, run } of credentialStoreContract) {
 *   it(name, () => Effect.runPromise(run.pipe(Effect.provide(Layer.fresh(RedisStore.layer)))))
 * }
 * ```
 */
export const credentialStoreContract: ReadonlyArray<ContractCase<CredentialStore, StorageError>> = [
  testCase(
    "has nothing under a key that was never stored",
    Effect.fnUntraced(function* (store) {
      yield* ensure(
        Option.isNone(yield* store.get(notion)),
        "get returns none for a key that was never stored"
      )
      yield* ensure(!(yield* store.remove(notion)), "remove returns false for a key that was never stored")
      yield* ensure((yield* store.list).length === 0, "list is empty for a new store")
    })
  ),
  testCase(
    "returns what was put, and the newest of two",
    Effect.fnUntraced(function* (store) {
      const [first, second] = [exampleCredential("first"), exampleCredential("second", 2)]
      yield* store.put(notion, first)
      yield* ensureCredential(yield* store.get(notion), first, "get returns what was put, in every field")
      yield* store.put(notion, second)
      yield* ensureCredential(yield* store.get(notion), second, "a second put replaces the first")
    })
  ),
  testCase(
    "stores a credential without tokens, and tokens of 16 KiB in any script",
    Effect.fnUntraced(function* (store) {
      const large = exampleCredential("é🦊\u0000x".repeat(4096))
      yield* store.put(notion, large.withoutTokens)
      yield* ensureCredential(
        yield* store.get(notion),
        large.withoutTokens,
        "a credential without tokens is returned without tokens"
      )
      yield* store.put(notion, large)
      yield* ensureCredential(yield* store.get(notion), large, "tokens of 16 KiB are returned unchanged")
    })
  ),
  testCase(
    "does not confuse two names or accounts, and lists them sorted",
    Effect.fnUntraced(function* (store) {
      const entries = names
        .flatMap((server) => [
          CredentialKey.of(server),
          CredentialKey.of(server, "Work"),
          CredentialKey.ofSecret({ server, name: "Work" })
        ])
        .flatMap((key) => [key, key.beside(exampleCredential("any").resource)])
        .map((key) => ({ key, credential: exampleCredential(`of ${key.storageName}`) }))
      for (const { credential, key } of entries) yield* store.put(key, credential)
      for (const { credential, key } of entries) {
        const what = `get returns the credential of ${key.server} (${key.account}) named ${key.storageName}, and no other`
        yield* ensureCredential(yield* store.get(key), credential, what)
      }
      const listed = (yield* store.list).map(({ storageName }) => storageName)
      const expected = entries.map(({ key }) => key.storageName).toSorted()
      yield* ensure(
        listed.length === expected.length && listed.every((name, at) => name === expected[at]),
        "list returns every key once, sorted by storage name"
      )
    })
  ),
  testCase(
    "removes one key and nothing else",
    Effect.fnUntraced(function* (store) {
      const other = exampleCredential("linear")
      yield* store.put(notion, exampleCredential("notion"))
      yield* store.put(linear, other)
      yield* ensure(yield* store.remove(notion), "remove returns true if there was a record")
      yield* ensure(Option.isNone(yield* store.get(notion)), "get returns none after remove")
      yield* ensureCredential(yield* store.get(linear), other, "remove leaves other keys as they are")
      yield* ensure(!(yield* store.remove(notion)), "remove returns false the second time")
    })
  ),
  testCase(
    "changes nothing by a reservation, and stores in it",
    Effect.fnUntraced(function* (store) {
      const [before, after] = [exampleCredential("before"), exampleCredential("after", 2)]
      const reserve = store.reserve?.(notion, before) ?? Effect.void
      yield* store.put(notion, before)
      yield* Effect.scoped(reserve)
      yield* ensureCredential(
        yield* store.get(notion),
        before,
        "a reservation that is given up changes nothing"
      )
      yield* Effect.scoped(Effect.andThen(reserve, store.put(notion, after)))
      yield* ensureCredential(yield* store.get(notion), after, "put works within a reservation")
      yield* store.put(notion, before)
      yield* ensureCredential(yield* store.get(notion), before, "put works after a reservation")
      yield* ensure((yield* store.list).length === 1, "list returns no reservation")
    })
  ),
  testCase(
    "starts over after it was cleared",
    Effect.fnUntraced(function* (store) {
      const again = exampleCredential("again")
      yield* store.put(notion, exampleCredential("notion"))
      yield* store.clear
      yield* ensure((yield* store.list).length === 0, "list is empty after clear")
      yield* ensure(Option.isNone(yield* store.get(notion)), "get returns none after clear")
      yield* store.put(notion, again)
      yield* ensureCredential(yield* store.get(notion), again, "put works after clear")
    })
  ),
  testCase(
    "has a whole credential after many concurrent writes",
    Effect.fnUntraced(function* (store) {
      const writes = Array.from({ length: 20 }, (_, at) => exampleCredential(`writer ${at}`, at))
      yield* Effect.forEach(writes, (credential) => store.put(notion, credential), {
        concurrency: "unbounded"
      })
      const found = yield* store.get(notion)
      const winner = Option.flatMap(found, ({ generation }) => Option.fromNullishOr(writes[generation]))
      yield* ensure(Option.isSome(winner), "get returns one of the credentials that were put")
      if (Option.isSome(winner))
        yield* ensureCredential(found, winner.value, "concurrent writes do not mix two credentials")
    })
  )
]
