import { Deferred, Duration, Effect, Layer, Redacted } from "effect"
import { Browser } from "../../../src/ports/Browser.ts"
import { CallbackListener } from "../../../src/ports/CallbackListener.ts"
import { DpopProofs } from "../../../src/ports/DpopProofs.ts"
import { HttpTransport } from "../../../src/ports/HttpTransport.ts"
import { PkceGenerator } from "../../../src/ports/PkceGenerator.ts"
import { UserInteraction } from "../../../src/ports/UserInteraction.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import type { Account } from "./Account.ts"
import type { World } from "./World.ts"

/** Milliseconds until a user has approved, and until one has who does something else first. */
const approvalTime = { from: 2000, to: 20_000 }
const lateApprovalTime = { from: 20_000, to: 480_000 }

/** The user of a process with a browser, and what brings the callback back. */
export const userOf = (
  { fails, scenario, simulator, tell }: World,
  process: VirtualProcess,
  accounts: ReadonlyArray<Account>,
  options: {
    readonly isPresent: boolean
    /** True while the user has asked for a sign-in to an account, or its server for another scope. */
    readonly isRequested: (account: string) => boolean
    /** The process is a proxy: nothing reminds the user of its browser. */
    readonly isProxy?: boolean
  }
) => {
  const stream = simulator.seed.fork(`user of ${process.name}`)
  const listeners = new Map<string, Deferred.Deferred<URLSearchParams>>()
  /** The account of each open browser, by the address that it comes back to. */
  const browsers = new Map<string, string>()
  let serial = 0

  const accountAt = ({ searchParams }: URL) =>
    accounts.find(({ resource }) => resource === searchParams.get("resource"))

  const user = UserInteraction.of({
    present: options.isPresent,
    timeout: Duration.millis((options.isProxy === true ? scenario.browserTimeout : undefined) ?? 300_000),
    askToSignIn: () => Effect.void,
    askToUseDevice: () => Effect.void,
    pastedRedirect: () => Effect.never,
    tell: () => Effect.void
  })

  /** The page in the browser. It has nothing to approve for a client that its server does not know. */
  const approve = Effect.fnUntraced(function* ({ authorizationServer, name, resource }: Account, url: URL) {
    const value = (name: string) => url.searchParams.get(name) ?? ""
    const clientId = value("client_id")
    const listener = listeners.get(value("redirect_uri"))
    const isProxy = options.isProxy === true
    if (isProxy && fails(stream, "noApproval")) return
    const isLate = isProxy && fails(stream, "lateApproval")
    const isRefusal = isProxy && fails(stream, "refusal")
    const { from, to } = isLate ? lateApprovalTime : approvalTime
    yield* Effect.sleep(stream.integer(from, to))
    // The sign-in that opened this page may be over, and another one wait at its address.
    if (listener === undefined || listeners.get(value("redirect_uri")) !== listener) return
    if (!authorizationServer.knows(clientId)) return
    const back = { state: value("state"), iss: authorizationServer.issuer }
    if (isRefusal) {
      simulator.trace(process.name, `the user REFUSES ${name}`)
      tell({ _tag: "Refused", process, account: name })
      yield* Deferred.succeed(listener, new URLSearchParams({ error: "access_denied", ...back }))
      return
    }
    const scopes = value("scope").split(" ")
    const code = authorizationServer.authorize({ resource, clientId, scopes })
    tell({ _tag: "Approved", process, account: name, code })
    yield* Deferred.succeed(listener, new URLSearchParams({ code, ...back }))
  })

  const open = (url: URL) =>
    Effect.suspend(() => {
      const account = accountAt(url)
      if (account === undefined) return Effect.die(new Error(`a browser at ${url.href}`))
      simulator.trace(process.name, `opens the BROWSER for ${account.name}`)
      const isRequested = options.isRequested(account.name)
      browsers.set(url.searchParams.get("redirect_uri") ?? "", account.name)
      tell({ _tag: "BrowserOpened", process, account: account.name, isRequested })
      return Effect.asVoid(Effect.forkDetach(approve(account, url)))
    })

  const listener = CallbackListener.of({
    bind: Effect.fnUntraced(function* ({ redirectUri }) {
      const received = yield* Deferred.make<URLSearchParams>()
      // One port per sign-in of a process, as the real listener chooses another one if it is busy.
      const address = new URL(redirectUri)
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          for (let port = 8080; listeners.has(address.href); port++) address.port = String(port)
          listeners.set(address.href, received)
        }),
        () =>
          Effect.sync(() => {
            listeners.delete(address.href)
            const account = browsers.get(address.href)
            if (account !== undefined) tell({ _tag: "BrowserClosed", process, account })
            browsers.delete(address.href)
          })
      )
      return {
        redirectUri: address,
        checksUser: true,
        conclude: () => Effect.void,
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

  /** The authorization endpoint, which is asked whether it still knows a client. */
  const transport = HttpTransport.of({
    send: ({ url: text }) =>
      Effect.sync(() => {
        const url = new URL(text)
        const isKnown = accountAt(url)?.authorizationServer.knows(url.searchParams.get("client_id") ?? "")
        return new Response(null, { status: isKnown === true ? 302 : 400 })
      })
  })

  return Layer.mergeAll(
    Layer.succeed(UserInteraction, user),
    Layer.succeed(Browser, Browser.of({ open })),
    Layer.succeed(CallbackListener, listener),
    Layer.succeed(PkceGenerator, pkce),
    Layer.mock(DpopProofs, {}),
    Layer.succeed(HttpTransport, transport)
  )
}
