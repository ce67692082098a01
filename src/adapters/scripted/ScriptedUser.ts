import { Context, Deferred, Duration, Effect, Layer, Queue, Redacted } from "effect"
import { Browser } from "../../ports/Browser.ts"
import { CallbackListener } from "../../ports/CallbackListener.ts"
import { DpopProofs } from "../../ports/DpopProofs.ts"
import { PkceGenerator } from "../../ports/PkceGenerator.ts"
import { type DevicePrompt, UserInteraction } from "../../ports/UserInteraction.ts"
import { ScriptedAuthorizationServer } from "./ScriptedAuthorizationServer.ts"

/** What the user does when a browser opens. */
export type UserScript =
  | "approve"
  | "deny"
  /** Does nothing, so that the sign-in times out. */
  | "ignore"
  /** Approves on another machine and pastes the redirected URL. */
  | "paste"
  /** What the authorization server answers in the redirect instead of a code. */
  | { readonly error: string; readonly description?: string }

/** A user in memory, who records what they were shown. */
export class ScriptedUser extends Context.Service<
  ScriptedUser,
  {
    /** Every URL that the browser opened. */
    readonly opened: ReadonlyArray<URL>
    /** Every device code that was shown. */
    readonly devices: ReadonlyArray<DevicePrompt>
    /** Every message that was told. */
    readonly told: ReadonlyArray<string>
  }
>()("mcp-cli-oauth/adapters/scripted/ScriptedUser") {}

/**
 * A user with a browser and a loopback interface, all in memory, who signs in at the scripted authorization server.
 */
export const layer = (
  options: {
    readonly present?: boolean
    /** A list: one script for each time that the browser opens, the last one from then on. */
    readonly script?: UserScript | ReadonlyArray<UserScript>
    readonly timeout?: Duration.Input
    /** What the user of the script `paste` pastes, one after the other. Absent: the redirected URL. */
    readonly pastes?: (redirected: URL, signInUrl: URL) => ReadonlyArray<string>
  } = {}
): Layer.Layer<
  ScriptedUser | UserInteraction | Browser | CallbackListener | PkceGenerator | DpopProofs,
  never,
  ScriptedAuthorizationServer
> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const authorizationServer = yield* ScriptedAuthorizationServer
      const scripts: ReadonlyArray<UserScript> = [options.script ?? "approve"].flat()
      const opened: Array<URL> = []
      const devices: Array<DevicePrompt> = []
      const told: Array<string> = []
      const pasted = yield* Queue.unbounded<string>()
      const listening = new Map<string, Deferred.Deferred<URLSearchParams>>()
      let serial = 0

      const answer = Effect.fnUntraced(function* (url: URL, script: UserScript) {
        const back = yield* authorizationServer.approve(url)
        const refusal = script === "deny" ? { error: "access_denied" } : script
        if (typeof refusal === "object") {
          back.searchParams.delete("code")
          back.searchParams.set("error", refusal.error)
          if (refusal.description) back.searchParams.set("error_description", refusal.description)
        }
        return back
      })

      const user = UserInteraction.of({
        present: options.present ?? true,
        timeout: Duration.fromInputUnsafe(options.timeout ?? "5 minutes"),
        askToSignIn: () => Effect.void,
        askToUseDevice: (_server, device) => Effect.sync(() => void devices.push(device)),
        pastedRedirect: () => Queue.take(pasted),
        tell: (message) => Effect.sync(() => void told.push(message))
      })

      const browser = Browser.of({
        open: Effect.fn("ScriptedUser.open")(function* (url) {
          const script = scripts[Math.min(opened.length, scripts.length - 1)] ?? "approve"
          opened.push(url)
          if (script === "ignore") return
          const back = yield* answer(url, script)
          if (script === "paste") {
            yield* Queue.offerAll(pasted, options.pastes?.(back, url) ?? [back.href])
            return
          }
          const listener = listening.get(`${back.origin}${back.pathname}`)
          if (listener !== undefined) yield* Deferred.succeed(listener, back.searchParams)
        })
      })

      const listener = CallbackListener.of({
        bind: Effect.fn("ScriptedUser.bind")(function* ({ redirectUri }) {
          const received = yield* Deferred.make<URLSearchParams>()
          const place = `${redirectUri.origin}${redirectUri.pathname}`
          yield* Effect.acquireRelease(
            Effect.sync(() => listening.set(place, received)),
            () => Effect.sync(() => listening.delete(place))
          )
          return {
            redirectUri,
            checksUser: true,
            conclude: () => Effect.void,
            // The browser in memory has no arguments.
            redirectOnce: Effect.succeed,
            receive: (read) =>
              Effect.flatMap(Deferred.await(received), (parameters) => {
                const response = read(parameters)
                return response._tag === "Foreign" ? Effect.never : Effect.succeed(response)
              })
          }
        })
      })

      const secrets = PkceGenerator.of({
        make: Effect.sync(() => {
          serial += 1
          return {
            state: Redacted.make(`state-${serial}`),
            codeVerifier: Redacted.make(`verifier-${serial}`),
            codeChallenge: `challenge-${serial}`
          }
        })
      })

      const proofs = DpopProofs.of({
        makeKey: Effect.sync(() => {
          serial += 1
          return Redacted.make(`key-${serial}`)
        }),
        thumbprint: (key) => Effect.succeed(`thumbprint-of-${Redacted.value(key)}`),
        prove: (key, { accessToken, method, url }) =>
          Effect.sync(() => {
            serial += 1
            const token = accessToken === undefined ? "" : ` ${Redacted.value(accessToken)}`
            return `proof-${serial} ${Redacted.value(key)} ${method} ${url.href}${token}`
          }),
        learn: (_url, answer) => Effect.sync(() => answer.has("dpop-nonce"))
      })

      return Context.make(ScriptedUser, ScriptedUser.of({ opened, devices, told })).pipe(
        Context.add(UserInteraction, user),
        Context.add(Browser, browser),
        Context.add(CallbackListener, listener),
        Context.add(PkceGenerator, secrets),
        Context.add(DpopProofs, proofs)
      )
    })
  )
