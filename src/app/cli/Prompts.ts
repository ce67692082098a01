import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { serverName } from "./Arguments.ts"
import { firstLine, printJson, printTable } from "./Output.ts"
import { Json } from "./Settings.ts"
import { withSession } from "./WithSession.ts"

/** `mcp-cli prompts NAME` */
export const prompts = Command.make(
  "prompts",
  { name: serverName },
  Effect.fn("cli.prompts")(({ name }) =>
    withSession(name, (session) =>
      Effect.gen(function* () {
        const listed = yield* session.prompts
        if (yield* Json) return yield* printJson(listed)
        if (listed.length === 0) return yield* Console.error(`${name} has no prompts.`)
        yield* printTable([
          ["PROMPT", "ARGUMENTS", "DESCRIPTION"],
          ...listed.map((prompt) => [
            firstLine(prompt.name),
            prompt.arguments
              .map((argument) => firstLine(argument.name) + (argument.required ? "" : "?"))
              .join(" "),
            firstLine(prompt.description)
          ])
        ])
      })
    )
  )
).pipe(
  Command.withDescription("List the prompts of a server"),
  Command.withExamples([{ command: "mcp-cli prompts notion", description: "Names and arguments" }])
)
