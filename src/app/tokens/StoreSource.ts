import { Clock, Effect } from "effect"
import type { Credentials } from "../credentials/Credentials.ts"
import type { TokenSource, Unusable } from "./TokenSource.ts"
import type { TokenStates } from "./TokenStates.ts"

/** The stored credential, which another process may have renewed. One read. */
export const storeSource = (
  states: TokenStates,
  read: Credentials["Service"]["load"]
): TokenSource<Unusable> =>
  Effect.fnUntraced(function* (query) {
    const found = yield* read(query.server, query.key)
    return states.of(query, found, yield* Clock.currentTimeMillis)
  })
