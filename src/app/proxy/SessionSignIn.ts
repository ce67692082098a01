import { Clock, Effect, Equal, Exit, Fiber, Option, type Scope } from "effect"
import { afterSignIn, elect, type ElectedEnd } from "../../domain/BrowserElection.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { type RemoteServer, resourceOf } from "../../domain/Server.ts"
import type { ScopeRequired, SignInRequired } from "../../domain/SignInError.ts"
import { BrowserOpenings } from "../../ports/BrowserOpenings.ts"
import { Credentials } from "../credentials/Credentials.ts"
import { SignIn, type SignInError, type SignInRequest } from "../signin/SignIn.ts"
import { SignInPrompt } from "./SignInPrompt.ts"

/** Why a request needs the user. */
export type SignInNeed = SignInRequired | ScopeRequired

/** Signs in while an MCP client waits. */
export interface SessionSignIn {
  /** True if a browser of this machine can show the page. */
  readonly mayOpenBrowser: boolean
  /**
   * Joins the sign-in that runs, in this process or another one, or starts it. Interruption ends the wait only: the sign-in
   * goes on, since the user may be about to approve it.
   *
   * Fails with `need` if a browser was opened for it in the last minutes.
   *
   * @param show shows the page to the user. Absent: the browser opens.
   */
  readonly join: (
    need: SignInNeed,
    show?: (url: URL) => Effect.Effect<void>
  ) => Effect.Effect<void, SignInError | SignInNeed>
  /** Ends the sign-in of this process. */
  readonly stop: Effect.Effect<void>
}

/** How a sign-in ended whose page was shown. */
const endOf = (exit: Exit.Exit<unknown, SignInError>): ElectedEnd => {
  if (Exit.isSuccess(exit)) return "succeeded"
  if (Exit.hasInterrupts(exit)) return "stopped"
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  return error?._tag === "SignInRefused" || error?._tag === "CallbackRejected" ? "refused" : "unanswered"
}

/** Makes the sign-in of one server and account. It ends with the scope. */
export const makeSessionSignIn = Effect.fnUntraced(function* (
  server: RemoteServer,
  account: string | undefined
): Effect.fn.Return<SessionSignIn, never, BrowserOpenings | Credentials | Scope.Scope | SignIn> {
  const { signIn } = yield* SignIn
  const credentials = yield* Credentials
  const openings = yield* BrowserOpenings
  const scope = yield* Effect.scope
  const key = CredentialKey.at(server, account)
  const { tag = "" } = key.beside(resourceOf(server))
  let running: Fiber.Fiber<void, SignInError | SignInNeed> | undefined

  /** Lets one process ask the user, and records how that ended: under the sign-in lock, one process after the other. */
  const elected =
    (need: SignInRequired, isAsked: () => boolean): SignInRequest["whileAsking"] =>
    (ask) =>
      Effect.gen(function* () {
        const { isRunning, pid, read, replace } = openings
        const recorded = yield* read(key)
        const now = yield* Clock.currentTimeMillis
        const election = elect(recorded, { now, pid, tag, isRunning })
        // One that cannot be recorded opens nothing: it would be opened again each time.
        if (!Equal.equals(election.openings, recorded)) yield* replace(key, election.openings)
        if (!election.isElected) return yield* need
        return yield* Effect.onExit(ask, (exit) =>
          Effect.gen(function* () {
            const now = yield* Clock.currentTimeMillis
            const end = isAsked() ? endOf(exit) : "not shown"
            yield* replace(key, afterSignIn(election.openings, end, { now, pid, tag }))
          }).pipe(Effect.ignore({ log: "Debug" }))
        )
      })

  const attempt = Effect.fnUntraced(function* (
    need: SignInNeed,
    show: ((url: URL) => Effect.Effect<void>) | undefined
  ) {
    const before = Option.getOrUndefined(credentials.lastRead(server, key))?.tokens
    let isAsked = false
    yield* signIn({
      server,
      account,
      ...(need._tag === "ScopeRequired" ? { moreScopes: need.missing } : {}),
      // Tokens that another process has got meanwhile. If they do not suffice, the next request says so.
      adopt: ({ tokens }) =>
        tokens === undefined || before?.holds(tokens.accessToken) === true ? undefined : tokens,
      ...(show === undefined && need._tag === "SignInRequired"
        ? { whileAsking: elected(need, () => isAsked) }
        : {})
    }).pipe(Effect.provideService(SignInPrompt, { show, onAsk: Effect.sync(() => void (isAsked = true)) }))
  })

  return {
    mayOpenBrowser: openings.mayOpen,
    join: (need, show) =>
      Effect.gen(function* () {
        if (running === undefined || running.pollUnsafe() !== undefined) {
          running = yield* Effect.forkIn(attempt(need, show), scope)
        }
        yield* Fiber.join(running)
      }),
    stop: Effect.suspend(() => (running === undefined ? Effect.void : Fiber.interrupt(running)))
  }
})
