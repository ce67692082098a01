import { Deferred, Duration, Effect, Layer, Redacted } from "effect"
import { Browser } from "../../../src/ports/Browser.ts"
import { CallbackListener } from "../../../src/ports/CallbackListener.ts"
import { DpopProofs } from "../../../src/ports/DpopProofs.ts"
import { HttpTransport } from "../../../src/ports/HttpTransport.ts"
import { PkceGenerator } from "../../../src/ports/PkceGenerator.ts"
import { UserInteraction } from "../../../src/ports/UserInteraction.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import type { AuthorizationServer } from "./AuthorizationServer.ts"
import type { World } from "./World.ts"

/** Milliseconds until a user has approved. */
const approvalTime = { from: 2000, to: 20_000 }

/** The user of a process with a browser, and what brings the callback back. */
export const userOf = (
  { simulator, tell }: World,
  process: VirtualProcess,
  authorizationServer: AuthorizationServer,
  options: { readonly isPresent: boolean; readonly account: string }
) => {
  const stream = simulator.seed.fork(`user of ${process.name}`)
  const listeners = new Map<string, Deferred.Deferred<URLSearchParams>>()
  let serial = 0

  const user = UserInteraction.of({
    present: options.isPresent,
    timeout: Duration.minutes(5),
    askToSignIn: () => Effect.void,
    askToUseDevice: () => Effect.void,
    pastedRedirect: () => Effect.never,
    tell: () => Effect.void
  })

  const open = Effect.fnUntraced(function* (url: URL) {
    simulator.trace(process.name, "opens the BROWSER")
    tell({ _tag: "BrowserOpened", process, account: options.account })
    yield* Effect.sleep(stream.integer(approvalTime.from, approvalTime.to))
    const listener = listeners.get(url.searchParams.get("redirect_uri") ?? "")
    if (listener === undefined) return
    yield* Deferred.succeed(
      listener,
      new URLSearchParams({
        code: authorizationServer.authorize(),
        state: url.searchParams.get("state") ?? "",
        iss: authorizationServer.issuer
      })
    )
  })

  const listener = CallbackListener.of({
    bind: Effect.fnUntraced(function* ({ redirectUri }) {
      const received = yield* Deferred.make<URLSearchParams>()
      yield* Effect.acquireRelease(
        Effect.sync(() => listeners.set(redirectUri.href, received)),
        () => Effect.sync(() => listeners.delete(redirectUri.href))
      )
      return {
        redirectUri,
        redirectOnce: (to) => Effect.succeed(to),
        receive: (read) =>
          Effect.flatMap(Deferred.await(received), (parameters) => {
            const response = read(parameters)
            return response._tag === "Foreign" ? Effect.never : Effect.succeed(response)
          })
      }
    })
  })

  const pkce = PkceGenerator.of({
    make: Effect.sync(() => {
      serial += 1
      return {
        state: Redacted.make(`state-${process.name}-${serial}`),
        codeVerifier: Redacted.make(`verifier-${process.name}-${serial}`),
        codeChallenge: `challenge-${process.name}-${serial}`
      }
    })
  })

  return Layer.mergeAll(
    Layer.succeed(UserInteraction, user),
    Layer.succeed(Browser, Browser.of({ open: (url) => Effect.asVoid(Effect.forkDetach(open(url))) })),
    Layer.succeed(CallbackListener, listener),
    Layer.succeed(PkceGenerator, pkce),
    Layer.mock(DpopProofs, {}),
    Layer.succeed(
      HttpTransport,
      HttpTransport.of({ send: () => Effect.succeed(new Response(null, { status: 302 })) })
    )
  )
}
