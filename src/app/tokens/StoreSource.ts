import { Clock, Effect } from "effect"
import type { TokenState } from "../../domain/TokenState.ts"
import { Credentials } from "../credentials/Credentials.ts"
import type { TokenSource } from "./TokenSource.ts"
import type { TokenStates } from "./TokenStates.ts"

/** The stored credential, which another process may have renewed. One read. */
export const storeSource = (
  states: TokenStates
): Effect.Effect<TokenSource<TokenState>, never, Credentials> =>
  Effect.map(Credentials, (credentials) =>
    Effect.fn("StoreSource.read")(function* (query) {
      const found = yield* credentials.load(query.server, query.key)
      return states.of(query, found, yield* Clock.currentTimeMillis)
    })
  )
