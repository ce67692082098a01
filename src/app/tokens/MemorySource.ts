import { Clock, Effect } from "effect"
import type { TokenState } from "../../domain/TokenState.ts"
import { Credentials } from "../credentials/Credentials.ts"
import type { TokenSource } from "./TokenSource.ts"
import type { TokenStates } from "./TokenStates.ts"

/** The credential in the memory of this process. No I/O. */
export const memorySource = (
  states: TokenStates
): Effect.Effect<TokenSource<TokenState>, never, Credentials> =>
  Effect.map(
    Credentials,
    (credentials) => (query) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        states.of(query, credentials.inMemory(query.server, query.key), now)
      )
  )
