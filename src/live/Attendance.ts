import { Config, Effect, Option } from "effect"

/** True in continuous integration, which may allocate a terminal that no user watches. */
export const isUnattended = Effect.gen(function* () {
  const ci = yield* Config.option(Config.String("CI")).pipe(Effect.orElseSucceed(() => Option.none<string>()))
  return Option.exists(ci, (value) => value !== "" && value !== "false" && value !== "0")
})
