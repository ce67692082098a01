import { Console, Effect } from "effect"
import { Configuration } from "../../ports/Configuration.ts"

/** Prints the warnings of the configuration file on stderr. */
export const showWarnings = Effect.gen(function* () {
  const warnings = yield* Configuration.use((configuration) => configuration.warnings)
  yield* Effect.forEach(warnings, ({ location, message }) =>
    Console.error(`mcp-cli: warning: ${location} ${message}`)
  )
})
