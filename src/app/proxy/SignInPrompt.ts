import { Context, Effect, Layer } from "effect"
import { Browser } from "../../ports/Browser.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"

/** How the user of a proxy is asked to sign in. */
export interface Prompt {
  /** Shows the page of a sign-in to the user in place of a browser. Absent: the browser opens. */
  readonly show?: ((url: URL) => Effect.Effect<void>) | undefined
  /** Runs right before the user is asked. */
  readonly onAsk?: Effect.Effect<void>
}

/** How the user is asked in the sign-ins of a fiber. */
export const SignInPrompt = Context.Reference<Prompt>("mcp-cli-oauth/app/proxy/SignInPrompt", {
  defaultValue: () => ({})
})

/** Lets {@link SignInPrompt} take the place of the browser in the sign-ins that have one. */
export const layer: Layer.Layer<Browser | UserInteraction, never, Browser | UserInteraction> =
  Layer.effectContext(
    Effect.gen(function* () {
      const user = yield* UserInteraction
      const browser = yield* Browser
      const asking = Effect.tap(SignInPrompt, ({ onAsk = Effect.void }) => onAsk)
      return Context.make(UserInteraction, {
        ...user,
        askToSignIn: (server, url, back) =>
          Effect.flatMap(asking, ({ show }) =>
            show === undefined ? user.askToSignIn(server, url, back) : show(url)
          ),
        askToUseDevice: (...code) => Effect.andThen(asking, user.askToUseDevice(...code))
      }).pipe(
        Context.add(Browser, {
          open: (...page) =>
            Effect.flatMap(SignInPrompt, ({ show }) =>
              show === undefined ? browser.open(...page) : Effect.void
            )
        })
      )
    })
  )
