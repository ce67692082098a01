import { Clock, Context, Effect, Layer, Option, Result } from "effect"
import type { Credential } from "../../domain/Credential.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { CredentialStore, type StorageDescription, type StorageError } from "../../ports/CredentialStore.ts"
import { isOfWholeStore } from "../../ports/StorageFailure.ts"

/**
 * How somebody stands with a server, as far as this machine knows without asking it.
 *
 * - `signed in`: the access token has not ended.
 * - `refreshable`: it has, and the next use refreshes it, or asks for another where nobody has to approve that.
 * - `expired`: it has, and only a new sign-in helps.
 * - `signed out`: nothing is kept, or the server took the tokens back.
 * - `unreadable`: something is kept that cannot be read now; `problem` says why.
 */
export type SignInState = "signed in" | "refreshable" | "expired" | "signed out" | "unreadable"

/** One account of one server. */
export interface AccountStatus {
  readonly key: CredentialKey
  readonly state: SignInState
  /** End of the access token in milliseconds since the epoch; absent: unknown, or none. */
  readonly expiresAt: number | undefined
  readonly scopes: ReadonlyArray<string>
  readonly issuer: string | undefined
  readonly keptIn: StorageDescription
  readonly problem: string | undefined
}

/** Accounts as far as they are known. */
export interface AccountStatuses {
  /** Sorted by name. */
  readonly accounts: ReadonlyArray<AccountStatus>
  /** Why the store did not tell what else it keeps; absent where it did. */
  readonly unlisted: StorageError | undefined
}

/** Tells who is signed in where. It never uses the network, changes nothing, and works on with a locked store. */
export class CredentialStatus extends Context.Service<
  CredentialStatus,
  {
    readonly of: (key: CredentialKey) => Effect.Effect<AccountStatus>
    /**
     * Every account in the store, and the default account of each of `servers`. Only those that are wanted are looked
     * at, since each may cost a request.
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
  if (!tokens.isExpired(now)) return "signed in"
  // Tokens that nobody has to approve are asked for anew.
  return tokens.refreshToken === undefined && credential.grant === undefined ? "expired" : "refreshable"
}

/** How many records are read at the same time. */
const rows = 8

/** @see CredentialStatus */
export const layer: Layer.Layer<CredentialStatus, never, CredentialStore> = Layer.effect(
  CredentialStatus,
  Effect.gen(function* () {
    const store = yield* CredentialStore

    const read = Effect.fnUntraced(function* (
      key: CredentialKey,
      get: CredentialStore["Service"]["get"],
      isKept: (key: CredentialKey) => boolean = () => true
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
              expiresAt: credential.tokens?.expiresAt,
              scopes: credential.grantedScopes,
              issuer: credential.issuer
            })
          })
        ),
        Effect.catch((error) =>
          Effect.succeed<AccountStatus>(
            isKept(key) ? { ...nothing, state: "unreadable", problem: error.message } : nothing
          )
        )
      )
    })

    /** As `store.get`, until that says what holds for all: a keyring that waits for somebody is waited for once. */
    const getUntilOutage = (before: StorageError | undefined): CredentialStore["Service"]["get"] => {
      let outage = before !== undefined && isOfWholeStore(before.reason) ? before : undefined
      return (key) =>
        Effect.suspend(() => (outage === undefined ? store.get(key) : Effect.fail(outage))).pipe(
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
      // What is not even listed is not kept, whatever keeps it from being looked at.
      const isKept = ({ storageName }: CredentialKey) => names?.has(storageName) ?? true
      const readAll = Effect.forEach((key: CredentialKey) => read(key, get, isKept))
      const first = yield* readAll(sorted.slice(0, 1))
      // A few at a time, since a store may be far away; and in rows, since a fiber for each would cost more than most reads.
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
