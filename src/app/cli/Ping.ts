import { Clock, Effect } from "effect"
import { Command } from "effect/cli"
import { accountAt, nameOf, serverName } from "./Arguments.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { firstLine, print, printJson } from "./Output.ts"
import { Json } from "./Settings.ts"
import { withSession } from "./WithSession.ts"

/** `mcp-cli ping NAME` */
export const ping = Command.make(
  "ping",
  { name: serverName },
  Effect.fn("cli.ping")(({ name }) =>
    withSession(name, (session) =>
      Effect.gen(function* () {
        const before = yield* Clock.currentTimeMillis
        yield* session.ping
        const milliseconds = Math.round((yield* Clock.currentTimeMillis) - before)
        const { server } = session
        if (yield* Json) return yield* printJson({ server, milliseconds } satisfies JsonOutput<"ping">)
        yield* print(
          `${nameOf(yield* accountAt(name))} answers in ${milliseconds} ms: ${firstLine(server.name)} ${firstLine(server.version)}, MCP ${firstLine(server.protocol)}`
        )
      })
    )
  )
).pipe(
  Command.withDescription("Measure one round trip to a server, with its sign-in"),
  Command.withExamples([{ command: "mcp-cli ping notion", description: "One round trip" }])
)
