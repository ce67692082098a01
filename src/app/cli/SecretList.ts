import { Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import { ServerSecrets } from "../../ports/ServerSecrets.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { printJson, printTable, tell } from "./Output.ts"
import { secretServer } from "./SecretArguments.ts"
import { Json } from "./Settings.ts"

/** `mcp-cli secret list [SERVER]` */
export const secretList = Command.make(
  "list",
  { server: secretServer.pipe(Argument.optional) },
  Effect.fn("cli.secret.list")(function* ({ server }) {
    const all = yield* ServerSecrets.use(({ names }) => names)
    const shown = all
      .filter((secret) => Option.isNone(server) || secret.server === server.value)
      .toSorted((one, other) =>
        `${one.server} ${one.name}`.localeCompare(`${other.server} ${other.name}`, "en")
      )
    if (yield* Json) return yield* printJson(shown satisfies JsonOutput<"secret list">)
    if (shown.length === 0) {
      return yield* tell(`No secret ${Option.isNone(server) ? "" : `of ${server.value} `}is stored.`)
    }
    yield* printTable([["SERVER", "SECRET"], ...shown.map(({ name, server: of }) => [of, name])])
  })
).pipe(
  Command.withDescription("List the names of the stored secrets, and never a secret"),
  Command.withExamples([
    { command: "mcp-cli secret list", description: "All of them" },
    { command: "mcp-cli secret list github", description: "Those of one server" }
  ])
)
