import { Clock, Effect } from "effect"
import { Credentials } from "../credentials/Credentials.ts"
import type { TokenSource, Unusable } from "./TokenSource.ts"
import type { TokenStates } from "./TokenStates.ts"

/** The credential in the memory of this process, while it is trusted. No I/O, and no span: it runs for every request. */
export const memorySource = (states: TokenStates): Effect.Effect<TokenSource<Unusable>, never, Credentials> =>
  Effect.map(
    Credentials,
    (credentials) => (query) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        states.of(query, credentials.inMemory(query.server, query.key, now), now)
      )
  )

/** The credential that was last read, however long ago: what is left while the store fails. No I/O. */
export const lastReadSource = (
  states: TokenStates
): Effect.Effect<TokenSource<Unusable>, never, Credentials> =>
  Effect.map(
    Credentials,
    (credentials) => (query) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        states.of(query, credentials.lastRead(query.server, query.key), now)
      )
  )
