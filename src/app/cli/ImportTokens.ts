import { Clock, Effect, Option, Result } from "effect"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import type { ForeignSignIn } from "../../domain/foreign-tokens/ForeignSignIn.ts"
import { mcpClients } from "../../domain/McpClient.ts"
import { printable } from "../../domain/PrintableText.ts"
import { readRemoteLine } from "../../domain/RemoteCommandLine.ts"
import { remoteWordsOf } from "../../domain/RemoteLauncher.ts"
import { advice, command } from "../../domain/Remedy.ts"
import { canonicalResource } from "../../domain/SecureUrl.ts"
import { type RemoteServer, resourceOf } from "../../domain/Server.ts"
import type { ClientFiles } from "../../ports/ClientFiles.ts"
import { Configuration } from "../../ports/Configuration.ts"
import type { CredentialStore } from "../../ports/CredentialStore.ts"
import type { ServerSecrets } from "../../ports/ServerSecrets.ts"
import { isOfWholeStore } from "../../ports/StorageFailure.ts"
import { type ForeignProgram, foreignPrograms, ForeignTokens } from "../../ports/ForeignTokens.ts"
import { ImportedSignIns, type ImportOutcome } from "../signin/ImportedSignIns.ts"
import { nameOf } from "./Arguments.ts"
import { foreignServers } from "./clients/ForeignServers.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { isoTime, printJson, relativeTime, tell } from "./Output.ts"
import { remedyText } from "./RemedyText.ts"
import { Account, configFileOfRun, Json } from "./Settings.ts"
import { usableServer } from "./UsableServer.ts"
import { UsageError } from "./UsageError.ts"

/** What importing sign-ins needs. */
export type TokenServices =
  | ClientFiles
  | Configuration
  | CredentialStore
  | ForeignTokens
  | ImportedSignIns
  | ServerSecrets

type Row = JsonOutput<"import --tokens">["signIns"][number]

/** A server over HTTP of the configuration. */
interface OwnServer {
  readonly name: string
  readonly resource: string | undefined
  /** The server, or why it cannot be used now: a clause. */
  readonly server: RemoteServer | string
}

const ownServers = Effect.gen(function* () {
  const configuration = yield* Configuration
  const summaries = (yield* configuration.servers).filter(({ transport }) => transport === "http")
  return yield* Effect.forEach(summaries, ({ name, target }) =>
    Effect.map(Effect.result(usableServer(name)), (read): OwnServer => {
      const url = URL.parse(target)
      const resource = url === null ? undefined : canonicalResource(url)
      if (read._tag === "Failure") {
        return { name, resource, server: `its server cannot be used now: ${clauseOf(read.failure.message)}` }
      }
      const { success: server } = read
      return server._tag === "Http"
        ? { name, resource: resourceOf(server), server }
        : { name, resource, server: "its server is a program" }
    })
  )
})

/** A sentence as the end of another one. */
const clauseOf = (message: string): string => message.replace(/\s*\n\s*/g, " ").replace(/\.$/, "")

/** The lines of mcp-remote in the files of clients. Their words decide the names of its files. */
const remoteLines = Effect.map(foreignServers(mcpClients, { withProject: true }), ({ servers }) =>
  servers.flatMap(({ json }) => {
    const { args, command: program } = Object(json) as { readonly command?: unknown; readonly args?: unknown }
    const list: ReadonlyArray<unknown> = [
      ...(Array.isArray(program) ? program : [program]),
      ...(Array.isArray(args) ? args : [])
    ]
    const [first, ...rest] = list.filter((word) => typeof word === "string")
    const words = first === undefined ? undefined : remoteWordsOf(first, rest)
    const read = words && readRemoteLine(words)
    return read !== undefined && Result.isSuccess(read) ? [read.success] : []
  })
)

/** The keys of a server that mcp-remote was started with by its URL alone. */
const plainLines = ({ url }: RemoteServer) => {
  const texts = new Set([url.href, url.href.replace(/\/$/, ""), `${url.href.replace(/\/$/, "")}/`])
  return Array.from(texts, (text) => ({ url: text, storeKey: text }))
}

/** The server of the configuration that a sign-in is for, or why it has none: a clause. */
const serverFor = (
  { name, serverUrl }: ForeignSignIn,
  servers: ReadonlyArray<OwnServer>
): RemoteServer | string => {
  if (serverUrl === undefined) {
    return servers.find((own) => own.name === name)?.server ?? "the configuration has no server of this name"
  }
  const url = URL.parse(serverUrl)
  if (url === null) return "it does not say which server it is for"
  const resource = canonicalResource(url)
  return servers.find((own) => own.resource === resource)?.server ?? absent
}

const absent = "the configuration has no server with its URL"

/** What became of one sign-in. */
interface ImportedSignIn {
  readonly program: ForeignProgram
  readonly signIn: ForeignSignIn
  /** Absent: the configuration does not have the server. */
  readonly key: CredentialKey | undefined
  readonly outcome: ImportOutcome | { readonly _tag: "Impossible"; readonly reason: string }
}

const rowOf = ({ key, outcome, program, signIn }: ImportedSignIn): Row => {
  const row = {
    name: printable(signIn.name),
    program,
    server: key?.server ?? null,
    refreshToken: false,
    expiresAt: null,
    reason: null
  }
  switch (outcome._tag) {
    case "Taken":
      return {
        ...row,
        result: "taken",
        refreshToken: outcome.hasRefreshToken,
        expiresAt: outcome.expiresAt === undefined ? null : isoTime(outcome.expiresAt)
      }
    case "Unchanged":
      return { ...row, result: "unchanged" }
    case "Skipped":
      return { ...row, result: "skipped", reason: `it ${clauseOf(outcome.reason)}` }
    case "Impossible":
      return { ...row, result: "skipped", reason: outcome.reason }
  }
}

/** Tells the user what became of one sign-in, and what is left to do. */
const show = Effect.fnUntraced(function* (
  { key, outcome, program, signIn }: ImportedSignIn,
  isDryRun: boolean
) {
  const { name, serverUrl } = signIn
  const from = `${key === undefined ? printable(name) : nameOf(key)}, from ${program}`
  switch (outcome._tag) {
    case "Unchanged":
      return yield* tell(`${from}: the same sign-in is stored here already.`)
    case "Skipped": {
      yield* tell(`${from}: skipped, because it ${clauseOf(outcome.reason)}.`)
      if (outcome.needsRefreshToken !== true) return
      return yield* tell(
        `  To take its refresh token, add --take-over. ${program} has to sign in again then.`
      )
    }
    case "Impossible": {
      yield* tell(`${from}: skipped, because ${outcome.reason}.`)
      if (outcome.reason !== absent || serverUrl === undefined) return
      const server = /^[\w.-]+$/.test(name) ? { server: name } : {}
      const add = command("add", { ...server, url: serverUrl, purpose: "add it" })
      return yield* tell(`  ${remedyText(add, yield* configFileOfRun)}`)
    }
    case "Taken": {
      const { expiresAt, hasRefreshToken } = outcome
      const now = yield* Clock.currentTimeMillis
      const until =
        expiresAt === undefined ? "" : `; the access token expires ${relativeTime(expiresAt, now)}`
      const what = hasRefreshToken ? "its tokens" : "its access token"
      yield* tell(`${from}: ${isDryRun ? "would take" : "took"} ${what}${until}.`)
      yield* tell(
        hasRefreshToken
          ? `  Sign out of it in ${program} now: a refresh token works in one program only.`
          : "  It is not renewed. When it expires, the next use signs in."
      )
    }
  }
})

/** Imports sign-ins to the servers of the configuration. */
export const importTokens = Effect.fnUntraced(function* (options: {
  readonly from: string
  readonly takeOver: boolean
  readonly dryRun: boolean
}) {
  const programs = foreignPrograms.filter((program) => options.from === "all" || options.from === program)
  if (programs.length === 0) {
    const readable = foreignPrograms.filter((program) => program !== "fastmcp")
    return yield* new UsageError({
      problem: `The sign-ins of ${options.from} cannot be read: it keeps them where only it can decrypt them.`,
      remedies: [advice(`Those of these programs can be read: ${readable.join(", ")}.`)]
    })
  }
  const isJson = yield* Json
  const servers = yield* ownServers
  const account = Option.getOrUndefined(yield* Account)
  const { find } = yield* ForeignTokens
  const { take } = yield* ImportedSignIns
  const searched = {
    names: servers.map(({ name }) => name),
    remoteLines: [
      ...(yield* remoteLines),
      ...servers.flatMap(({ server }) => (typeof server === "string" ? [] : plainLines(server)))
    ]
  }
  const results: Array<ImportedSignIn> = []
  const notes: Array<string> = []
  const places: Array<string> = []
  for (const program of programs) {
    // Nothing is known of it, which only matters to a user who asks.
    if (program === "fastmcp" && options.from === "all") continue
    const found = yield* find(program, searched)
    notes.push(...found.notes)
    places.push(...found.places)
    if (!isJson) yield* Effect.forEach(found.notes, (note) => tell(note), { discard: true })
    for (const signIn of found.signIns) {
      const server = serverFor(signIn, servers)
      const key = typeof server === "string" ? undefined : CredentialKey.at(server, account)
      const outcome =
        typeof server === "string" || key === undefined
          ? { _tag: "Impossible" as const, reason: String(server) }
          : yield* take(server, key, signIn, options).pipe(
              // One record that is damaged, or that its policy hides, says nothing about the others.
              Effect.catchIf(
                (error) => error._tag === "StorageError" && !isOfWholeStore(error.reason),
                ({ message }) => Effect.succeed({ _tag: "Impossible" as const, reason: clauseOf(message) })
              )
            )
      const result = { program, signIn, key, outcome }
      results.push(result)
      if (!isJson) yield* show(result, options.dryRun)
    }
  }
  if (isJson) {
    return yield* printJson({
      dryRun: options.dryRun,
      signIns: results.map(rowOf),
      notes
    } satisfies JsonOutput<"import --tokens">)
  }
  if (results.length > 0 || (notes.length > 0 && places.length === 0)) return
  yield* tell(`No sign-ins to import were found${places.length > 4 ? "." : ` in ${places.join(", ")}.`}`)
})
