import { Effect } from "effect"
import { Configuration } from "../../ports/Configuration.ts"
import { tell } from "./Output.ts"

/** Prints the warnings of the configuration file on stderr, each problem once. */
export const showWarnings = Effect.gen(function* () {
  const warnings = yield* Configuration.use((configuration) => configuration.warnings)
  const byMessage = Map.groupBy(warnings, ({ message }) => message)
  yield* Effect.forEach(byMessage, ([message, issues]) => {
    const [first, ...others] = issues.map(({ location }) => location)
    const same = others.length === 0 ? [] : [`The same is true of ${others.join(", ")}.`]
    return tell(`mcp-cli: warning: ${first} ${message}`, ...same)
  })
})
