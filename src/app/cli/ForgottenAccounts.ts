import { Effect } from "effect"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import { CredentialStore } from "../../ports/CredentialStore.ts"
import { KnownNames } from "../../ports/KnownNames.ts"

/** Forgets the name of an account, which completions offer, once no sign-in to it is stored under any address. */
export const forgetUnused = Effect.fnUntraced(
  function* (key: CredentialKey) {
    const { list } = yield* CredentialStore
    const stored = yield* list
    if (!stored.some((other) => other.isOfSameAccount(key))) {
      yield* (yield* KnownNames).forgetAccount(key.server, key.account)
    }
  },
  (forgotten) => Effect.ignore(forgotten, { log: "Debug" })
)
