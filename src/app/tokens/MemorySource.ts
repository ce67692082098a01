import { Clock, Effect } from "effect"
import { Credentials } from "../credentials/Credentials.ts"
import type { TokenSource, Unusable } from "./TokenSource.ts"
import type { TokenStates } from "./TokenStates.ts"

/**
 * The credential in the memory of this process, until `TokenPolicy.holdFor` has passed since it was read or written. No I/O,
 * and no span: it runs for every request.
 */
export const memorySource = (states: TokenStates): Effect.Effect<TokenSource<Unusable>, never, Credentials> =>
  Effect.map(
    Credentials,
    (credentials) => (query) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        states.of(query, credentials.inMemory(query.server, query.key, now), now)
      )
  )
