import { Clock, Context, Effect, Layer, Option, Schedule, type Scope } from "effect"
import { type Credential, hasSameTokens } from "../../domain/Credential.ts"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import { type RemoteServer, resourceOf } from "../../domain/Server.ts"
import { CredentialLock, type LockError } from "../../ports/CredentialLock.ts"
import { CredentialStore, StorageError } from "../../ports/CredentialStore.ts"
import { Superseded } from "../../ports/Superseded.ts"
import { TokenPolicy, type TokenPolicySettings } from "../../ports/TokenPolicy.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import { heldCredentials } from "./HeldCredentials.ts"
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
 *
 * Before a write, the refresh lock of the key is confirmed: one whose file was removed no longer excludes other processes.
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
    /** True if the tokens that were last read are for the server, and for another client, grant or endpoint. No I/O. */
    readonly isForOther: (server: RemoteServer, key: CredentialKey) => boolean
    /** True if memory has a credential for the server that could not be stored. No I/O. */
    readonly isUnsaved: (server: RemoteServer, key: CredentialKey) => boolean
    /**
     * Reads the newest credential from the store, and writes nothing. None: no credential is for this server as it is
     * configured now.
     */
    readonly look: (
      server: RemoteServer,
      key: CredentialKey
    ) => Effect.Effect<Option.Option<Credential>, StorageError>
    /** As `look`, and stores a credential that could not be stored before. The caller holds the key's refresh lock. */
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
     * Stores what was learned about the tokens of a stored credential, unless the store holds other tokens by now. If that
     * fails, the process that learned it knows it alone. The caller holds the key's refresh lock.
     */
    readonly annotate: (key: CredentialKey, credential: Credential) => Effect.Effect<void>
    /**
     * Reserves what storing the successor of a credential needs, until the scope closes. The caller holds the key's refresh
     * lock, and is about to send the refresh token.
     */
    readonly reserve: (
      key: CredentialKey,
      credential: Credential
    ) => Effect.Effect<void, StorageError, Scope.Scope>
    /**
     * Removes a credential from memory and from the store. True if there was one. The caller holds the refresh lock. If it
     * fails, a credential that could not be stored is still held.
     */
    readonly forget: (key: CredentialKey) => Effect.Effect<boolean, StorageError | LockError>
    /**
     * Drops a credential from memory, so that the next use reads the store. For processes that are notified when another
     * one has signed in or out. A credential that could not be stored is not lost.
     */
    readonly evict: (key: CredentialKey) => Effect.Effect<void>
  }
>()("mcp-cli-oauth/app/credentials/Credentials") {}

/** Tells credentials of one name apart by their resource. */
const slotOf = ({ storageName }: CredentialKey, resource: string): string => `${storageName} ${resource}`
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

/** Drops what could not be stored of a key. Returns what takes it back. */
const dropUnsaved = (unsaved: Map<string, UnsavedCredential>, key: CredentialKey) => {
  const dropped = [...unsaved].filter(
    ([
      slot,
      {
        credential: { resource }
      }
    ]) => {
      const isMeant = key.resource === undefined ? key.mayHold(resource) : key.resource === resource
      return isMeant && slot === slotOf(key.first, resource)
    }
  )
  for (const [slot] of dropped) unsaved.delete(slot)
  return Effect.sync(() => {
    for (const [slot, mine] of dropped) if (!unsaved.has(slot)) unsaved.set(slot, mine)
  })
}

type Memory = ReturnType<typeof heldCredentials>

/**
 * Drops an unsaved credential that no longer counts, and stores any other one if the caller holds the lock. Fails if the store
 * cannot be read.
 */
const makeSettleUnsaved = (
  unsaved: Map<string, UnsavedCredential>,
  { evict, hold }: Memory,
  read: CredentialStore["Service"]["get"],
  putLocked: (key: CredentialKey, credential: Credential) => Effect.Effect<void, StorageError | LockError>
) =>
  Effect.fn("Credentials.settleUnsaved")(function* (
    key: CredentialKey,
    mine: UnsavedCredential,
    isLocked: boolean
  ) {
    const decision = yield* read(key).pipe(
      Effect.map((found) => unsavedDecision(Option.getOrUndefined(found), mine)),
      // An interrupted write may have left a damaged record, which this one replaces.
      Effect.catchReason("StorageError", "Corrupt", () => Effect.succeed("Store" as const))
    )
    if (decision === "Store") {
      if (!isLocked) return
      const write = Effect.tapError(putLocked(key, mine.credential), (error) => Effect.logDebug(error))
      // The user was told when it first failed.
      if (!(yield* Effect.isSuccess(write))) return
    }
    const slot = slotOf(key, mine.credential.resource)
    if (unsaved.get(slot) !== mine) return
    unsaved.delete(slot)
    yield* decision === "Superseded" ? evict(key) : hold(key, mine.credential)
  })

/** @see Credentials */
export const layer: Layer.Layer<Credentials, never, CredentialStore | CredentialLock> = Layer.effect(
  Credentials,
  Effect.gen(function* () {
    const store = yield* CredentialStore
    const lock = yield* CredentialLock
    const [tell, policy] = [yield* tellOrLog, yield* TokenPolicy]
    const storeRetry = retrySchedule(policy)
    const memory = heldCredentials(policy, yield* Clock.Clock)
    const { evict, heldFor, hold, inMemory, isForOther } = memory
    /** By {@link slotOf}. */
    const unsaved = new Map<string, UnsavedCredential>()

    const lastRead = (server: RemoteServer, key: CredentialKey) =>
      Option.fromUndefinedOr(
        unsaved.get(slotOf(key, resourceOf(server)))?.credential ?? memory.get(key)?.credential
      ).pipe(Option.filter((credential) => credential.isFor(server)))

    /** A lock that cannot be lost is held. */
    const confirm = (key: CredentialKey) => lock.confirm?.(key, "refresh") ?? Effect.void

    /** Is never left half-way: the lock would be released before the write ends, and the write undo what comes next. */
    const putLocked = (key: CredentialKey, credential: Credential) =>
      Effect.uninterruptible(Effect.andThen(confirm(key), store.put(key, credential)))

    const read = (key: CredentialKey) => Effect.tapError(store.get(key), () => memory.holdDuringOutage(key))

    const settleUnsaved = makeSettleUnsaved(unsaved, memory, read, putLocked)

    /** Fails if the store cannot be read: a write that has failed may have happened, and another process gone on from there. */
    const find = Effect.fn("Credentials.find")(function* (
      server: RemoteServer,
      key: CredentialKey,
      isLocked: boolean
    ) {
      const slot = slotOf(key, resourceOf(server))
      const before = unsaved.get(slot)
      if (before !== undefined) yield* settleUnsaved(key, before, isLocked)
      const left = unsaved.get(slot)
      if (left !== undefined) {
        yield* hold(key, left.credential)
        return lastRead(server, key)
      }
      const held = memory.get(key)
      const found = yield* read(key)
      // A write or an eviction during the read is newer than what was read.
      if (memory.get(key) === held) {
        if (Option.isSome(found)) yield* hold(key, found.value)
        else memory.delete(key)
      }
      const newest = Option.orElse(Option.fromUndefinedOr(unsaved.get(slot)?.credential), () => found)
      return Option.filter(newest, (credential) => credential.isFor(server))
    })

    /** Holds a credential that is newer than the store. */
    const holdUnsaved = Effect.fnUntraced(function* (
      key: CredentialKey,
      credential: Credential,
      why: { readonly message: string },
      isSignIn = true
    ) {
      const slot = slotOf(key, credential.resource)
      const earlier = unsaved.get(slot)
      const before = heldFor(key, credential)
      unsaved.set(
        slot,
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
      const slot = slotOf(key, credential.resource)
      const before = heldFor(key, credential)
      // Without the lock, the store may have something newer, and is read first.
      const overtaken = new StorageError({ reason: new Superseded({ server: key.server }) })
      const failure = yield* Effect.mapError(confirm(key), () => overtaken).pipe(
        Effect.andThen(store.put(key, credential)),
        Effect.retry({ schedule: storeRetry, while: ({ reason }) => reason._tag !== "Superseded" }),
        Effect.flip,
        Effect.option
      )
      const hasStored = Effect.suspend(() => {
        unsaved.delete(slot)
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
          unsaved.delete(slot)
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
        // Without the lock, or by a program that ignores it, newer tokens may have been stored since the request.
        const found = yield* store.get(key)
        if (!Option.exists(found, (stored) => hasSameTokens(stored, credential))) return
        yield* putLocked(key, credential)
        yield* hold(key, credential)
      },
      Effect.ignore({ log: "Debug" })
    )

    const forget = Effect.fn("Credentials.forget")(function* (key: CredentialKey) {
      const takeBack = dropUnsaved(unsaved, key)
      yield* evict(key)
      return yield* Effect.uninterruptible(Effect.andThen(confirm(key), store.remove(key))).pipe(
        // The sign-in is not over, and what could not be stored is the only copy of its tokens.
        Effect.onError(() => takeBack),
        // Once more, for a read that began before the record was removed.
        Effect.ensuring(evict(key))
      )
    })

    return Credentials.of({
      inMemory,
      lastRead,
      isForOther,
      isUnsaved: (server, key) => unsaved.has(slotOf(key, resourceOf(server))),
      look: (server, key) => find(server, key, false),
      load: (server, key) => find(server, key, true),
      save,
      saveLater: holdUnsaved,
      annotate,
      reserve: (key, credential) => store.reserve?.(key, credential) ?? Effect.void,
      forget,
      evict
    })
  })
)
