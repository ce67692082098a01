import { Clock, Console, Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import { Configuration } from "../../ports/Configuration.ts"
import { type AccountStatus, CredentialStatus } from "../credentials/CredentialStatus.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { nameOf, serverName } from "./Arguments.ts"
import { isoTime, printJson, printTable, relativeTime } from "./Output.ts"
import { Account, Json } from "./Settings.ts"
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
  problem: status.problem ?? null
})

const tell = (problems: ReadonlyArray<string>) =>
  Effect.forEach(problems, (problem) => Console.error(`mcp-cli: ${problem}`), { discard: true })

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
      return yield* new UsageError({
        problem: `Nothing is configured or kept for "${name.value}" that could be signed in to. Configured: ${configured.join(", ") || "none"}.`
      })
    }
    const kept = Option.match(account, {
      onNone: () => ofServer,
      onSome: (wanted) => ofServer.filter(({ key }) => key.account === wanted)
    })
    // Who asks about one account hears of it, kept or not.
    const shown =
      kept.length === 0 && Option.isSome(name) && Option.isSome(account)
        ? [yield* credentials.of(CredentialKey.of(name.value, account.value))]
        : kept
    if (unlisted !== undefined && shown.length === 0) return yield* unlisted
    const problems = new Set(shown.flatMap(({ problem }) => problem ?? []))
    const untold = unlisted === undefined || problems.has(unlisted.message) ? [] : [unlisted.message]
    if (yield* Json) {
      yield* printJson(shown.map(json))
      return yield* tell(untold)
    }
    yield* showWarnings
    if (shown.length === 0 && Option.isSome(account))
      return yield* Console.error(`No server has an account ${account.value} that is signed in.`)
    if (shown.length === 0)
      return yield* Console.error("The configuration has no server that one signs in to.")
    const now = yield* Clock.currentTimeMillis
    yield* printTable([
      ["NAME", "STATE", "UNTIL", "SCOPES", "KEPT IN"],
      ...shown.map(({ expiresAt, key, keptIn, scopes, state }) => [
        nameOf(key),
        state,
        expiresAt === undefined ? "-" : relativeTime(expiresAt, now),
        scopes.join(" ") || "-",
        state === "signed out" ? "-" : `${keptIn.location} (${keptIn.backend.name})`
      ])
    ])
    yield* tell([...problems, ...untold])
  })
).pipe(
  Command.withDescription("Show who is signed in, until when, and where that is kept; asks no server"),
  Command.withExamples([
    { command: "mcp-cli auth status", description: "All servers" },
    {
      command: "mcp-cli auth status --account work",
      description: "One account, at every server that has it"
    },
    { command: "mcp-cli auth status notion --json", description: "One, for a program" }
  ])
)
