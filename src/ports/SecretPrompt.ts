import { Context, type Effect, type Option, type Redacted } from "effect"

/** Asks for a secret without showing it. */
export class SecretPrompt extends Context.Service<
  SecretPrompt,
  {
    /** What was typed; none where nobody can be asked. */
    readonly ask: (question: string) => Effect.Effect<Option.Option<Redacted.Redacted>>
  }
>()("mcp-cli-oauth/ports/SecretPrompt") {}
