import { Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { mcpClients } from "../../domain/McpClient.ts"
import { type CarriedOut, carryOutAll } from "./clients/CarriedOut.ts"
import { clientsOf } from "./clients/ClientPlaces.ts"
import { planUninstall, type Removal } from "./clients/PlannedEdit.ts"
import { editFlags } from "./Install.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { printJson, tell } from "./Output.ts"
import { Json } from "./Settings.ts"
import { UsageError } from "./UsageError.ts"

const report = (server: string, flags: { readonly dryRun: boolean; readonly all: boolean }) =>
  Effect.fnUntraced(function* (done: ReadonlyArray<CarriedOut<Removal>>) {
    const removed = done.filter(({ result }) => result === "removed")
    if (yield* Json) {
      return yield* printJson({
        server,
        dryRun: flags.dryRun,
        clients: done.map(({ backup, client, names, place, result }) => ({
          client: client.id,
          file: place.file,
          result,
          entries: names,
          backup: backup ?? null
        }))
      } satisfies JsonOutput<"uninstall">)
    }
    if (flags.all && removed.length === 0) return yield* tell(`No client has ${server} from mcp-cli.`)
    for (const { backup, client, place, result } of done) {
      if (result !== "removed") {
        if (!flags.all) yield* tell(`${client.title} has no ${server} from mcp-cli. Nothing was removed.`)
        continue
      }
      if (flags.dryRun) continue
      yield* tell(`Removed ${server} from ${client.title}: ${place.file}`)
      if (backup !== undefined) yield* tell(`The file as it was before: ${backup}`)
      yield* tell(`${client.title} may use it until it starts again.`)
    }
  })

/** `mcp-cli uninstall NAME --client CLIENT | --all` */
export const uninstall = Command.make(
  "uninstall",
  {
    name: Argument.String("NAME").pipe(Argument.withDescription("The server")),
    ...editFlags,
    all: Flag.Boolean("all").pipe(
      Flag.withDescription("From every client of this machine"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.uninstall")(function* ({ all, client, dryRun, followLinks, name, project, yes }) {
    if (all === client.length > 0) {
      return yield* new UsageError({
        problem: "Name a client, or add --all: mcp-cli uninstall NAME --client CLIENT | --all"
      })
    }
    const clients = all ? mcpClients : yield* clientsOf(client)
    const options = {
      scope: project ? "project" : "user",
      force: false,
      followsLinks: followLinks
    } as const
    yield* carryOutAll(
      clients.map((one) => planUninstall(one, name, options)),
      {
        dryRun,
        yes,
        what: `This removes ${name} from ${all ? "every client" : clients.map(({ title }) => title).join(", ")}`
      },
      report(name, { all, dryRun })
    )
  })
).pipe(
  Command.withDescription("Remove a server that install has added from other MCP clients"),
  Command.withExamples([
    { command: "mcp-cli uninstall notion --client cursor", description: "From one client" },
    { command: "mcp-cli uninstall notion --all --yes", description: "From all of them, without being asked" }
  ])
)
