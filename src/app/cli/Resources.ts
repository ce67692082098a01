import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { serverName } from "./Arguments.ts"
import { firstLine, printJson, printTable } from "./Output.ts"
import { Json } from "./Settings.ts"
import { withSession } from "./WithSession.ts"

/** `mcp-cli resources NAME` */
export const resources = Command.make(
  "resources",
  { name: serverName },
  Effect.fn("cli.resources")(({ name }) =>
    withSession(name, (session) =>
      Effect.gen(function* () {
        const listed = yield* session.resources
        if (yield* Json) return yield* printJson(listed)
        if (listed.length === 0) return yield* Console.error(`${name} has no resources.`)
        yield* printTable([
          ["URI", "NAME", "DESCRIPTION"],
          ...listed.map((resource) => [
            firstLine(resource.uri),
            firstLine(resource.name),
            firstLine(resource.description)
          ])
        ])
      })
    )
  )
).pipe(
  Command.withDescription("List the resources of a server"),
  Command.withExamples([{ command: "mcp-cli resources notion", description: "URIs and names" }])
)
