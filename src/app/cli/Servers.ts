import { Effect } from "effect"
import { Command } from "effect/cli"
import { Configuration } from "../../ports/Configuration.ts"
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
    if (yield* Json) return yield* printJson({ file, servers: listed })
    yield* showWarnings
    yield* tell(file)
    if (listed.length === 0) return yield* tell("It configures no servers.")
    yield* printTable([
      ["NAME", "TRANSPORT", "TARGET", "AUTHORIZATION"],
      ...listed.map(({ authorization, name, target, transport }) => [name, transport, target, authorization])
    ])
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
