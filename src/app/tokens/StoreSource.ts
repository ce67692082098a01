import { Clock, Effect } from "effect"
import { Credentials } from "../credentials/Credentials.ts"
import type { TokenSource, Unusable } from "./TokenSource.ts"
import type { TokenStates } from "./TokenStates.ts"

/** The stored credential, which another process may have renewed. One read. */
export const storeSource = (states: TokenStates): Effect.Effect<TokenSource<Unusable>, never, Credentials> =>
  Effect.map(Credentials, (credentials) =>
    Effect.fnUntraced(function* (query) {
      const found = yield* credentials.load(query.server, query.key)
      return states.of(query, found, yield* Clock.currentTimeMillis)
    })
  )
