import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { serverName } from "./Arguments.ts"
import { printJson, printTools } from "./Output.ts"
import { Json } from "./Settings.ts"
import { withSession } from "./WithSession.ts"

/** `mcp-cli tools NAME` */
export const tools = Command.make(
  "tools",
  { name: serverName },
  Effect.fn("cli.tools")(({ name }) =>
    withSession(name, (session) =>
      Effect.gen(function* () {
        const listed = yield* session.tools
        if (yield* Json) return yield* printJson(listed)
        if (listed.length === 0) return yield* Console.error(`${name} has no tools.`)
        yield* printTools(listed)
      })
    )
  )
).pipe(
  Command.withDescription("List the tools of a server"),
  Command.withExamples([
    {
      command: "mcp-cli tools notion",
      description: "Names, arguments (? may be left out), and what they do"
    },
    { command: "mcp-cli tools notion --json", description: "With the schemas of their arguments" }
  ])
)
