import { Context, type Effect, type Option, type Redacted } from "effect"

/** Asks the user for a secret without echoing it. */
export class SecretPrompt extends Context.Service<
  SecretPrompt,
  {
    /** Returns what the user typed; none in a non-interactive run. */
    readonly ask: (question: string) => Effect.Effect<Option.Option<Redacted.Redacted>>
  }
>()("mcp-cli-oauth/ports/SecretPrompt") {}
