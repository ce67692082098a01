import { Config } from "effect"

/** The home folder, by the variables of Unix and Windows. */
export const homeVariable: Config.Config<string> = Config.String("HOME").pipe(
  Config.orElse(() => Config.String("USERPROFILE"))
)
