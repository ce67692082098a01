import { Clock, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { oauthEndpoints } from "../../domain/OAuthEndpoints.ts"
import { command, oauthOf, set } from "../../domain/Remedy.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { CredentialStore } from "../../ports/CredentialStore.ts"
import { isOfWholeStore } from "../../ports/StorageFailure.ts"
import { type LogoutResult, SignOut } from "../signin/SignOut.ts"
import { readyServer } from "../storage/ReadyServer.ts"
import { accountAt, nameOf, resolvedName, serverName } from "./Arguments.ts"
import { forgetUnused } from "./ForgottenAccounts.ts"
import { isConfigured } from "./ConfiguredSignIns.ts"
import { confirm, namesOf, requireAnswer } from "./Confirmation.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { addressFlag, showOthers, signInNamed } from "./NamedSignIn.ts"
import { isoTime, printJson, relativeTime, tell, tellError } from "./Output.ts"
import { listed, remediesJson, remedyText } from "./RemedyText.ts"
import { Account, configFileOfRun, Json } from "./Settings.ts"
import { besideText, storedBeside } from "./StoredBeside.ts"
import { UsageError } from "./UsageError.ts"
import { showWarnings } from "./Warnings.ts"

/** How long tokens that were not revoked still work. */
const remainderOf = (
  { expiresAt, refreshable }: Extract<LogoutResult, { readonly refreshable: boolean }>,
  now: number
): string => {
  if (expiresAt === undefined) return "Its tokens work until the provider revokes them."
  if (refreshable) {
    const access = expiresAt <= now ? "" : ` Its access token expires ${relativeTime(expiresAt, now)}.`
    return `Its refresh token works until the provider revokes it.${access}`
  }
  return expiresAt <= now
    ? "Its token has expired already."
    : `Its token expires ${relativeTime(expiresAt, now)}.`
}

const removeAccess = "To revoke them sooner, remove the access of this program in your account there."

/** Why no tokens were revoked. */
const reasonOf = (
  { lacksSecret, refused }: Extract<LogoutResult, { readonly _tag: "NotOffered" }>,
  issuer: string
): string => {
  if (refused !== undefined) {
    return `the tokens are from ${issuer}, and "revocation_url" is at ${refused.origin}. Nothing was sent there.`
  }
  return lacksSecret === true
    ? `${issuer} requires the secret of the client, which this configuration does not hold.`
    : `no revocation endpoint of ${issuer} is known.`
}

/** Ends the sign-in of an account, whether or not the configuration still names its server. */
export const endSignIn = Effect.fnUntraced(function* (key: CredentialKey, url: Option.Option<string>) {
  const { account, server: name } = key
  const { resource, server } = yield* signInNamed(name, account, url)
  const signOut = yield* SignOut
  // A sign-in can be ended although a secret of its server is missing: then as one whose server is not configured.
  const usable =
    server &&
    (yield* readyServer(server).pipe(
      Effect.catchTag(["SecretMissing", "SecretBoundElsewhere"], () => Effect.undefined)
    ))
  const ended: ReadonlyArray<LogoutResult> =
    usable?._tag === "Http"
      ? [yield* signOut.logout(usable, account)]
      : yield* signOut.logoutStored(name, account, resource)
  yield* forgetUnused(key)
  return { resource, server, done: ended.filter(({ _tag }) => _tag !== "Nothing") }
})

/** Shows the result of a logout. */
export const showLogout = Effect.fnUntraced(function* (
  key: CredentialKey,
  server: RemoteServer<unknown> | undefined,
  result: LogoutResult
) {
  const shown = nameOf(key)
  switch (result._tag) {
    case "Revoked": {
      yield* tell(
        `Signed out of ${shown}. ${result.endpoint.origin} revoked the tokens, and they are forgotten here.`
      )
      const { acceptedUntil } = result
      if (acceptedUntil === undefined) return
      const expires = relativeTime(acceptedUntil, yield* Clock.currentTimeMillis)
      return yield* tell(
        `Servers may accept the access token until it expires ${expires} (${isoTime(acceptedUntil)}): they can check it without asking.`
      )
    }
    case "Refused":
      yield* tell(`Forgot the sign-in to ${shown} on this machine.`)
      yield* tell(result.answer)
      return yield* tell(`${remainderOf(result, yield* Clock.currentTimeMillis)} ${removeAccess}`)
    case "NotOffered": {
      const issuer = new URL(result.issuer).origin
      yield* tell(`Forgot the sign-in to ${shown} on this machine.`)
      yield* tell(`Nothing was revoked: ${reasonOf(result, issuer)}`)
      yield* tell(`${remainderOf(result, yield* Clock.currentTimeMillis)} ${removeAccess}`)
      if (server?.oauth.source._tag !== "ByHand" || result.refused !== undefined) return
      const field = oauthEndpoints.revocation.configurationKey
      return yield* tell(
        remedyText(set(oauthOf(server.name), { [field]: null }, "its provider documents that endpoint"))
      )
    }
    case "Nothing": {
      yield* tell(`Not signed in to ${shown}: nothing was revoked.`)
      if (server === undefined) return
      const own = yield* CredentialStore.use((store) => store.get(CredentialKey.at(server, key.account)))
      if (Option.isNone(own)) return
      yield* tell(`A record of ${server.name} without tokens is still stored.`)
      const forget = command("auth reset", { server: key.server, account: key.account, purpose: "forget it" })
      yield* tell(remedyText(forget, yield* configFileOfRun))
    }
  }
})

/**
 * The sign-ins that a run may end: in a store that other machines share, those of this configuration. Fails if the whole store
 * cannot be read: the user would be asked for its password once for each sign-in.
 */
const signInsOfRun = Effect.gen(function* () {
  const { description, get, list } = yield* CredentialStore
  const isOwn = description.backend.lockScope === "shared" ? yield* isConfigured : () => true
  const found = yield* Effect.forEach(yield* list, (key) =>
    Effect.gen(function* () {
      const read = yield* Effect.result(isOwn(key) ? get(key) : Effect.succeedNone)
      if (read._tag === "Failure" && isOfWholeStore(read.failure.reason)) return yield* read.failure
      return { key, read }
    })
  )
  return found.filter(
    ({ key, read }) => read._tag === "Failure" || Option.exists(read.success, (one) => isOwn(key, one))
  )
})

/** Says what is stored beside the sign-ins, which have ended. */
const tellBeside = Effect.gen(function* () {
  const beside = besideText(yield* storedBeside)
  if (beside.length === 0) return
  const { description } = yield* CredentialStore
  // Other machines use those of a store that they share.
  const forget =
    description.backend.lockScope === "shared"
      ? command("secret remove", { server: "SERVER", operand: "SECRET", purpose: "forget a secret" })
      : command("auth reset", { options: { all: true }, purpose: "forget everything there" })
  yield* tell(
    `Still stored in ${description.backend.label}: ${listed(beside)}. ${remedyText(forget, yield* configFileOfRun)}`
  )
}).pipe(Effect.ignore({ log: "Debug" }))

/** Ends every sign-in. One that cannot be ended does not keep the others. */
const logoutAll = Effect.fnUntraced(function* (yes: boolean) {
  const json = yield* Json
  const configFile = yield* configFileOfRun
  const found = yield* signInsOfRun
  if (!yes && found.length > 0) {
    yield* requireAnswer("--all ends every sign-in")
    yield* tell("This signs out of:", ...namesOf(found.map(({ key }) => key)).map((name) => `  ${name}`))
    if (!(yield* confirm(`Sign out of ${found.length === 1 ? "it" : "all"}?`)))
      return yield* tell("Nothing was revoked.")
  }
  const rows: Array<JsonOutput<"auth logout --all">[number]> = []
  const problems: Array<Effect.Error<ReturnType<typeof endSignIn>>> = []
  for (const { key, read } of found) {
    const { account, server: name } = key
    const ended = yield* Effect.fromResult(read).pipe(
      Effect.flatMap((record) =>
        endSignIn(
          key,
          Option.map(record, ({ resource }) => resource)
        )
      ),
      Effect.result
    )
    if (ended._tag === "Failure") {
      const problem = ended.failure
      problems.push(problem)
      const shown = { problem: problem.message, remedies: remediesJson(problem.remedies, configFile) }
      rows.push({ server: name, account, revoked: false, forgotten: false, ...shown })
      continue
    }
    const { done, server } = ended.success
    const isDone = done.length > 0
    const revoked = isDone && done.every(({ _tag }) => _tag === "Revoked")
    rows.push({ server: name, account, revoked, forgotten: isDone, problem: null, remedies: [] })
    const results: ReadonlyArray<LogoutResult> = isDone ? done : [{ _tag: "Nothing" }]
    if (!json) yield* Effect.forEach(results, (result) => showLogout(key, server, result), { discard: true })
  }
  if (json) yield* printJson(rows)
  else if (found.length === 0) yield* tell("Not signed in anywhere: nothing was revoked.")
  const [first, ...others] = problems
  if (!json && first === undefined) yield* tellBeside
  if (!json) yield* Effect.forEach(others, (problem) => tellError(problem, configFile), { discard: true })
  if (first !== undefined) return yield* Effect.fail(first)
})

/** `mcp-cli auth logout NAME | --all` */
export const logout = Command.make(
  "logout",
  {
    name: serverName.pipe(Argument.optional),
    url: addressFlag,
    all: Flag.Boolean("all").pipe(Flag.withDescription("Every server and account"), Flag.withDefault(false)),
    yes: Flag.Boolean("yes").pipe(
      Flag.withAlias("y"),
      Flag.withDescription("With --all: do not ask for confirmation"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.auth.logout")(function* ({ all, name: given, url, yes }) {
    if (all === Option.isSome(given)) {
      return yield* new UsageError({
        problem: "Name one server, or add --all: mcp-cli auth logout NAME | --all"
      })
    }
    if (Option.isNone(given)) {
      if (Option.isSome(url) || Option.isSome(yield* Account)) {
        return yield* new UsageError({
          problem:
            "--all ends every sign-in. Leave out --account and --url, or name a server instead of --all."
        })
      }
      return yield* logoutAll(yes)
    }
    const name = yield* resolvedName(given.value)
    yield* showWarnings(name)
    const key = yield* accountAt(name)
    const { account } = key
    const { done, resource, server } = yield* endSignIn(key, url)
    if (yield* Json) {
      return yield* printJson({
        server: name,
        account,
        revoked: done.length > 0 && done.every(({ _tag }) => _tag === "Revoked"),
        forgotten: done.length > 0
      } satisfies JsonOutput<"auth logout">)
    }
    const results: ReadonlyArray<LogoutResult> = done.length > 0 ? done : [{ _tag: "Nothing" }]
    yield* Effect.forEach(results, (result) => showLogout(key, server, result), { discard: true })
    yield* showOthers(name, account, resource)
  })
).pipe(
  Command.withDescription(
    "Sign out: revoke the tokens at the authorization server and forget them on this machine"
  ),
  Command.withExamples([
    { command: "mcp-cli auth logout notion", description: "End the sign-in everywhere" },
    { command: "mcp-cli auth logout notion --account work", description: "One account of several" },
    { command: "mcp-cli auth logout --all", description: "Every sign-in of this machine" },
    {
      command: "mcp-cli auth logout notion --url https://old.example.com/mcp",
      description: "The sign-in to an address that the configuration no longer names"
    }
  ])
)
