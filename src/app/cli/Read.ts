import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { serverName } from "./Arguments.ts"
import { checkOutput, deliver, outputFlags } from "./ContentFiles.ts"
import { withSession } from "./WithSession.ts"

/** `mcp-cli read NAME URI` */
export const read = Command.make(
  "read",
  {
    name: serverName,
    uri: Argument.String("URI").pipe(
      Argument.withDescription("A resource of the server (mcp-cli resources lists them)")
    ),
    ...outputFlags
  },
  Effect.fn("cli.read")(function* ({ name, uri, ...output }) {
    yield* checkOutput(output)
    yield* withSession(name, (session) =>
      Effect.flatMap(session.read(uri), (answer) => deliver(answer, output))
    )
  })
).pipe(
  Command.withDescription("Show a resource of a server, or save it"),
  Command.withExamples([
    { command: "mcp-cli read notion notion://docs/guide", description: "Show a text" },
    { command: "mcp-cli read notion notion://logo --output logo.png", description: "Save a picture" }
  ])
)
