import { Effect } from "effect"
import { Configuration, type ConfigurationIssue } from "../../ports/Configuration.ts"
import { tellWarning } from "./Output.ts"
import { Json } from "./Settings.ts"

/**
 * True if a command for this server, or for none, is about an issue. The secrets of servers that are not in use are not: a
 * command would repeat them each time.
 */
const isAbout = (
  { isSecret, path: [block, entry] }: ConfigurationIssue,
  server: string | undefined
): boolean => block !== "mcpServers" || (server === undefined ? isSecret !== true : entry === server)

/**
 * Prints the warnings of the configuration file on stderr, each problem once.
 *
 * @param server the server that the command uses. Absent: it lists them.
 */
export const showWarnings = Effect.fnUntraced(function* (server?: string) {
  // A program reads stderr as JSON. `servers` without --json shows them.
  if (yield* Json) return
  const warnings = yield* Configuration.use((configuration) => configuration.warnings)
  const byMessage = Map.groupBy(
    warnings.filter((issue) => isAbout(issue, server)),
    ({ message }) => message
  )
  yield* Effect.forEach(byMessage, ([message, issues]) => {
    const [first, ...others] = issues.map(({ location }) => location)
    const same = others.length === 0 ? [] : [`The same is true of ${others.join(", ")}.`]
    return tellWarning(`${first} ${message}`, ...same)
  })
})
