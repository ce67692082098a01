import { Effect, type Layer, Redacted } from "effect"
import { Command, Flag } from "effect/cli"
import { mcpClientIds, mcpClients } from "../../domain/McpClient.ts"
import { destinationsOf, secretValueProblem } from "../../domain/ConfiguredServer.ts"
import { advice, command } from "../../domain/Remedy.ts"
import type { ConfigurationError } from "../../ports/Configuration.ts"
import { CredentialStore, type StorageError } from "../../ports/CredentialStore.ts"
import { ServerSecrets } from "../../ports/ServerSecrets.ts"
import { ConfigurationEditor, type AddedServer } from "../../ports/ConfigurationEditor.ts"
import { foreignPrograms } from "../../ports/ForeignTokens.ts"
import { type ForeignServer, foreignServers } from "./clients/ForeignServers.ts"
import { importTokens, type TokenServices } from "./ImportTokens.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { printJson, tell } from "./Output.ts"
import { listed, remedyText } from "./RemedyText.ts"
import { configFileOfRun, Json } from "./Settings.ts"
import { UsageError } from "./UsageError.ts"

/** Every program of `--from`. */
const sources: ReadonlyArray<string> = ["all", ...new Set([...mcpClientIds, ...foreignPrograms])]

const flags = {
  from: Flag.Literals("from", sources).pipe(
    Flag.withMetavar("CLIENT"),
    Flag.withDescription("The program to import from"),
    Flag.withDefault("all")
  ),
  project: Flag.Boolean("project").pipe(
    Flag.withDescription("Read the files of the project in this folder, too"),
    Flag.withDefault(false)
  ),
  dryRun: Flag.Boolean("dry-run").pipe(
    Flag.withDescription("Show what would be imported, and change nothing"),
    Flag.withDefault(false)
  ),
  tokens: Flag.Boolean("tokens").pipe(
    Flag.withDescription("Import sign-ins to the servers of the configuration, instead of servers"),
    Flag.withDefault(false)
  ),
  secrets: Flag.Boolean("secrets").pipe(
    Flag.withDescription(
      "Store the secrets in headers, variables and clients, too, where sign-ins are stored"
    ),
    Flag.withDefault(false)
  ),
  takeOver: Flag.Boolean("take-over").pipe(
    Flag.withDescription("With --tokens: take the refresh tokens, which the other program then loses"),
    Flag.withDefault(false)
  )
}

/** One line of the result. */
type Row = JsonOutput<"import">["servers"][number]

const nothing = { notes: [], variables: [], secrets: [] }

const rowOf = ({ client, file, name, result }: ForeignServer, added: AddedServer | undefined): Row => {
  const row = { name, client: client.id, file }
  if (result._tag === "Skipped") {
    return { ...row, result: "skipped", as: null, reason: `it ${result.reason}`, ...nothing }
  }
  const { notes, secrets, variables } = result
  switch (added?._tag) {
    case "Added":
      return {
        ...row,
        result: "added",
        as: name,
        reason: null,
        notes,
        variables,
        secrets: [...secrets.keys()]
      }
    case "Present":
      return { ...row, result: "present", as: added.as, reason: null, ...nothing }
    case "Refused":
    case undefined: {
      const reason = (added?.why.message ?? "it was not added").replace(/\s*\n\s*/g, " ").replace(/\.$/, "")
      return { ...row, result: "skipped", as: null, reason, ...nothing }
    }
  }
}

const lineOf = (row: Row, title: string, isDryRun: boolean): string => {
  const from = `${row.name}, from ${title}`
  switch (row.result) {
    case "added":
      return `${from}: ${isDryRun ? "would be added" : "added"}.`
    case "present":
      return row.as === row.name
        ? `${from}: the configuration has it already.`
        : `${from}: the configuration has it already, as ${row.as ?? row.name}.`
    case "skipped":
      return `${from}: skipped, because ${row.reason ?? "it cannot be used"}.`
  }
}

const titles = new Map(mcpClients.map(({ id, title }) => [id, title]))

/** Shows what became of each server, and what is left to do. */
const show = Effect.fnUntraced(function* (
  rows: ReadonlyArray<Row>,
  {
    backup,
    dryRun,
    file
  }: {
    readonly file: string
    readonly backup: string | undefined
    readonly dryRun: boolean
  }
) {
  for (const row of rows) {
    const title = titles.get(row.client) ?? row.client
    yield* tell(lineOf(row, title, dryRun), ...row.notes.map((note) => `  ${note}`))
    if (dryRun && row.secrets.length > 0) {
      yield* tell(
        `  ${row.secrets.length === 1 ? "Its secret" : "Its secrets"} ${listed(row.secrets)} would be stored.`
      )
    }
    if (row.variables.length === 0) continue
    yield* tell(`  Set ${listed(row.variables)} in your environment. ${row.file} has the value.`)
  }
  const count = rows.filter(({ result }) => result === "added").length
  if (count > 0 && !dryRun) {
    yield* tell(`Added ${count === 1 ? "one server" : `${count} servers`} to ${file}.`)
    if (backup !== undefined) yield* tell(`The file as it was before: ${backup}`)
  } else if (!dryRun) yield* tell(`${file} was not changed.`)
})

/** Where the secrets of added servers go. */
interface SecretStores {
  readonly store: CredentialStore["Service"]
  readonly secrets: ServerSecrets["Service"]
}

/** Where an entry uses a secret, as it is written. */
const usesOf = (entry: Readonly<Record<string, unknown>>, secret: string): ReadonlyArray<string> =>
  ["headers", "env"].flatMap((block) =>
    Object.entries(entry[block] ?? {}).flatMap(([name, value]) =>
      String(value).includes(`\${secret:${secret}}`) ? [`"${name}": "${String(value)}" in "${block}"`] : []
    )
  )

/** Stores the secrets of a server that was added. One that cannot be stored is left for the user. */
const storeSecrets = Effect.fnUntraced(function* (
  { secrets, store }: SecretStores,
  added: AddedServer,
  result: ForeignServer["result"]
) {
  if (result._tag !== "Taken") return
  const configFile = yield* configFileOfRun
  const notStored = (server: string, secret: string, problem: string) =>
    tell(
      `The secret ${secret} of ${server} was not stored: ${problem}.`,
      remedyText(command("secret set", { server, operand: secret, purpose: "store it" }), configFile)
    )
  if (added._tag === "Present") {
    const known = result.secrets.size === 0 ? [] : yield* secrets.names
    for (const secret of result.secrets.keys()) {
      if (known.some(({ name, server }) => server === added.as && name === secret)) continue
      yield* notStored(added.as, secret, "the configuration has that server already")
      const uses = usesOf(result.entry, secret)
      if (uses.length > 0) yield* tell(`Its entry needs ${listed(uses)}.`)
    }
  }
  if (added._tag !== "Added") return
  const { name, server } = added
  const stored: Array<string> = []
  for (const [secret, value] of result.secrets) {
    const [destination = "", ...others] = server === undefined ? [] : destinationsOf(server, secret)
    const unfit = server === undefined ? undefined : secretValueProblem(server, Redacted.value(value))
    const problem =
      server === undefined
        ? `the address or command line of ${name} has variables`
        : others.length > 0
          ? `${name} would send it to more than one place`
          : unfit && `it ${unfit}`
    if (problem === undefined) {
      yield* secrets.put({ server: name, name: secret }, { destination, value })
      stored.push(secret)
    } else {
      yield* notStored(name, secret, problem)
    }
  }
  if (stored.length === 0 || (yield* Json)) return
  const what = stored.length === 1 ? "secret" : "secrets"
  yield* tell(`Stored the ${what} ${listed(stored)} of ${name} in ${store.description.backend.label}.`)
})

const importServers = Effect.fnUntraced(function* (
  options: { readonly from: string; readonly project: boolean; readonly dryRun: boolean },
  stores?: SecretStores
) {
  const { dryRun, from, project } = options
  const clients = from === "all" ? mcpClients : mcpClients.filter(({ id }) => id === from)
  if (clients.length === 0) {
    return yield* new UsageError({
      problem: `${from} has no list of servers.`,
      remedies: [advice("To import its sign-ins, add --tokens.")]
    })
  }
  const { files, problems, servers } = yield* foreignServers(clients, {
    withProject: project,
    takesSecrets: stores !== undefined
  })
  const [only] = clients
  if (from !== "all" && problems[0] !== undefined) return yield* new UsageError({ problem: problems[0] })
  if (from !== "all" && files.length === 0) {
    return yield* new UsageError({
      problem: `${only?.title ?? from} has no file with servers on this machine.`
    })
  }
  const entries = servers.flatMap(({ name, result }) =>
    result._tag === "Taken" ? [{ name, entry: result.entry }] : []
  )
  const hasSecrets = servers.some(({ result }) => result._tag === "Taken" && result.secrets.size > 0)
  // A store that cannot be opened prevents the import: an entry without its secret is of no use.
  if (stores !== undefined && hasSecrets && !dryRun) yield* stores.store.unlock
  const edit = yield* ConfigurationEditor.use((editor) => editor.addMissing(entries, { dryRun }))
  const outcomes = [...edit.servers]
  const rows = servers.map((server) =>
    rowOf(server, server.result._tag === "Taken" ? outcomes.shift() : undefined)
  )
  const { backup, file } = edit
  const taken = servers.filter(({ result }) => result._tag === "Taken")
  const storing = Effect.gen(function* () {
    if (stores === undefined || dryRun) return
    for (const [at, { result }] of taken.entries()) {
      const added = edit.servers[at]
      if (added !== undefined) yield* storeSecrets(stores, added, result)
    }
  })
  if (yield* Json) {
    yield* storing
    return yield* printJson({
      file,
      backup: backup ?? null,
      dryRun,
      servers: rows,
      problems
    } satisfies JsonOutput<"import">)
  }
  yield* Effect.forEach(problems, (problem) => tell(problem), { discard: true })
  if (rows.length === 0) return yield* tell("No MCP client on this machine has servers to import.")
  yield* show(rows, { file, backup, dryRun })
  yield* storing
})

/** `mcp-cli import [--from CLIENT]`, `mcp-cli import --tokens [--from PROGRAM]` */
export const importCommand = <R>(
  signIns: Layer.Layer<TokenServices, ConfigurationError | StorageError, R>,
  secretStores: Layer.Layer<CredentialStore | ServerSecrets, ConfigurationError | StorageError, R>
) =>
  Command.make(
    "import",
    flags,
    Effect.fn("cli.import")(function* ({ secrets: takesSecrets, takeOver, tokens, ...given }) {
      if (!tokens && takeOver) {
        return yield* new UsageError({
          problem: "--take-over is for sign-ins.",
          remedies: [advice("Add --tokens.")]
        })
      }
      if (tokens && takesSecrets) {
        return yield* new UsageError({
          problem: "--secrets is for servers.",
          remedies: [advice("Run the command without --tokens.")]
        })
      }
      if (!tokens && takesSecrets) {
        return yield* Effect.gen(function* () {
          yield* importServers(given, { store: yield* CredentialStore, secrets: yield* ServerSecrets })
        }).pipe(Effect.provide(secretStores))
      }
      if (!tokens) return yield* importServers(given)
      yield* Effect.provide(importTokens({ ...given, takeOver }), signIns)
    })
  ).pipe(
    Command.withDescription("Import servers of other MCP clients, or their sign-ins"),
    Command.withExamples([
      { command: "mcp-cli import", description: "The servers of every client on this machine" },
      { command: "mcp-cli import --secrets", description: "And store the secrets that their files have" },
      { command: "mcp-cli import --from cursor --dry-run", description: "What Cursor has, without a change" },
      {
        command: "mcp-cli import --tokens --from mcp-remote",
        description: "Its sign-ins, as long as they are valid"
      }
    ])
  )
