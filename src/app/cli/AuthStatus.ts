import { Clock, Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import { Configuration } from "../../ports/Configuration.ts"
import type { StorageError } from "../../ports/CredentialStore.ts"
import { type AccountStatus, CredentialStatus } from "../credentials/CredentialStatus.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { httpServer, nameOf, serverName } from "./Arguments.ts"
import { isoTime, printJson, printTable, relativeTime, tell, tellError } from "./Output.ts"
import { Account, configFileOfRun, Json } from "./Settings.ts"
import { UsageError } from "./UsageError.ts"
import { showWarnings } from "./Warnings.ts"

const json = (status: AccountStatus) => ({
  server: status.key.server,
  account: status.key.account,
  state: status.state,
  expiresAt: status.expiresAt === undefined ? null : isoTime(status.expiresAt),
  scopes: status.scopes,
  issuer: status.issuer ?? null,
  keptIn: { backend: status.keptIn.backend.name, location: status.keptIn.location },
  problem: status.problem?.message ?? null
})

/** Shows each problem once, however many accounts have it. */
const showProblems = Effect.fnUntraced(function* (problems: ReadonlyArray<StorageError>) {
  const configFile = yield* configFileOfRun
  const byMessage = new Map(problems.map((problem) => [problem.message, problem]))
  yield* Effect.forEach(byMessage.values(), (problem) => tellError(problem, configFile), { discard: true })
})

/** `mcp-cli auth status [NAME]` */
export const status = Command.make(
  "status",
  { name: serverName.pipe(Argument.optional) },
  Effect.fn("cli.auth.status")(function* ({ name }) {
    const credentials = yield* CredentialStatus
    const listed = yield* Configuration.use((configuration) => configuration.servers)
    const configured = listed
      .filter(({ authorization }) => authorization.startsWith("oauth"))
      .map((server) => server.name)
    const account = yield* Account
    const { accounts: ofServer, unlisted } = yield* credentials.all(
      configured,
      Option.match(name, { onNone: () => undefined, onSome: (wanted) => (key) => key.server === wanted })
    )
    if (Option.isSome(name) && unlisted === undefined && ofServer.length === 0) {
      yield* httpServer(name.value)
      return yield* new UsageError({
        problem: `The entry of ${name.value} has an Authorization header of its own, so it has no sign-in.`
      })
    }
    const stored = Option.match(account, {
      onNone: () => ofServer,
      onSome: (wanted) => ofServer.filter(({ key }) => key.account === wanted)
    })
    // An account that the command line names is shown even if it is not stored.
    const shown =
      stored.length === 0 && Option.isSome(name) && Option.isSome(account)
        ? [yield* credentials.of(CredentialKey.of(name.value, account.value))]
        : stored
    if (unlisted !== undefined && shown.length === 0) return yield* unlisted
    const problems = shown.flatMap(({ problem }) => problem ?? [])
    if (yield* Json) {
      yield* printJson(shown.map(json))
      // What a row says in JSON already is not repeated.
      const isShown = problems.some(({ message }) => message === unlisted?.message)
      return yield* showProblems(unlisted === undefined || isShown ? [] : [unlisted])
    }
    yield* showWarnings
    if (shown.length === 0 && Option.isSome(account))
      return yield* tell(`The account ${account.value} is signed in to no server.`)
    if (shown.length === 0) return yield* tell("The configuration has no server with a sign-in.")
    const now = yield* Clock.currentTimeMillis
    yield* printTable([
      ["NAME", "STATE", "UNTIL", "SCOPES", "STORED IN"],
      ...shown.map(({ expiresAt, key, keptIn, scopes, state }) => [
        nameOf(key),
        state,
        expiresAt === undefined ? "-" : relativeTime(expiresAt, now),
        scopes.join(" ") || "-",
        state === "signed out" ? "-" : `${keptIn.location} (${keptIn.backend.name})`
      ])
    ])
    yield* showProblems(unlisted === undefined ? problems : [...problems, unlisted])
  })
).pipe(
  Command.withDescription(
    "Show every sign-in, when it expires and where it is stored, without asking a server"
  ),
  Command.withExamples([
    { command: "mcp-cli auth status", description: "All servers" },
    {
      command: "mcp-cli auth status --account work",
      description: "One account, at every server that has it"
    },
    { command: "mcp-cli auth status notion --json", description: "One, for a program" }
  ])
)
