import { Clock, Context, Effect, Layer, Option, Result } from "effect"
import type { Credential } from "../../domain/Credential.ts"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import type { TokenSet } from "../../domain/TokenSet.ts"
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
  /** True: when the access token expires, the next use gets another without the user. */
  readonly renewable: boolean
  /** The server that the sign-in is, or would be, for (RFC 8707). Absent: unknown. */
  readonly resource: string | undefined
  readonly keptIn: StorageDescription
  /** Why a stored credential cannot be read. */
  readonly problem: StorageError | undefined
  /** True if the stored credential is for the server as it is configured now. Absent: none is stored, or it cannot be read. */
  readonly isFor?: Credential["isFor"]
  /** The last refresh failed, and a sign-in may be needed. Absent: no refresh is due, or it is not known to fail. */
  readonly failed?: { readonly at: number; readonly answer: string } | undefined
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
     * Every account in the store, and each of `expected` that is not stored, or for another resource only. Reads only those
     * that `isWanted` selects, since each may cost a request, and calls `progress` after each.
     */
    readonly all: (
      expected: ReadonlyArray<CredentialKey>,
      isWanted?: (key: CredentialKey) => boolean,
      progress?: (done: number, total: number) => Effect.Effect<void>
    ) => Effect.Effect<AccountStatuses>
  }
>()("mcp-cli-oauth/app/credentials/CredentialStatus") {}

/** True if the next use renews the tokens without the user: by a refresh, or by a grant without a user. */
const isRenewable = ({ grant, tokens }: Credential): boolean =>
  tokens !== undefined && (tokens.refreshToken !== undefined || grant !== undefined)

const stateOf = (credential: Credential, now: number): SignInState => {
  const { tokens } = credential
  if (tokens === undefined) return "signed out"
  const isExpired = tokens.isExpired(now)
  if (isRenewable(credential)) return isExpired || tokens.isFromFuture(now) ? "refreshable" : "signed in"
  return isExpired ? "expired" : "signed in"
}

const failedRefresh = (tokens: TokenSet | undefined, now: number): AccountStatus["failed"] => {
  const answer = tokens?.isExpired(now) === true ? tokens.unclearAnswer : undefined
  return answer === undefined ? undefined : { at: tokens?.failed?.at ?? now, answer }
}

const byName = (a: CredentialKey, b: CredentialKey): number => (a.storageName < b.storageName ? -1 : 1)

/** Records that are read at the same time: few enough for a distant store. */
const rows = 8

/** @see CredentialStatus */
export const layer: Layer.Layer<CredentialStatus, never, CredentialStore> = Layer.effect(
  CredentialStatus,
  Effect.gen(function* () {
    const store = yield* CredentialStore

    /** The status of an account that is not stored. */
    const absent = (key: CredentialKey): AccountStatus => ({
      key,
      state: "signed out",
      expiresAt: undefined,
      renewable: false,
      scopes: [],
      issuer: undefined,
      resource: key.resource,
      keptIn: store.description,
      problem: undefined
    })

    const read = Effect.fnUntraced(function* (key: CredentialKey, get: CredentialStore["Service"]["get"]) {
      const now = yield* Clock.currentTimeMillis
      const nothing = absent(key)
      return yield* get(key).pipe(
        Effect.map(
          Option.match({
            onNone: (): AccountStatus => nothing,
            onSome: (credential): AccountStatus => ({
              ...nothing,
              state: stateOf(credential, now),
              expiresAt: credential.tokens?.expiryAt(now),
              renewable: isRenewable(credential),
              scopes: credential.grantedScopes,
              issuer: credential.issuer,
              resource: credential.resource,
              failed: failedRefresh(credential.tokens, now),
              isFor: (server) => credential.isFor(server)
            })
          })
        ),
        Effect.catch((problem) => Effect.succeed<AccountStatus>({ ...nothing, state: "unreadable", problem }))
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
      expected: ReadonlyArray<CredentialKey>,
      isWanted: (key: CredentialKey) => boolean = () => true,
      progress: (done: number, total: number) => Effect.Effect<void> = () => Effect.void
    ) {
      const listed = yield* Effect.result(store.list)
      const unlisted = Option.getOrUndefined(Result.getFailure(listed))
      // An account that the store does not list has no credential. If it lists none, the expected ones are read.
      const sorted = Result.getOrElse(listed, () => expected)
        .filter(isWanted)
        .toSorted(byName)
      const get = getUntilOutage(unlisted)
      let done = 0
      const readAll = Effect.forEach((key: CredentialKey) =>
        Effect.tap(read(key, get), () => progress(++done, sorted.length))
      )
      const first = yield* readAll(sorted.slice(0, 1))
      // In rows, because one fiber per record costs more than most reads.
      const length = Math.ceil(sorted.length / rows)
      const others = Array.from({ length: rows }, (_, row) =>
        sorted.slice(1 + row * length, 1 + (row + 1) * length)
      )
      const stored = [...first, ...(yield* Effect.forEach(others, readAll, { concurrency: rows })).flat()]
      const isStored = (wanted: CredentialKey) =>
        stored.some(
          ({ key, resource }) =>
            key.isOfSameAccount(wanted) &&
            (resource === undefined || wanted.resource === undefined || resource === wanted.resource)
        )
      const missing = expected.filter((key) => isWanted(key) && !isStored(key)).map(absent)
      return { accounts: [...stored, ...missing].toSorted((a, b) => byName(a.key, b.key)), unlisted }
    })

    const of = (key: CredentialKey) => read(key, store.get)

    return CredentialStatus.of({ of, all })
  })
)
