import { Clock, Effect, Option, Result } from "effect"
import { Argument, Command } from "effect/cli"
import { command, type Remediable } from "../../domain/Remedy.ts"
import { isReady } from "../../domain/ConfiguredServer.ts"
import { needsUser, resourceOf } from "../../domain/Server.ts"
import { SignInRequired } from "../../domain/SignInError.ts"
import { Configuration, ConfigurationError, type ServerSummary } from "../../ports/Configuration.ts"
import { KnownSignInNeeds } from "../../ports/KnownSignInNeeds.ts"
import { type AccountStatus, CredentialStatus } from "../credentials/CredentialStatus.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { httpEntry, isUrl, nameOf, resolvedName, serverName } from "./Arguments.ts"
import { keysOf } from "./ConfiguredSignIns.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import type { Styled } from "./Line.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import { isoTime, printJson, printTable, relativeTime, tell, tellError } from "./Output.ts"
import { progressOf } from "./Progress.ts"
import { errorText, remedyText } from "./RemedyText.ts"
import { Account, configFileOfRun, Json, type Settings } from "./Settings.ts"
import { SignInsRequired, UsageError } from "./UsageError.ts"
import { showWarnings } from "./Warnings.ts"

/** Says that the stored sign-in may be of no use. */
const failedText = ({ failed, key }: AccountStatus): string | undefined =>
  failed === undefined
    ? undefined
    : `The last token refresh of ${nameOf(key)} failed at ${isoTime(failed.at)} (${failed.answer}).`

/** Says why a sign-in cannot be read, or how its last refresh failed. */
export const showProblem = Effect.fnUntraced(function* (status: AccountStatus) {
  yield* showFailed([status])
  if (status.problem !== undefined) yield* tellError(status.problem, yield* configFileOfRun)
})

/** Shows which stored sign-ins may be of no use, and how to replace them. */
const showFailed = Effect.fnUntraced(function* (statuses: ReadonlyArray<AccountStatus>) {
  const configFile = yield* configFileOfRun
  for (const status of statuses) {
    const text = failedText(status)
    if (text === undefined) continue
    const { account, server } = status.key
    yield* tell(
      `mcp-cli: ${text}`,
      remedyText(command("auth login", { server, account, purpose: "sign in instead" }), configFile)
    )
  }
})

const json = (status: AccountStatus, needsSignIn: boolean): JsonOutput<"auth status">[number] => ({
  server: status.key.server,
  account: status.key.account,
  state: status.state,
  // What an unreadable record holds is not known.
  needsSignIn: status.state === "unreadable" ? null : needsSignIn,
  renewable: status.state === "unreadable" ? null : status.renewable,
  expiresAt: status.expiresAt === undefined ? null : isoTime(status.expiresAt),
  scopes: status.scopes,
  issuer: status.issuer ?? null,
  resource: status.resource ?? null,
  keptIn: { backend: status.keptIn.backend.name, location: status.keptIn.location },
  problem: status.problem?.message ?? failedText(status) ?? null
})

/** The states as users read them, each in a colour. */
const states: Readonly<Record<AccountStatus["state"], Styled>> = {
  "signed in": { style: 32, text: "signed in" },
  refreshable: { style: 32, text: "signed in (renews on next use)" },
  expired: { style: 31, text: "expired" },
  "signed out": { style: 35, text: "signed out" },
  unreadable: { style: 31, text: "unreadable" }
}

/** The state of an account as users read it. */
export const stateText = ({ failed, state }: AccountStatus, without?: Styled): Styled => {
  if (failed !== undefined) return { style: 35, text: "renewal failed" }
  return without ?? states[state]
}

/** Until when the access token is good. */
export const untilText = ({ expiresAt, renewable, state }: AccountStatus, now: number): string => {
  if (expiresAt === undefined || state === "refreshable") return "-"
  const end = relativeTime(expiresAt, now)
  return renewable ? `${end} (renewable)` : end
}

/** Why no user signs in to this server, as users read it. Undefined: a user may have to. */
export const withoutSignIn = Effect.fnUntraced(
  function* (name: string): Effect.fn.Return<Styled | undefined, unknown, Configuration> {
    const server = yield* Configuration.use((configuration) => configuration.server(name))
    if (server._tag !== "Http" || !isReady(server)) return undefined
    if (!needsUser(server)) return { style: 32, text: "not used yet (needs no sign-in)" }
    const need = yield* KnownSignInNeeds.use((needs) => needs.recall(server))
    return need === "none" ? { style: 32, text: "needs no sign-in so far" } : undefined
  },
  // A server that cannot be used now is reported where it is used.
  Effect.orElseSucceed(() => undefined)
)

const isUsable = ({ state }: AccountStatus) => state === "signed in" || state === "refreshable"

/** The server of that name. None: it cannot be used now, or refers to stored secrets, which are not read here. */
const serverNamed = (name: string) =>
  Configuration.use((configuration) => configuration.server(name)).pipe(
    Effect.option,
    Effect.map(Option.filter(isReady)),
    Effect.map(Option.filter((server) => server._tag === "Http"))
  )

/**
 * The sign-ins that no command uses: they are for another client, grant or endpoint than the configuration names now. One to a
 * server that it does not name may have the client of a command line of mcp-remote, and is not judged.
 */
const unfitOf = Effect.fnUntraced(function* (
  rows: ReadonlyArray<AccountStatus>,
  configured: ReadonlyArray<ServerSummary>
) {
  const usable = rows.filter((row) => isUsable(row) && configured.some(({ name }) => name === row.key.server))
  const servers = new Map(
    yield* Effect.forEach(new Set(usable.map(({ key }) => key.server)), (name) =>
      Effect.map(serverNamed(name), (server) => [name, server] as const)
    )
  )
  return usable.filter(({ isFor, key, resource }) =>
    Option.exists(
      servers.get(key.server) ?? Option.none(),
      (server) => resource === resourceOf(server) && isFor?.(server) === false
    )
  )
})

/** The error that ends the command if a user has to sign in. */
const signInRequired = (
  statuses: ReadonlyArray<AccountStatus>,
  unfit: ReadonlyArray<CredentialKey>,
  unattended: boolean
) => {
  const [first, ...others] = statuses
  const inCi = unattended ? { unattended } : {}
  if (first === undefined) return []
  if (others.length > 0)
    return [new SignInsRequired({ names: statuses.map(({ key }) => nameOf(key)), ...inCi })]
  const { account, server } = first.key
  const state = first.state === "expired" ? "expired" : "never signed in"
  const why = unfit.includes(first.key) ? "configured otherwise" : state
  return [new SignInRequired({ server, account, why, ...inCi })]
}

/** Problems that are shown. A policy may forbid each record of a thousand. */
const maxProblems = 5

/** Shows each problem once, however many accounts have it. The first one ends the command, and is shown by that. */
const reportProblems = Effect.fnUntraced(function* <E extends Remediable>(
  problems: ReadonlyArray<E>
): Effect.fn.Return<void, E, Settings> {
  const configFile = yield* configFileOfRun
  const byText = new Map(problems.map((problem) => [errorText(problem, configFile), problem]))
  const [first, ...others] = [...byText]
  const shown = others.slice(0, maxProblems - 1)
  yield* Effect.forEach(shown, ([, problem]) => tellError(problem, configFile), { discard: true })
  if (others.length > shown.length) {
    yield* tell(`mcp-cli: ${others.length - shown.length} more problems like these. --json lists them.`)
  }
  if (first !== undefined) return yield* Effect.fail(first[1])
})

/** The errors of the configuration that concern this server, or any. */
const invalidEntries = (name: Option.Option<string>) =>
  Effect.gen(function* () {
    const { file, invalid } = yield* Configuration
    const issues = (yield* invalid).filter(({ path }) => Option.isNone(name) || path[1] === name.value)
    return issues.length === 0 ? [] : [new ConfigurationError({ file: yield* file, issues })]
  }).pipe(
    // Without a configuration there are no entries. `servers` reports one that cannot be read.
    Effect.orElseSucceed(() => [])
  )

/** Says which sign-ins have the name of a server of the configuration, and are for another one. */
const showElsewhere = Effect.fnUntraced(function* (elsewhere: ReadonlyArray<AccountStatus>) {
  const configFile = yield* configFileOfRun
  for (const { key, resource: url = "" } of elsewhere) {
    yield* tell(
      `mcp-cli: ${nameOf(key)} is also a sign-in to ${url}, which this configuration does not name.`
    )
    const { account, server } = key
    const end = command("auth logout", { server, account, options: { url }, purpose: "end it" })
    yield* tell(remedyText(end, configFile))
  }
})

/** `mcp-cli auth status [NAME]` */
export const status = Command.make(
  "status",
  { name: serverName.pipe(Argument.optional) },
  Effect.fn("cli.auth.status")(function* ({ name: given }) {
    const name = Option.isNone(given) ? given : Option.some(yield* resolvedName(given.value))
    const credentials = yield* CredentialStatus
    // Sign-ins are stored with or without a configuration.
    const configuration = yield* Effect.result(Configuration.use((file) => file.servers))
    const listed = Result.getOrElse(configuration, () => [])
    // A server that the configuration does not name has its URL as its name.
    const byUrl = Option.filter(name, isUrl)
    const expected = [
      ...(yield* keysOf(listed)),
      ...Option.toArray(byUrl).map((url) => CredentialKey.of(url, undefined, url))
    ]
    const account = yield* Account
    const { accounts: ofServer, unlisted } = yield* credentials.all(
      expected,
      Option.match(name, { onNone: () => undefined, onSome: (wanted) => (key) => key.server === wanted }),
      yield* progressOf("read")
    )
    if (Option.isSome(name) && unlisted === undefined && ofServer.length === 0) {
      yield* httpEntry(name.value)
      return yield* new UsageError({
        problem: `The entry of ${name.value} has an Authorization header of its own, so it has no sign-in.`
      })
    }
    const stored = Option.match(account, {
      onNone: () => ofServer,
      onSome: (wanted) => ofServer.filter(({ key }) => key.account === wanted)
    })
    const here = new Map(
      expected.flatMap(({ resource, server }) => (resource === undefined ? [] : [[server, resource]]))
    )
    // An account that the command line names is shown even if it is not stored.
    const found =
      stored.length === 0 && Option.isSome(name) && Option.isSome(account)
        ? [yield* credentials.of(CredentialKey.of(name.value, account.value, here.get(name.value)))]
        : stored
    const unfit = (yield* unfitOf(found, listed)).map(({ key }) => key)
    const shown = found.map((row): AccountStatus =>
      unfit.includes(row.key) ? { ...row, state: "signed out", expiresAt: undefined, renewable: false } : row
    )
    const elsewhere = shown.filter(({ key, resource }) => {
      const address = here.get(key.server)
      return resource !== undefined && address !== undefined && address !== resource
    })
    const without = new Map<AccountStatus, Styled>()
    for (const row of shown.filter(({ state }) => state === "signed out")) {
      const text = yield* withoutSignIn(row.key.server)
      if (text !== undefined) without.set(row, text)
    }
    const needing = shown.filter(
      (row) =>
        (row.state === "expired" || row.state === "signed out") &&
        !without.has(row) &&
        !elsewhere.includes(row) &&
        (Option.isSome(name) ||
          expected.some(({ server }) => server === row.key.server) ||
          listed.length === 0) &&
        // A user who has only named accounts does not miss the default one.
        (row.state === "expired" ||
          !shown.some(
            (other) => other.key.server === row.key.server && isUsable(other) && !elsewhere.includes(other)
          ))
    )
    const invalid = yield* invalidEntries(name)
    const problems = [
      // Why a store lists nothing is mostly why its records are unreadable, too.
      ...(unlisted === undefined ? [] : [unlisted]),
      ...shown.flatMap(({ problem }) => problem ?? [])
    ]
    if (problems.length === 0 && shown.length === 0) {
      yield* Effect.fromResult(configuration)
      yield* reportProblems(invalid)
    }
    const { unattended = false } = yield* UserInteraction
    if (yield* Json) {
      yield* printJson(shown.map((row) => json(row, needing.includes(row))))
      // The others are in the rows.
      return yield* reportProblems(
        [...problems, ...invalid, ...signInRequired(needing, unfit, unattended)].slice(0, 1)
      )
    }
    yield* showWarnings()
    if (problems.length === 0 && shown.length === 0) {
      return yield* tell(
        Option.isSome(account)
          ? `The account ${account.value} is signed in to no server.`
          : "The configuration has no server with a sign-in."
      )
    }
    const now = yield* Clock.currentTimeMillis
    const urlOf = ({ resource = "-" }: AccountStatus) => (elsewhere.length > 0 ? [resource] : [])
    yield* printTable([
      ["NAME", "STATE", "UNTIL", "SCOPES", "STORED IN", ...(elsewhere.length > 0 ? ["SERVER"] : [])],
      ...shown.map((row) => [
        nameOf(row.key),
        stateText(row, without.get(row)),
        untilText(row, now),
        row.scopes.join(" ") || "-",
        // Where that is, `storage` and --json show.
        row.state === "signed out" ? "-" : row.keptIn.backend.name,
        ...urlOf(row)
      ])
    ])
    yield* showElsewhere(elsewhere)
    yield* showFailed(shown)
    yield* reportProblems([...problems, ...invalid, ...signInRequired(needing, unfit, unattended)])
  })
).pipe(
  Command.withDescription(
    "Show every sign-in, and where it is stored, without asking a server; exits with 3 if one is needed"
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
