import { Effect, Layer, Option } from "effect"
import { defaultAccount } from "../../domain/CredentialKey.ts"
import { nearName } from "../../domain/NearName.ts"
import { type RemoteServer, resourceOf } from "../../domain/Server.ts"
import { UnknownAccount } from "../../domain/SignInError.ts"
import { AccountCheck, type CheckAccount } from "../../ports/AccountCheck.ts"
import { CredentialStore } from "../../ports/CredentialStore.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"

/**
 * The check of a program whose user types the names of accounts. A named account that is not stored, where others of the server
 * are, may be mistyped: only a sign-in that the user requests makes a further account.
 */
export const layer: Layer.Layer<never, never, CredentialStore | UserInteraction> = Layer.effect(
  AccountCheck,
  Effect.gen(function* () {
    const store = yield* CredentialStore
    const user = yield* UserInteraction

    /** The accounts of a server that are stored, sorted. One that cannot be read counts, one for another resource does not. */
    const storedOf = Effect.fn("TypedAccounts.stored")(function* (server: RemoteServer) {
      const resource = resourceOf(server)
      const keys = (yield* store.list).filter((key) => key.isSignIn && key.server === server.name)
      const own = yield* Effect.filter(keys, (key) =>
        Effect.match(store.get(key), {
          onFailure: () => true,
          onSuccess: Option.exists((credential) => credential.resource === resource)
        })
      )
      return [...new Set(own.map(({ account }) => account))].toSorted()
    })

    const check: CheckAccount = Effect.fnUntraced(function* (server, { account }) {
      if (account === defaultAccount) return
      // A store that cannot be listed is reported where the sign-in is stored.
      const stored = yield* Effect.orElseSucceed(storedOf(server), (): ReadonlyArray<string> => [])
      if (stored.length === 0 || stored.includes(account)) return
      const near = nearName(account, stored)
      return yield* new UnknownAccount({
        server: server.name,
        account,
        stored,
        ...(near === undefined ? {} : { near }),
        ...(user.unattended === true ? { unattended: true } : {})
      })
    })
    return check
  })
)
