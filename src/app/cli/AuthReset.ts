import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import { command } from "../../domain/Remedy.ts"
import { CredentialStore, type StorageDescription } from "../../ports/CredentialStore.ts"
import { ServerSecrets } from "../../ports/ServerSecrets.ts"
import { SignOut } from "../signin/SignOut.ts"
import { accountAt, nameOf, resolvedName, serverName } from "./Arguments.ts"
import { forgetUnused } from "./ForgottenAccounts.ts"
import { isConfigured } from "./ConfiguredSignIns.ts"
import { confirm, namesOf, requireAnswer } from "./Confirmation.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { addressFlag, showOthers, signInNamed } from "./NamedSignIn.ts"
import { printJson, tell } from "./Output.ts"
import { listed, remedyText } from "./RemedyText.ts"
import { Account, configFileOfRun, Json } from "./Settings.ts"
import { besideText, counted, storedBeside } from "./StoredBeside.ts"
import { UsageError } from "./UsageError.ts"

const json = (forgotten: ReadonlyArray<CredentialKey>): JsonOutput<"auth reset"> => ({
  forgotten: forgotten.map(({ server }) => server),
  accounts: forgotten.map(({ account, server }) => ({ server, account }))
})

/** True if the sign-ins of other machines are in the same store. */
const isShared = ({ backend }: StorageDescription): boolean => backend.lockScope === "shared"

/** Forgets every sign-in; in a store that other machines share, those of this configuration, unless the user agrees to all. */
const resetAll = Effect.fnUntraced(function* (flags: { readonly shared: boolean; readonly yes: boolean }) {
  const signOut = yield* SignOut
  const { description, list } = yield* CredentialStore
  const { names: stored } = yield* ServerSecrets
  const { label } = description.backend
  const isOwn = yield* isConfigured
  const foreign = isShared(description) ? (yield* list).filter((key) => !isOwn(key)) : []
  const takesForeign = flags.shared || foreign.length === 0
  const clears = !isShared(description) || flags.shared
  const secrets = clears ? yield* Effect.orElseSucceed(stored, () => []) : []
  if (!flags.yes) {
    const whose = takesForeign ? "every server" : "the servers of this configuration"
    yield* requireAnswer("--all forgets every sign-in")
    const also = secrets.length === 0 ? "" : `, and the stored secrets (${secrets.length})`
    yield* tell("Their tokens stay valid at the providers: auth logout --all revokes them.")
    if (!(yield* confirm(`Forget the sign-ins to ${whose}${also}?`)))
      return yield* tell("Nothing was forgotten.")
  }
  const forgotten = yield* signOut.resetAll(isShared(description) && !flags.shared ? isOwn : undefined)
  yield* Effect.forEach(forgotten, forgetUnused, { discard: true })
  if (yield* Json) return yield* printJson(json(forgotten))
  yield* tell(
    forgotten.length === 0
      ? "There was nothing to forget."
      : `Forgot the sign-in to ${forgotten.map(nameOf).join(", ")}.`
  )
  if (secrets.length > 0) yield* tell(`Forgot the stored secrets of servers, too (${secrets.length}).`)
  if (clears) return
  // Only what was read has told whether a record of a configured name is for the configured server.
  const kept = yield* list
  const left = [
    ...(kept.length === 0
      ? []
      : [
          `${counted(kept.length, "sign-in")} that this configuration does not name (${namesOf(kept).join(", ")})`
        ]),
    ...besideText(yield* Effect.orElseSucceed(storedBeside, () => undefined))
  ]
  if (left.length === 0) return
  yield* tell(`Still in ${label}: ${listed(left)}.`)
  const forget = command("auth reset", {
    options: { all: true, shared: true },
    purpose: "forget those as well"
  })
  yield* tell(remedyText(forget, yield* configFileOfRun))
})

/** `mcp-cli auth reset NAME | --all` */
export const reset = Command.make(
  "reset",
  {
    name: serverName.pipe(Argument.optional),
    url: addressFlag,
    all: Flag.Boolean("all").pipe(Flag.withDescription("Forget every server"), Flag.withDefault(false)),
    shared: Flag.Boolean("shared").pipe(
      Flag.withDescription("With --all: also what other machines have in a store that they share"),
      Flag.withDefault(false)
    ),
    yes: Flag.Boolean("yes").pipe(
      Flag.withAlias("y"),
      Flag.withDescription("Do not ask for confirmation"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.auth.reset")(function* ({ all, name, shared, url, yes }) {
    if (all === Option.isSome(name)) {
      return yield* new UsageError({
        problem: "Name one server, or add --all: mcp-cli auth reset NAME | --all"
      })
    }
    if (shared && !all) return yield* new UsageError({ problem: "--shared belongs to --all." })
    if (all && Option.isSome(yield* Account)) {
      return yield* new UsageError({
        problem: "--all forgets every account. Leave out --account, or name a server instead of --all."
      })
    }
    if (all && Option.isSome(url)) {
      return yield* new UsageError({ problem: "--all forgets every sign-in. Leave out --url." })
    }
    if (Option.isNone(name)) return yield* resetAll({ shared, yes })
    const signOut = yield* SignOut
    const key = yield* accountAt(yield* resolvedName(name.value))
    const { resource, server } = yield* signInNamed(key.server, key.account, url)
    const { description } = yield* CredentialStore
    if (isShared(description) && server === undefined && !yes) {
      const { label } = description.backend
      yield* requireAnswer(
        `This configuration does not name ${nameOf(key)}, and other machines share ${label}`
      )
      const confirmed = yield* confirm(
        `This configuration does not name ${nameOf(key)}. Forget it in ${label}, which other machines share?`
      )
      if (!confirmed) return yield* tell("Nothing was forgotten.")
    }
    const forgotten = yield* signOut.reset(key.server, key.account, resource)
    yield* forgetUnused(key)
    if (yield* Json) return yield* printJson(json(forgotten ? [key] : []))
    yield* tell(
      forgotten ? `Forgot the sign-in to ${nameOf(key)}.` : `There was nothing to forget for ${nameOf(key)}.`
    )
    yield* showOthers(key.server, key.account, resource)
    if (Option.isSome(yield* Account)) return
    const stored = yield* CredentialStore.use((store) => store.list)
    const others = stored.filter(({ account, server }) => server === key.server && account !== key.account)
    const [other] = others
    if (other === undefined) return
    yield* tell(`Still stored: ${others.map(nameOf).join(", ")}.`)
    const forget = command("auth reset", {
      server: other.server,
      account: other.account,
      purpose: `forget ${others.length === 1 ? "it" : "one of them"}`
    })
    yield* tell(remedyText(forget, yield* configFileOfRun))
  })
).pipe(
  Command.withDescription(
    "Forget a sign-in on this machine, without a password or the network; its tokens stay valid"
  ),
  Command.withExamples([
    { command: "mcp-cli auth reset notion", description: "Forget one: the next use signs in again" },
    { command: "mcp-cli auth reset notion --account work", description: "Forget one account of several" },
    {
      command: "mcp-cli auth reset notion --url https://old.example.com/mcp",
      description: "Forget the sign-in to an address that the configuration no longer names"
    },
    { command: "mcp-cli auth reset --all --yes", description: "Forget all, without being asked" }
  ])
)
