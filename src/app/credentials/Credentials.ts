import { Clock, Context, Duration, Effect, Layer, Option, Schedule } from "effect"
import type { Credential } from "../../domain/Credential.ts"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { CredentialStore, type StorageError } from "../../ports/CredentialStore.ts"
import { TokenPolicy, type TokenPolicySettings } from "../../ports/TokenPolicy.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import { BoundedMap } from "./BoundedMap.ts"
import {
  type UnsavedCredential,
  unsavedCredential,
  unsavedDecision,
  winnerOver
} from "./UnsavedCredential.ts"

/**
 * The credentials of this process. The store is authoritative; memory is a bounded copy of what was last read or written.
 * Only a credential that could not be stored is newer than the store. It is never dropped, and every `load` tries to store
 * it again.
 */
export class Credentials extends Context.Service<
  Credentials,
  {
    /**
     * The credential in memory, without I/O. None once `TokenPolicy.holdFor` has passed since it was read.
     *
     * @param now milliseconds since the epoch
     */
    readonly inMemory: (server: RemoteServer, key: CredentialKey, now: number) => Option.Option<Credential>
    /** The credential that was last read, however long ago: for use while the store fails. No I/O. */
    readonly lastRead: (server: RemoteServer, key: CredentialKey) => Option.Option<Credential>
    /** Reads the newest credential from the store. None: no credential is for this server as it is configured now. */
    readonly load: (
      server: RemoteServer,
      key: CredentialKey
    ) => Effect.Effect<Option.Option<Credential>, StorageError>
    /**
     * Stores a credential, and only then lets this process use it. If storing fails, the user is told, or the log if there
     * is no user, and the credential stays in memory. The caller holds the key's refresh lock.
     *
     * @param isSignIn the tokens are of a sign-in, and not of a renewal
     * @returns the credential that counts now: if the lock was lost meanwhile, the one that its next holder has stored, or
     *   one without tokens if it has signed out
     */
    readonly save: (
      key: CredentialKey,
      credential: Credential,
      isSignIn?: boolean
    ) => Effect.Effect<Credential>
    /**
     * Holds the tokens of a sign-in that could not be locked for storing, and tells the user. Each later `load` tries to
     * store them.
     */
    readonly saveLater: (
      key: CredentialKey,
      credential: Credential,
      why: { readonly message: string }
    ) => Effect.Effect<void>
    /**
     * Stores what was learned about a stored credential. If that fails, the process that learned it knows it alone. The
     * caller holds the key's refresh lock.
     */
    readonly annotate: (key: CredentialKey, credential: Credential) => Effect.Effect<void>
    /** Removes a credential from memory and from the store. True if there was one. The caller holds the refresh lock. */
    readonly forget: (key: CredentialKey) => Effect.Effect<boolean, StorageError>
    /**
     * Drops a credential from memory, so that the next use reads the store. For processes that are notified when another
     * one has signed in or out. A credential that could not be stored is not lost.
     */
    readonly evict: (key: CredentialKey) => Effect.Effect<void>
  }
>()("mcp-cli-oauth/app/credentials/Credentials") {}

/** What is in memory for a key. A new object for each change. */
interface Held {
  /** Absent: evicted or forgotten. */
  readonly credential: Credential | undefined
  /** Milliseconds since the epoch. */
  readonly trustedUntil: number
}

/** Tells the user, or the log if there is no user. */
const tellOrLog = Effect.map(
  Effect.serviceOption(UserInteraction),
  Option.match({
    onNone: () => (line: string) => Effect.logWarning(line),
    onSome: ({ tell }) => tell
  })
)

const retrySchedule = ({ storeRetry }: TokenPolicySettings) =>
  Schedule.exponential(storeRetry.firstDelay).pipe(
    Schedule.jittered,
    Schedule.upTo({ times: storeRetry.maxRetries })
  )

/** @see Credentials */
export const layer: Layer.Layer<Credentials, never, CredentialStore> = Layer.effect(
  Credentials,
  Effect.gen(function* () {
    const store = yield* CredentialStore
    const [tell, policy] = [yield* tellOrLog, yield* TokenPolicy]
    const [holdFor, cooldown] = [Duration.toMillis(policy.holdFor), Duration.toMillis(policy.cooldown)]
    const storeRetry = retrySchedule(policy)
    const memory = new BoundedMap<Held>(policy.maxAccounts)
    const unsaved = new Map<string, UnsavedCredential>()

    const hold = ({ storageName }: CredentialKey, credential: Credential) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        memory.set(storageName, { credential, trustedUntil: now + holdFor })
      )

    const evict = ({ storageName }: CredentialKey) =>
      Effect.sync(() => memory.set(storageName, { credential: undefined, trustedUntil: 0 }))

    /** While the store fails, not every caller waits for it. */
    const holdDuringOutage = ({ storageName }: CredentialKey) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const held = memory.get(storageName)
        if (held?.credential === undefined) return
        memory.set(storageName, { ...held, trustedUntil: Math.max(held.trustedUntil, now + cooldown) })
      })

    const inMemory = (server: RemoteServer, { storageName }: CredentialKey, now: number) => {
      const held = memory.get(storageName)
      return held?.credential !== undefined && now < held.trustedUntil && held.credential.isFor(server)
        ? Option.some(held.credential)
        : Option.none()
    }

    const lastRead = (server: RemoteServer, { storageName }: CredentialKey) =>
      Option.fromUndefinedOr(
        unsaved.get(storageName)?.credential ?? memory.get(storageName)?.credential
      ).pipe(Option.filter((credential) => credential.isFor(server)))

    const storeUnsaved = Effect.fn("Credentials.storeUnsaved")(function* (
      key: CredentialKey,
      mine: UnsavedCredential
    ) {
      const decision = yield* store.get(key).pipe(
        Effect.map((found) => unsavedDecision(Option.getOrUndefined(found), mine)),
        // An interrupted write may have left a damaged record, which this one replaces.
        Effect.catchReason("StorageError", "Corrupt", () => Effect.succeed("Store" as const))
      )
      if (decision === "Store") yield* store.put(key, mine.credential)
      if (unsaved.get(key.storageName) !== mine) return
      unsaved.delete(key.storageName)
      if (decision === "Superseded") yield* evict(key)
      else yield* hold(key, mine.credential)
    })

    const load = Effect.fn("Credentials.load")(function* (server: RemoteServer, key: CredentialKey) {
      const { storageName } = key
      const before = unsaved.get(storageName)
      // The user was told when it first failed.
      if (before !== undefined) yield* Effect.ignore(storeUnsaved(key, before), { log: "Debug" })
      const left = unsaved.get(storageName)
      if (left !== undefined) {
        yield* hold(key, left.credential)
        return lastRead(server, key)
      }
      const held = memory.get(storageName)
      const found = yield* Effect.tapError(store.get(key), () => holdDuringOutage(key))
      // A write or an eviction during the read is newer than what was read.
      if (memory.get(storageName) === held) {
        if (Option.isSome(found)) yield* hold(key, found.value)
        else memory.delete(storageName)
      }
      const newest = Option.orElse(Option.fromUndefinedOr(unsaved.get(storageName)?.credential), () => found)
      return Option.filter(newest, (credential) => credential.isFor(server))
    })

    /** Holds a credential that is newer than the store. */
    const holdUnsaved = Effect.fnUntraced(function* (
      key: CredentialKey,
      credential: Credential,
      why: { readonly message: string },
      isSignIn = true
    ) {
      const { storageName } = key
      const earlier = unsaved.get(storageName)
      const before = memory.get(storageName)?.credential
      unsaved.set(
        storageName,
        earlier
          ? { ...earlier, credential, isSignIn: earlier.isSignIn || isSignIn }
          : unsavedCredential(credential, before, isSignIn)
      )
      yield* hold(key, credential)
      yield* tell(
        `The new tokens of ${key.server} could not be stored: ${why.message} They are valid in this process only; after it ends you may have to sign in again.`
      )
    })

    const save = Effect.fn("Credentials.save")(function* (
      key: CredentialKey,
      credential: Credential,
      isSignIn = false
    ) {
      const { storageName } = key
      const before = memory.get(storageName)?.credential
      const failure = yield* store
        .put(key, credential)
        .pipe(
          Effect.retry({ schedule: storeRetry, while: ({ reason }) => reason._tag !== "Superseded" }),
          Effect.flip,
          Effect.option
        )
      const hasStored = Effect.suspend(() => {
        unsaved.delete(storageName)
        return Effect.as(hold(key, credential), credential)
      })
      if (Option.isNone(failure)) return yield* hasStored
      if (failure.value.reason._tag === "Superseded") {
        // A failed read says nothing.
        const found = yield* Effect.option(store.get(key))
        const winner = Option.map(found, (stored) =>
          winnerOver(credential, Option.getOrUndefined(stored), before, isSignIn)
        )
        if (Option.isSome(winner) && winner.value !== undefined) {
          unsaved.delete(storageName)
          yield* winner.value.tokens === undefined ? evict(key) : hold(key, winner.value)
          return winner.value
        }
        if (Option.isSome(found) && Option.isSome(yield* Effect.option(store.put(key, credential)))) {
          return yield* hasStored
        }
      }
      yield* holdUnsaved(key, credential, failure.value, isSignIn)
      return credential
    }, Effect.uninterruptible)

    const annotate = Effect.fn("Credentials.annotate")(
      function* (key: CredentialKey, credential: Credential) {
        yield* store.put(key, credential)
        yield* hold(key, credential)
      },
      Effect.ignore({ log: "Debug" })
    )

    const forget = Effect.fn("Credentials.forget")(function* (key: CredentialKey) {
      unsaved.delete(key.storageName)
      yield* evict(key)
      // Once more, for a read that began before the record was removed.
      return yield* Effect.ensuring(store.remove(key), evict(key))
    })

    return Credentials.of({ inMemory, lastRead, load, save, saveLater: holdUnsaved, annotate, forget, evict })
  })
)
