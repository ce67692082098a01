import { Context, Effect, Layer, Option, Schedule } from "effect"
import { type Credential, isSameCredential } from "../../domain/Credential.ts"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { CredentialStore, type StorageError } from "../../ports/CredentialStore.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"

/** How storing is tried again before the tokens are kept in memory alone. */
const storeRetry = Schedule.exponential("50 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 2 }))

/** What is in memory for a key. */
type Held =
  | { readonly credential: Credential; readonly stored: true }
  | {
      readonly credential: Credential
      readonly stored: false
      /** What the store held before; absent: nothing. */
      readonly over: Credential | undefined
    }

/**
 * The credentials of this process: what it has in memory, over what the store holds. The two differ only where
 * storing failed; then memory is the newer, and every later access tries to store it again.
 */
export class Credentials extends Context.Service<
  Credentials,
  {
    /** What is in memory for a server; no I/O. */
    readonly inMemory: (server: RemoteServer, key: CredentialKey) => Option.Option<Credential>
    /** The newest credential, read from the store; none where there is none for this server as configured. */
    readonly load: (
      server: RemoteServer,
      key: CredentialKey
    ) => Effect.Effect<Option.Option<Credential>, StorageError>
    /**
     * Stores a credential, and only then lets this process use it. Where storing fails the user is told, or the log if
     * there is no user, and the credential lives on in memory. The caller holds the key's refresh lock.
     *
     * @returns the credential that counts now: another one where the lock was lost meanwhile, and its next holder
     * has stored something
     */
    readonly save: (key: CredentialKey, credential: Credential) => Effect.Effect<Credential>
    /** Forgets a credential, in memory and in the store; true where there was one. The caller holds the lock as well. */
    readonly forget: (key: CredentialKey) => Effect.Effect<boolean, StorageError>
  }
>()("mcp-cli-oauth/app/credentials/Credentials") {}

/** @see Credentials */
export const layer: Layer.Layer<Credentials, never, CredentialStore> = Layer.effect(
  Credentials,
  Effect.gen(function* () {
    const store = yield* CredentialStore
    const user = yield* Effect.serviceOption(UserInteraction)
    const tell = Option.match(user, {
      onNone: () => (line: string) => Effect.logWarning(line),
      onSome: (_) => _.tell
    })
    const memory = new Map<string, Held>()

    const inMemory = (server: RemoteServer, key: CredentialKey) =>
      Option.fromNullishOr(memory.get(key.storageName)?.credential).pipe(
        Option.filter((credential) => credential.isFor(server))
      )

    const storeUnsaved = Effect.fn("Credentials.storeUnsaved")(function* (key: CredentialKey) {
      const unsaved = memory.get(key.storageName)
      if (unsaved === undefined || unsaved.stored) return
      const { credential, over } = unsaved
      const save = Effect.gen(function* () {
        // A write that broke off may have left something damaged, which ours mends.
        const found = Effect.catchReason(store.get(key), "StorageError", "Corrupt", () =>
          Effect.succeed(Option.fromUndefinedOr(over))
        )
        const there = Option.getOrUndefined(yield* found)
        const isAsBefore =
          there === undefined || over === undefined
            ? there === over
            : // Whoever tried the refresh token that ours has replaced has found it worthless.
              there.tokens === undefined || isSameCredential(there, over)
        // Somebody has signed in anew or out meanwhile: that counts.
        if (!isAsBefore && (there === undefined || !isSameCredential(there, credential))) {
          memory.delete(key.storageName)
          return
        }
        if (isAsBefore) yield* store.put(key, credential)
        memory.set(key.storageName, { credential, stored: true })
      })
      // Said when it first failed; until it works, the credential in memory is the one that counts.
      yield* Effect.ignore(save, { log: "Debug" })
    })

    const load = Effect.fn("Credentials.load")(function* (server: RemoteServer, key: CredentialKey) {
      yield* storeUnsaved(key)
      if (memory.get(key.storageName)?.stored === false) return inMemory(server, key)
      const found = yield* store.get(key)
      if (Option.isSome(found)) memory.set(key.storageName, { credential: found.value, stored: true })
      else memory.delete(key.storageName)
      return inMemory(server, key)
    })

    const save = Effect.fn("Credentials.save")(function* (key: CredentialKey, credential: Credential) {
      const before = memory.get(key.storageName)
      const over = before?.stored === false ? before.over : before?.credential
      const failure = yield* store
        .put(key, credential)
        .pipe(
          Effect.retry({ schedule: storeRetry, while: ({ reason }) => reason._tag !== "Superseded" }),
          Effect.flip,
          Effect.option
        )
      if (Option.exists(failure, ({ reason }) => reason._tag === "Superseded")) {
        const winner = yield* Effect.orElseSucceed(store.get(key), () => Option.none<Credential>())
        const counts = Option.getOrElse(winner, () => credential)
        memory.set(key.storageName, { credential: counts, stored: true })
        return counts
      }
      memory.set(
        key.storageName,
        Option.isNone(failure) ? { credential, stored: true } : { credential, stored: false, over }
      )
      if (Option.isSome(failure)) {
        yield* tell(
          `The new tokens of ${key.server} could not be stored: ${failure.value.message} They work until this program ends; after that you may have to sign in again.`
        )
      }
      return credential
    }, Effect.uninterruptible)

    const forget = Effect.fn("Credentials.forget")(function* (key: CredentialKey) {
      memory.delete(key.storageName)
      return yield* store.remove(key)
    })

    return Credentials.of({ inMemory, load, save, forget })
  })
)
