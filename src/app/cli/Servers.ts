import { Effect } from "effect"
import { Command } from "effect/cli"
import { Configuration, ConfigurationError } from "../../ports/Configuration.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { printJson, printTable, tell } from "./Output.ts"
import { Json } from "./Settings.ts"
import { showWarnings } from "./Warnings.ts"

/** `mcp-cli servers` */
export const servers = Command.make(
  "servers",
  {},
  Effect.fn("cli.servers")(function* () {
    const configuration = yield* Configuration
    const file = yield* configuration.file
    const listed = yield* configuration.servers
    const issues = yield* configuration.invalid
    const refuse = issues.length === 0 ? Effect.void : new ConfigurationError({ file, issues })
    if (yield* Json) {
      yield* printJson({ file, servers: listed } satisfies JsonOutput<"servers">)
      return yield* refuse
    }
    yield* showWarnings()
    yield* tell(file)
    if (listed.length === 0) yield* refuse
    if (listed.length === 0) return yield* tell("It configures no servers.")
    yield* printTable([
      ["NAME", "TRANSPORT", "TARGET", "AUTHORIZATION"],
      ...listed.map(({ authorization, name, target, transport }) => [name, transport, target, authorization])
    ])
    yield* refuse
  })
).pipe(
  Command.withDescription("List the servers that the configuration file holds"),
  Command.withExamples([
    { command: "mcp-cli servers", description: "Show them" },
    {
      command: "mcp-cli servers --json --config-file ./team.json",
      description: "For a program, of another file"
    }
  ])
)
