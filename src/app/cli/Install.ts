import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { type Launch, type McpClient, mcpClientIds, mcpClients } from "../../domain/McpClient.ts"
import { proxyLaunch } from "./clients/ProxyLaunch.ts"
import { advice, command } from "../../domain/Remedy.ts"
import { ClientFiles } from "../../ports/ClientFiles.ts"
import { Configuration, ConfigurationError, UnknownServer } from "../../ports/Configuration.ts"
import { OwnProgram } from "../../ports/OwnProgram.ts"
import { nearName } from "../../domain/NearName.ts"
import { nameForUrl } from "../../domain/TypedAddress.ts"
import { isUrl, refuseUserInformation } from "./Arguments.ts"
import { type CarriedOut, carryOutAll } from "./clients/CarriedOut.ts"
import { clientsOf, isPresent, ownServerOf, placesIn, serversOf } from "./clients/ClientPlaces.ts"
import { type EditOptions, type Installation, planInstall } from "./clients/PlannedEdit.ts"
import { type StorageToExamine, tellVariables } from "./clients/StorageVariables.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { printJson, printTable, tell } from "./Output.ts"
import { remedyText } from "./RemedyText.ts"
import { configFileOfRun, Json } from "./Settings.ts"
import { UsageError } from "./UsageError.ts"

/** `--client ID`, several times. */
const clientFlag = Flag.String("client").pipe(
  Flag.withMetavar("CLIENT"),
  Flag.withDescription(`An MCP client; several are allowed: ${mcpClientIds.join(", ")}`),
  Flag.between(0, mcpClientIds.length)
)

const flag = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withDefault(false))

/** The flags of commands that edit the files of clients. */
export const editFlags = {
  client: clientFlag,
  project: flag("project", "Edit the file of the project in this folder"),
  dryRun: flag("dry-run", "Only show what would change"),
  followLinks: flag("follow-links", "Write to the file that a symbolic link leads to"),
  yes: flag("yes", "Do not ask for confirmation").pipe(Flag.withAlias("y"))
}

/** The name of a server over HTTP in the configuration, which may be given as its URL. */
const configuredName = Effect.fnUntraced(function* (given: string) {
  yield* refuseUserInformation(given)
  const configuration = yield* Configuration
  const file = yield* configuration.file
  const servers = yield* configuration.servers
  const found = servers.find(({ name, target }) => name === given || (isUrl(given) && target === given))
  if (found === undefined) {
    const issues = (yield* configuration.invalid).filter(({ path }) => path[1] === given)
    if (issues.length > 0) return yield* new ConfigurationError({ file, issues })
    if (isUrl(given)) {
      return yield* new UsageError({
        problem: `${file} has no server with this URL.`,
        remedies: [
          command("add", { server: nameForUrl(new URL(given)), url: given, purpose: "add it first" })
        ]
      })
    }
    const known = servers.map(({ name }) => name)
    const near = nearName(given, known)
    return yield* new UnknownServer({ name: given, file, known, ...(near === undefined ? {} : { near }) })
  }
  if (found.transport === "http") return found.name
  return yield* new UsageError({
    problem: `${found.name} is a program on this machine, which has no sign-in. Clients start it without mcp-cli.`
  })
})

/** What starts the proxy of a server, in a file of this scope. */
const launchOfProxy = Effect.fnUntraced(function* (server: string, { scope }: EditOptions) {
  const own = yield* OwnProgram
  const { platform } = yield* ClientFiles
  const file = yield* Configuration.use((configuration) => configuration.file)
  const isOfFolder = file === (yield* own.projectConfiguration)
  // The proxy finds it: everywhere, or in the folder of the project, where clients start it.
  const isFound = file === (yield* own.defaultConfiguration) || (scope === "project" && isOfFolder)
  if (!isFound && isOfFolder && (yield* configFileOfRun) === undefined) {
    return yield* new UsageError({
      problem: `${file} is the configuration of this folder. An entry that names it would use its later versions, too, without your approval.`,
      remedies: [
        advice("Add the server to your own configuration in another folder, and install that one."),
        advice("To name this file all the same, give it with --config-file.")
      ]
    })
  }
  return proxyLaunch({
    // Others who work on a project have other paths.
    program: scope === "project" ? undefined : yield* own.launch,
    os: platform.os,
    server,
    configFile: isFound ? undefined : file
  })
})

/** What a client has of this program. */
interface Presence {
  readonly client: McpClient
  readonly isPresent: boolean
  readonly file: string
  /** The servers whose proxies it starts. */
  readonly servers: ReadonlyArray<string>
  readonly problem: string | undefined
}

const presenceOf = Effect.fnUntraced(function* (client: McpClient, scope: EditOptions["scope"]) {
  const places = yield* placesIn(client, scope)
  const [place] = places
  if (place === undefined) return []
  const files = yield* ClientFiles
  const found = yield* Effect.forEach(places, (each) =>
    Effect.flatMap(files.read(each), (file) => serversOf(each, file))
  ).pipe(
    Effect.map((lists) => ({ servers: lists.flat(), problem: undefined })),
    Effect.catchTag("FileEditError", ({ problem }) => Effect.succeed({ servers: [], problem }))
  )
  const own = found.servers.flatMap((server) => ownServerOf(client, server) ?? [])
  return [
    { client, isPresent: yield* isPresent(client), file: place.file, servers: own, problem: found.problem }
  ] satisfies ReadonlyArray<Presence>
})

/** Lists the clients of this machine, and the servers that each has. */
const list = Effect.fnUntraced(function* (server: string | undefined, scope: EditOptions["scope"]) {
  const all = (yield* Effect.forEach(mcpClients, (client) => presenceOf(client, scope))).flat()
  if (yield* Json) {
    return yield* printJson({
      server: server ?? null,
      clients: all.map(({ client, file, isPresent: present, problem, servers }) => ({
        client: client.id,
        title: client.title,
        present,
        file,
        servers,
        problem: problem ?? null
      }))
    } satisfies JsonOutput<"install">)
  }
  const present = all.filter((one) => one.isPresent)
  if (present.length === 0) yield* tell("None of the clients that mcp-cli knows is on this machine.")
  else {
    yield* printTable([
      ["CLIENT", "NAME", "THROUGH MCP-CLI", "FILE"],
      ...present.map(({ client, file, problem, servers }) => [
        client.id,
        client.title,
        problem === undefined ? servers.join(", ") || "-" : "unreadable",
        problem === undefined ? file : `${file} ${problem}`
      ])
    ])
  }
  const next = present.find(({ servers }) => server === undefined || !servers.includes(server))
  const line = command("install", {
    server,
    options: { client: next?.client.id ?? "CLIENT" },
    purpose: "add one to a client"
  })
  if (server === undefined || next !== undefined) yield* tell(remedyText(line, yield* configFileOfRun))
})

const messages = {
  installed: "Added",
  updated: "Updated",
  replaced: "Replaced"
} as const

const report = <R>(
  server: string,
  { args, command }: Launch,
  dryRun: boolean,
  storage: () => StorageToExamine<R>
) =>
  Effect.fnUntraced(function* (done: ReadonlyArray<CarriedOut<Installation>>) {
    if (yield* Json) {
      return yield* printJson({
        server,
        dryRun,
        command: [command, ...args],
        clients: done.map(({ backup, client, place, result }) => ({
          client: client.id,
          file: place.file,
          result,
          backup: backup ?? null,
          restart: client.restart
        }))
      } satisfies JsonOutput<"install --client">)
    }
    for (const { backup, client, place, result } of done) {
      if (result === "unchanged") {
        yield* tell(`${client.title} has ${server} already. ${place.file} was not changed.`)
        continue
      }
      if (dryRun) continue
      yield* tell(`${messages[result]} ${server} in ${client.title}: ${place.file}`)
      if (backup !== undefined) yield* tell(`The file as it was before: ${backup}`)
      yield* tell(client.restart)
    }
    const written = done.filter(({ result }) => result !== "unchanged")
    if (dryRun || written.length === 0) return
    yield* tellVariables(
      written.map(({ client }) => client),
      storage
    )
  })

/**
 * `mcp-cli install NAME --client CLIENT`
 *
 * @param storage the storage in use, without a user to ask. Built once an entry is written.
 */
export const install = <R>(storage: () => StorageToExamine<R>) =>
  Command.make(
    "install",
    {
      name: Argument.String("NAME").pipe(
        Argument.withDescription("A server of the configuration (mcp-cli servers lists them)"),
        Argument.optional
      ),
      ...editFlags,
      force: flag(
        "force",
        "Replace an entry of another program; write the file of a client that was not found"
      )
    },
    Effect.fn("cli.install")(function* ({ client, dryRun, followLinks, force, name, project, yes }) {
      const clients = yield* clientsOf(client)
      const options = { scope: project ? "project" : "user", force, followsLinks: followLinks } as const
      if (Option.isNone(name)) {
        if (clients.length === 0) return yield* list(undefined, options.scope)
        return yield* new UsageError({
          problem: "The server is missing: mcp-cli install NAME --client CLIENT",
          remedies: []
        })
      }
      const server = yield* configuredName(name.value)
      if (clients.length === 0) return yield* list(server, options.scope)
      const launch = yield* launchOfProxy(server, options)
      yield* carryOutAll(
        clients.map((one) => Effect.map(planInstall(one, server, launch, options), (edit) => [edit])),
        {
          dryRun,
          yes,
          what: `This adds ${server} to ${clients.map(({ title }) => title).join(", ")}`
        },
        report(server, launch, dryRun, storage)
      )
    })
  ).pipe(
    Command.withDescription("Let another MCP client use a server through mcp-cli, which signs in for it"),
    Command.withExamples([
      { command: "mcp-cli install", description: "List the clients of this machine, and what they have" },
      {
        command: "mcp-cli install notion --client cursor",
        description: "Show the change, ask, and write it"
      },
      {
        command: "mcp-cli install notion --client claude-desktop --client codex --yes",
        description: "In two clients, without being asked"
      }
    ])
  )
