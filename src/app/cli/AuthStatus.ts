import { Clock, Console, Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import { Configuration } from "../../ports/Configuration.ts"
import { type AccountStatus, CredentialStatus } from "../CredentialStatus.ts"
import { type CredentialKey, defaultAccount } from "../../domain/CredentialKey.ts"
import { serverName } from "./Arguments.ts"
import { isoTime, printJson, printTable, relativeTime } from "./Output.ts"
import { Json } from "./Settings.ts"
import { UsageError } from "./UsageError.ts"
import { showWarnings } from "./Warnings.ts"

const nameOf = ({ account, server }: CredentialKey): string =>
  account === defaultAccount ? server : `${server} (${account})`

const json = (status: AccountStatus) => ({
  server: status.key.server,
  account: status.key.account,
  state: status.state,
  expiresAt: status.expiresAt === undefined ? null : isoTime(status.expiresAt),
  scopes: status.scopes,
  issuer: status.issuer ?? null,
  keptIn: status.keptIn,
  problem: status.problem ?? null
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
    const all = yield* credentials.all(configured)
    const shown = Option.match(name, {
      onNone: () => all,
      onSome: (wanted) => all.filter(({ key }) => key.server === wanted)
    })
    if (Option.isSome(name) && shown.length === 0) {
      return yield* new UsageError({
        problem: `Nothing is configured or kept for "${name.value}" that could be signed in to. Configured: ${configured.join(", ") || "none"}.`
      })
    }
    if (yield* Json) return yield* printJson(shown.map(json))
    yield* showWarnings
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
        state === "signed out" ? "-" : `${keptIn.location} (${keptIn.backend})`
      ])
    ])
    const problems = new Set(shown.flatMap(({ problem }) => problem ?? []))
    yield* Effect.forEach(problems, (problem) => Console.error(`mcp-cli: ${problem}`))
  })
).pipe(
  Command.withDescription("Show who is signed in, until when, and where that is kept; asks no server"),
  Command.withExamples([
    { command: "mcp-cli auth status", description: "All servers" },
    { command: "mcp-cli auth status notion --json", description: "One, for a program" }
  ])
)
