import { Duration, Effect, Layer } from "effect"
import { authorizedFetch } from "../../src/http.ts"
import {
  AccessTokens,
  AuthorizedHttp,
  Browser,
  CallbackListener,
  Credentials,
  remoteServer,
  SignIn,
  UserInteraction
} from "../../src/index.ts"
import { WebLive } from "../../src/web.ts"

// A program for a page or a Worker. It is bundled, and run where nothing of Node is.

/** Sends a request as one who signs in by `approve`: from the address to sign in at to where the browser ends. */
export const request = (
  url: string,
  init: RequestInit,
  approve: (url: string) => Promise<string>
): Promise<number> => {
  let ended = Promise.resolve("")
  const user = Layer.mock(UserInteraction, {
    present: true,
    timeout: Duration.minutes(1),
    askToSignIn: (_server, address) => Effect.sync(() => void (ended = approve(address.href))),
    pastedRedirect: () => Effect.promise(() => ended),
    tell: () => Effect.void
  })
  const noListener = Layer.succeed(CallbackListener, {
    bind: ({ redirectUri }) => Effect.succeed({ redirectUri, receive: () => Effect.never })
  })
  const stack = AuthorizedHttp.layer.pipe(
    Layer.provide(AccessTokens.layer),
    Layer.provide(SignIn.layer),
    Layer.provide(Credentials.layer),
    Layer.provide(Layer.mergeAll(WebLive.layer, WebLive.memory, user, noListener)),
    Layer.provide(Layer.succeed(Browser, { open: () => Effect.void }))
  )
  return Effect.gen(function* () {
    const fetch = yield* authorizedFetch(remoteServer(url))
    return (yield* Effect.promise(() => fetch(url, init))).status
  }).pipe(Effect.provide(stack), Effect.runPromise)
}
