import { Effect } from "effect"
import { Configuration } from "../../ports/Configuration.ts"
import { type OpenSession, ServerSession } from "../ServerSession.ts"
import { showWarnings } from "./Warnings.ts"

/** Opens a session with a server of the configuration, and closes it after the work is done. */
export const withSession = <A, E, R>(name: string, work: (session: OpenSession) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    yield* showWarnings
    const server = yield* Configuration.use((configuration) => configuration.server(name))
    return yield* work(yield* ServerSession.use((sessions) => sessions.open(server)))
  }).pipe(Effect.scoped)
