import { Context, type Effect, type Option } from "effect"

/** Asks the user to confirm. */
export class Confirmation extends Context.Service<
  Confirmation,
  {
    /** Shows a text and a question, and returns true for yes. None in a non-interactive run: nothing is shown. */
    readonly ask: (text: string, question: string) => Effect.Effect<Option.Option<boolean>>
  }
>()("mcp-cli-oauth/ports/Confirmation") {}
