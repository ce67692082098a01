import { Effect, Layer } from "effect"
import { authorizedFetch } from "../../src/http.ts"
import { remoteServer, SignIn } from "../../src/index.ts"
import { WebLive } from "../../src/web.ts"

// A program for a page or a Worker. The test bundles it, and runs it where nothing of Node can be reached.

/** Signs in and sends a request. `approve` takes the browser from the URL to sign in at to the redirected URL. */
export const request = (
  url: string,
  init: RequestInit,
  approve: (url: string) => Promise<string>
): Promise<number> =>
  Effect.gen(function* () {
    const server = remoteServer(url)
    const signIn = yield* SignIn.SignIn
    const pending = yield* signIn.begin({ server })
    const redirected = yield* Effect.promise(() => approve(String(pending.url)))
    yield* signIn.complete(pending, new URL(redirected).searchParams, { server })
    const fetch = yield* authorizedFetch(server)
    return (yield* Effect.promise(() => fetch(url, init))).status
  }).pipe(
    Effect.provide(WebLive.services.pipe(Layer.provide(Layer.merge(WebLive.layer, WebLive.memory)))),
    Effect.runPromise
  )
