import { Effect, Predicate } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { advice, command } from "../../domain/Remedy.ts"
import { nearName } from "../../domain/NearName.ts"
import { ClientFiles } from "../../ports/ClientFiles.ts"
import { Configuration, UnknownServer } from "../../ports/Configuration.ts"
import { FileEditError, FileEditor } from "../../ports/FileEditor.ts"
import { sharedEntry } from "./clients/SharedEntry.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { printJson, tell } from "./Output.ts"
import { listed, remedyText } from "./RemedyText.ts"
import { Json } from "./Settings.ts"
import { showWarnings } from "./Warnings.ts"

/** The named servers of the configuration, all of them if none is named, as its file writes them. */
const entriesOf = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
  const configuration = yield* Configuration
  const files = yield* ClientFiles
  const file = yield* configuration.file
  const known = (yield* configuration.servers).map(({ name }) => name)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) {
    const near = nearName(unknown, known)
    return yield* new UnknownServer({
      name: unknown,
      file,
      known,
      ...(near === undefined ? {} : { near })
    })
  }
  const read = yield* files.read({ file, format: "json" })
  const document = Predicate.isReadonlyObject(read?.document) ? read.document : {}
  const servers = Predicate.isReadonlyObject(document["mcpServers"]) ? document["mcpServers"] : {}
  return Object.entries(servers).flatMap(([name, entry]) =>
    known.includes(name) && (names.length === 0 || names.includes(name)) && Predicate.isReadonlyObject(entry)
      ? [{ name, ...sharedEntry(name, entry) }]
      : []
  )
})

const writeNew = (file: string, text: string, force: boolean) =>
  FileEditor.use((editor) =>
    editor.edit(file, (before) =>
      before === undefined || before === text || force
        ? Effect.succeed(text)
        : new FileEditError({
            file,
            problem: "exists already",
            remedies: [advice("To replace it, add --force.")]
          })
    )
  )

/** `mcp-cli export [NAME...] [--to FILE]` */
export const exportServers = Command.make(
  "export",
  {
    names: Argument.String("NAME").pipe(
      Argument.withDescription("The servers (default: all)"),
      Argument.variadic()
    ),
    to: Flag.String("to").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("Write to this file (default: -, stdout)"),
      Flag.withDefault("-")
    ),
    force: Flag.Boolean("force").pipe(
      Flag.withDescription("Replace the file if it exists"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.export")(function* ({ force, names, to }) {
    yield* showWarnings()
    const entries = yield* entriesOf(names)
    const document = { mcpServers: Object.fromEntries(entries.map(({ entry, name }) => [name, entry])) }
    const variables = [...new Set(entries.flatMap((one) => one.variables))]
    const secrets = entries.flatMap((one) => one.secrets.map((name) => ({ server: one.name, name })))
    if (to === "-") yield* printJson(document)
    else {
      yield* writeNew(to, `${JSON.stringify(document, undefined, 2)}\n`, force)
      const servers = entries.map(({ name }) => name)
      if (yield* Json)
        return yield* printJson({ file: to, servers, variables, secrets } satisfies JsonOutput<"export">)
      yield* tell(`Wrote ${servers.length === 1 ? "one server" : `${servers.length} servers`} to ${to}.`)
    }
    if (yield* Json) return
    for (const { name, omitted } of entries) {
      if (omitted.length > 0) yield* tell(`Of ${name}, these were left out: ${omitted.join(", ")}.`)
    }
    if (variables.length > 0) {
      yield* tell(
        `To use it, set the ${variables.length === 1 ? "variable" : "variables"} ${listed(variables)}.`
      )
    }
    for (const { name, server } of secrets) {
      const purpose = `store the secret ${name} of ${server}`
      yield* tell(remedyText(command("secret set", { server, operand: name, purpose })))
    }
  })
).pipe(
  Command.withDescription("Print the servers for other people, without secrets"),
  Command.withExamples([
    { command: "mcp-cli export", description: "Print all of them" },
    { command: "mcp-cli export notion --to mcp.json", description: "Write one of them to a new file" }
  ])
)
