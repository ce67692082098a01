import { Effect } from "effect"
import { homeVariable } from "../../domain/HomeVariable.ts"

/** The path of a file that was typed in a session, where no shell has replaced `~`. */
export const typedPath = (path: string): Effect.Effect<string> =>
  /^~(?=[/\\]|$)/.test(path)
    ? homeVariable.pipe(
        Effect.map((home) => `${home}${path.slice(1)}`),
        // Without a home, the file system says what is wrong with the path.
        Effect.orElseSucceed(() => path)
      )
    : Effect.succeed(path)
