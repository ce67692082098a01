import { Effect, Fiber, Option, type Scope } from "effect"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import type { ScopeRequired, SignInRequired } from "../../domain/SignInError.ts"
import { UnattendedBrowser } from "../../ports/UnattendedBrowser.ts"
import { Credentials } from "../credentials/Credentials.ts"
import { SignIn, type SignInError } from "../signin/SignIn.ts"
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

/** Makes the sign-in of one server and account. It ends with the scope. */
export const makeSessionSignIn = Effect.fnUntraced(function* (
  server: RemoteServer,
  account: string | undefined
): Effect.fn.Return<SessionSignIn, never, Credentials | Scope.Scope | SignIn | UnattendedBrowser> {
  const { signIn } = yield* SignIn
  const credentials = yield* Credentials
  const browser = yield* UnattendedBrowser
  const scope = yield* Effect.scope
  const key = CredentialKey.at(server, account)
  let running: Fiber.Fiber<void, SignInError | SignInNeed> | undefined

  const attempt = Effect.fnUntraced(function* (
    need: SignInNeed,
    show: ((url: URL) => Effect.Effect<void>) | undefined
  ) {
    const before = Option.getOrUndefined(credentials.lastRead(server, key))?.tokens
    // One that cannot be recorded opens nothing: it would be opened again each time.
    const claim =
      show === undefined && need._tag === "SignInRequired"
        ? Effect.flatMap(browser.claim(key), (isOurs) => (isOurs ? Effect.void : need))
        : undefined
    yield* signIn({
      server,
      account,
      ...(need._tag === "ScopeRequired" ? { moreScopes: need.missing } : {}),
      // Tokens that another process has got meanwhile. If they do not suffice, the next request says so.
      adopt: ({ tokens }) =>
        tokens === undefined || before?.holds(tokens.accessToken) === true ? undefined : tokens,
      beforeAsking: claim
    }).pipe(
      Effect.provideService(SignInPrompt, show),
      // Clients start a server again after an error: the user should not see the same page again.
      Effect.tapErrorTag(["SignInRefused", "CallbackRejected"], () =>
        show === undefined ? Effect.ignore(browser.exhaust(key), { log: "Debug" }) : Effect.void
      )
    )
    yield* Effect.ignore(browser.release(key), { log: "Debug" })
  })

  return {
    mayOpenBrowser: browser.mayOpen,
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
