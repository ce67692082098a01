import { Effect, Option } from "effect"
import { type OpenSession, ServerSession } from "../session/ServerSession.ts"
import { accountAt } from "./Arguments.ts"
import { Account } from "./Settings.ts"
import { UsageError } from "./UsageError.ts"
import { usableServer } from "./UsableServer.ts"
import { showWarnings } from "./Warnings.ts"

/** Opens a session with a server of the configuration, which closes with the scope. */
export const openServer = Effect.fnUntraced(function* (name: string) {
  yield* showWarnings(name)
  const server = yield* usableServer(name)
  const { account } = yield* accountAt(name)
  if (server._tag === "Stdio" && Option.isSome(yield* Account)) {
    return yield* new UsageError({
      problem: `${name} is a program on this machine, which has no accounts. Leave out --account.`
    })
  }
  return { account, server, session: yield* ServerSession.use((sessions) => sessions.open(server, account)) }
})

/** Opens a session with a server of the configuration, and closes it after `work`. */
export const withSession = <A, E, R>(name: string, work: (session: OpenSession) => Effect.Effect<A, E, R>) =>
  openServer(name).pipe(
    Effect.flatMap(({ session }) => work(session)),
    Effect.scoped
  )
