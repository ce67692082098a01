import { Clock, Context, Effect, Layer, Option, Result } from "effect"
import type { Credential } from "../../domain/Credential.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { CredentialStore, type StorageDescription, type StorageError } from "../../ports/CredentialStore.ts"
import { isOfWholeStore } from "../../ports/StorageFailure.ts"

/**
 * The sign-in of an account, as far as it is known without the network.
 *
 * - `signed in`: the access token has not expired.
 * - `refreshable`: it has expired, or was obtained by a clock that was ahead, and the next use renews it without the user.
 * - `expired`: it has expired, and only a new sign-in helps.
 * - `signed out`: no tokens are stored.
 * - `unreadable`: the stored credential cannot be read now. `problem` says why.
 */
export type SignInState = "signed in" | "refreshable" | "expired" | "signed out" | "unreadable"

/** One account of one server. */
export interface AccountStatus {
  readonly key: CredentialKey
  readonly state: SignInState
  /** When the access token expires, in milliseconds since the epoch. Absent: unknown, or no access token. */
  readonly expiresAt: number | undefined
  readonly scopes: ReadonlyArray<string>
  readonly issuer: string | undefined
  readonly keptIn: StorageDescription
  /** Why a stored credential cannot be read. */
  readonly problem: StorageError | undefined
}

/** The accounts that are known. */
export interface AccountStatuses {
  /** Sorted by name. */
  readonly accounts: ReadonlyArray<AccountStatus>
  /** Why the store could not list its accounts. Absent: it listed them all. */
  readonly unlisted: StorageError | undefined
}

/** Reports which accounts are signed in. Never uses the network, changes nothing, and reports on a locked store too. */
export class CredentialStatus extends Context.Service<
  CredentialStatus,
  {
    readonly of: (key: CredentialKey) => Effect.Effect<AccountStatus>
    /**
     * Every account in the store, and the default account of each of `servers`. Reads only those that `isWanted` selects,
     * since each may cost a request.
     */
    readonly all: (
      servers: ReadonlyArray<string>,
      isWanted?: (key: CredentialKey) => boolean
    ) => Effect.Effect<AccountStatuses>
  }
>()("mcp-cli-oauth/app/credentials/CredentialStatus") {}

const stateOf = (credential: Credential, now: number): SignInState => {
  const { tokens } = credential
  if (tokens === undefined) return "signed out"
  const isExpired = tokens.isExpired(now)
  // A grant without a user requests new tokens.
  const isRenewable = tokens.refreshToken !== undefined || credential.grant !== undefined
  if (isRenewable) return isExpired || tokens.isFromFuture(now) ? "refreshable" : "signed in"
  return isExpired ? "expired" : "signed in"
}

/** Records that are read at the same time: few enough for a distant store. */
const rows = 8

/** @see CredentialStatus */
export const layer: Layer.Layer<CredentialStatus, never, CredentialStore> = Layer.effect(
  CredentialStatus,
  Effect.gen(function* () {
    const store = yield* CredentialStore

    const read = Effect.fnUntraced(function* (
      key: CredentialKey,
      get: CredentialStore["Service"]["get"],
      isStored: (key: CredentialKey) => boolean = () => true
    ) {
      const now = yield* Clock.currentTimeMillis
      const nothing = {
        key,
        state: "signed out",
        expiresAt: undefined,
        scopes: [],
        issuer: undefined,
        keptIn: store.description,
        problem: undefined
      } as const
      return yield* get(key).pipe(
        Effect.map(
          Option.match({
            onNone: (): AccountStatus => nothing,
            onSome: (credential): AccountStatus => ({
              ...nothing,
              state: stateOf(credential, now),
              expiresAt: credential.tokens?.expiryAt(now),
              scopes: credential.grantedScopes,
              issuer: credential.issuer
            })
          })
        ),
        Effect.catch((error) =>
          Effect.succeed<AccountStatus>(
            isStored(key) ? { ...nothing, state: "unreadable", problem: error } : nothing
          )
        )
      )
    })

    /**
     * Reads like `store.get` until it fails for a reason that concerns the whole store, and then fails with that error. So
     * a locked keyring waits for the user once.
     */
    const getUntilOutage = (before: StorageError | undefined): CredentialStore["Service"]["get"] => {
      let outage = before !== undefined && isOfWholeStore(before.reason) ? before : undefined
      return (key) =>
        Effect.suspend(() => (outage === undefined ? store.get(key) : outage)).pipe(
          Effect.tapError((error) =>
            Effect.sync(() => {
              if (isOfWholeStore(error.reason)) outage = error
            })
          )
        )
    }

    const all = Effect.fn("CredentialStatus.all")(function* (
      servers: ReadonlyArray<string>,
      isWanted: (key: CredentialKey) => boolean = () => true
    ) {
      const listed = yield* Effect.result(store.list)
      const unlisted = Option.getOrUndefined(Result.getFailure(listed))
      const keys = new Map(
        [...servers.map((server) => CredentialKey.of(server)), ...Result.getOrElse(listed, () => [])].map(
          (key) => [key.storageName, key] as const
        )
      )
      const sorted = [...keys.values()]
        .filter(isWanted)
        .toSorted((a, b) => (a.storageName < b.storageName ? -1 : 1))
      const get = getUntilOutage(unlisted)
      const names = Result.isSuccess(listed)
        ? new Set(listed.success.map(({ storageName }) => storageName))
        : undefined
      // An account that the store does not list has no credential, even if reading it fails.
      const isStored = ({ storageName }: CredentialKey) => names?.has(storageName) ?? true
      const readAll = Effect.forEach((key: CredentialKey) => read(key, get, isStored))
      const first = yield* readAll(sorted.slice(0, 1))
      // In rows, because one fiber per record costs more than most reads.
      const length = Math.ceil(sorted.length / rows)
      const others = Array.from({ length: rows }, (_, row) =>
        sorted.slice(1 + row * length, 1 + (row + 1) * length)
      )
      const accounts = [...first, ...(yield* Effect.forEach(others, readAll, { concurrency: rows })).flat()]
      return { accounts, unlisted }
    })

    const of = (key: CredentialKey) => read(key, store.get)

    return CredentialStatus.of({ of, all })
  })
)
