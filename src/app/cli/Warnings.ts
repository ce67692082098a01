import { Console, Effect } from "effect"
import { Configuration } from "../../ports/Configuration.ts"

/** Says once what is odd in the configuration file, on stderr. */
export const showWarnings = Effect.gen(function* () {
  const warnings = yield* Configuration.use((configuration) => configuration.warnings)
  yield* Effect.forEach(warnings, ({ path, problem }) =>
    Console.error(`mcp-cli: warning: ${path} ${problem}`)
  )
})
