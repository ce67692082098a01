import { Config, Effect, Option, Redacted } from "effect"

/** The variable of the password of encrypted files, and the one of the file with it. Only one of the two may be set. */
const names = ["MCP_CLI_ENCRYPTION_KEY", "MCP_CLI_ENCRYPTION_KEY_FILE"] as const

/** The variable that gives this run the password of encrypted files, or its file; none: neither is set. */
export const passwordVariable: Effect.Effect<
  Option.Option<{ readonly name: (typeof names)[number]; readonly value: Redacted.Redacted }>
> = Effect.map(
  Effect.forEach(names, (name) =>
    Config.option(Config.Redacted(name)).pipe(
      // A variable that cannot be read counts as absent.
      Effect.orElseSucceed(() => Option.none<Redacted.Redacted>()),
      Effect.map(Option.filter((value) => Redacted.value(value) !== "")),
      Effect.map(Option.map((value) => ({ name, value })))
    )
  ),
  Option.firstSomeOf
)
