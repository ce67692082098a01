import { Config, Effect, Option } from "effect"

/** An environment variable, by the current `ConfigProvider`. Undefined: it is not set. */
export const variable = (name: string): Effect.Effect<string | undefined, Config.ConfigError> =>
  Effect.map(Config.option(Config.String(name)), Option.getOrUndefined)
