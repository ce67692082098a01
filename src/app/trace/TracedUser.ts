import { Clock, Context, Effect, Layer } from "effect"
import type { AuthorizationResponse } from "../../domain/AuthorizationResponse.ts"
import { pastedAddress } from "../../domain/PastedRedirect.ts"
import type { TraceEvent } from "../../domain/TraceEvent.ts"
import { Browser } from "../../ports/Browser.ts"
import { CallbackListener } from "../../ports/CallbackListener.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import { CurrentRecording, type Recording } from "./FlowTrace.ts"
import { publicInAnswer } from "./PublicNames.ts"

const verdictOf = (answer: AuthorizationResponse): string => {
  switch (answer._tag) {
    case "Foreign":
      return "Refused with HTTP 400: it does not have the state of this flow, which continues to wait."
    case "Granted":
      return "A code, with the state that was sent. It is exchanged for tokens next."
    case "Denied":
      return `The authorization server refused: ${answer.description ?? answer.error}`
    case "Rejected":
      return `It has the state that was sent, but cannot be trusted: ${answer.detail}.`
  }
}

/** Adds an event that happens now, if a flow is recorded. */
const happens = Effect.fnUntraced(function* (event: (recording: Recording, at: number) => TraceEvent) {
  const recording = yield* CurrentRecording
  if (recording === undefined) return
  const shown = event(recording, yield* Clock.currentTimeMillis)
  recording.add(() => shown)
})

const note = (text: string) =>
  happens(({ redactor }, at) => ({ _tag: "Note", at, text: redactor.text(text) }))

const callback =
  (url: URL, pasted: boolean, verdict: string) =>
  ({ browserOpenedAt, redactor }: Recording, at: number): TraceEvent => ({
    _tag: "BrowserReturned",
    at,
    ...(browserOpenedAt === undefined ? {} : { took: at - browserOpenedAt }),
    pasted,
    url: redactor.url("authorization response", url),
    verdict: redactor.text(verdict)
  })

const tracedInteraction = (inner: UserInteraction["Service"]) =>
  UserInteraction.of({
    ...inner,
    askToSignIn: Effect.fn("TracedUser.askToSignIn")(function* (server, url, back) {
      yield* happens((recording, at) => {
        recording.browserOpenedAt = at
        recording.addLane(url.origin, "authorization server")
        return { _tag: "BrowserOpened", at, url: recording.redactor.url("authorization request", url) }
      })
      yield* inner.askToSignIn(server, url, back)
    }),
    askToUseDevice: Effect.fn("TracedUser.askToUseDevice")(function* (server, device) {
      yield* happens(({ redactor }, at) => ({
        _tag: "DeviceCode",
        at,
        fields: redactor.fields(publicInAnswer["device authorization request"], [
          ["verification_uri", device.verificationUri.href],
          ["user_code", device.userCode]
        ])
      }))
      yield* inner.askToUseDevice(server, device)
    }),
    pastedRedirect: Effect.fn("TracedUser.pastedRedirect")(function* (server) {
      const text = yield* inner.pastedRedirect(server)
      const url = pastedAddress(text)
      yield* url === undefined
        ? note("The user pasted something that is not a URL.")
        : happens(callback(url, true, "The URL that the browser ended at, pasted in the terminal."))
      return text
    })
  })

const tracedBrowser = (inner: Browser["Service"]) =>
  Browser.of({ open: (...urls) => Effect.tapError(inner.open(...urls), ({ message }) => note(message)) })

const tracedListener = (inner: CallbackListener["Service"]) =>
  CallbackListener.of({
    bind: Effect.fn("TracedUser.bind")(function* (options) {
      const bound = yield* inner.bind(options)
      const { receive, redirectUri } = bound
      yield* happens(({ redactor }, at) => {
        redactor.learn("authorization response", redirectUri)
        const text = `mcp-cli listens at ${redirectUri.origin}${redirectUri.pathname} for the browser to return.`
        return { _tag: "Note", at, text: redactor.text(text) }
      })
      return {
        ...bound,
        receive: Effect.fnUntraced(function* (read) {
          const context = yield* Effect.context()
          return yield* receive((parameters) => {
            const answer = read(parameters)
            const url = new URL(redirectUri)
            url.search = parameters.toString()
            Effect.runSyncWith(context)(happens(callback(url, false, verdictOf(answer))))
            return answer
          })
        })
      }
    })
  })

/** Records what the user and the browser are shown in a traced flow, and what they return. */
export const layer: Layer.Layer<
  UserInteraction | Browser | CallbackListener,
  never,
  UserInteraction | Browser | CallbackListener
> = Layer.effectContext(
  Effect.gen(function* () {
    return Context.make(UserInteraction, tracedInteraction(yield* UserInteraction)).pipe(
      Context.add(Browser, tracedBrowser(yield* Browser)),
      Context.add(CallbackListener, tracedListener(yield* CallbackListener))
    )
  })
)
