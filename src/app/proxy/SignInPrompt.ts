import { Context, Effect, Layer } from "effect"
import { Browser } from "../../ports/Browser.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"

/** Shows the page of a sign-in to the user in place of a browser. Absent: the browser opens. */
export const SignInPrompt = Context.Reference<((url: URL) => Effect.Effect<void>) | undefined>(
  "mcp-cli-oauth/app/proxy/SignInPrompt",
  { defaultValue: () => undefined }
)

/** Lets {@link SignInPrompt} take the place of the browser in the sign-ins that have one. */
export const layer: Layer.Layer<Browser | UserInteraction, never, Browser | UserInteraction> =
  Layer.effectContext(
    Effect.gen(function* () {
      const user = yield* UserInteraction
      const browser = yield* Browser
      return Context.make(UserInteraction, {
        ...user,
        askToSignIn: (server, url, back) =>
          Effect.flatMap(SignInPrompt, (show) =>
            show === undefined ? user.askToSignIn(server, url, back) : show(url)
          )
      }).pipe(
        Context.add(Browser, {
          open: (...page) =>
            Effect.flatMap(SignInPrompt, (show) => (show === undefined ? browser.open(...page) : Effect.void))
        })
      )
    })
  )
