import { Config, Effect, Option } from "effect"
import { homeFolder, homeVariables } from "./HomeFolder.ts"

/** The home folder of the user, by the variables of the `ConfigProvider`. */
export const configuredHome: Effect.Effect<string> = Effect.map(
  Effect.forEach(homeVariables, (name) =>
    // A variable that cannot be read counts as unset.
    Effect.orElseSucceed(Config.option(Config.String(name)), () => Option.none<string>())
  ),
  (values) =>
    homeFolder((name) => Option.getOrUndefined(values[homeVariables.indexOf(name)] ?? Option.none()))
)
