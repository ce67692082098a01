import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import type { IsOwn } from "../../domain/OwnCredentials.ts"
import { command, set, tokenStorage } from "../../domain/Remedy.ts"
import { Configuration } from "../../ports/Configuration.ts"
import { anyKeyring, storageBackendNames, storageBackends } from "../../ports/StorageBackend.ts"
import { type SharedSource, StorageMove } from "../storage/StorageMove.ts"
import { confirm, namesOf, requireAnswer } from "./Confirmation.ts"
import { isConfigured } from "./ConfiguredSignIns.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { printJson, tell, tellError } from "./Output.ts"
import { progressOf } from "./Progress.ts"
import { remediesJson, remedyText } from "./RemedyText.ts"
import { configFileOfRun, Json } from "./Settings.ts"

/** Names of the backends whose sign-ins outlive the program. */
const lasting = [anyKeyring, ...storageBackendNames.filter((name) => storageBackends[name].lasting)]

/** Asks before sign-ins are taken out of a store that other machines share. */
const confirmShared = Effect.fnUntraced(function* (
  sources: ReadonlyArray<SharedSource>,
  isOwn: IsOwn,
  yes: boolean
) {
  for (const { description, keys } of sources) {
    const own = keys.filter((key) => isOwn(key))
    const { label } = description.backend
    const staying = keys.length - own.length
    if (staying > 0) {
      yield* tell(
        `mcp-cli: ${staying} of ${keys.length} sign-ins stay in ${label}: this configuration does not name them. Add --all to take them too.`
      )
    }
    if (own.length === 0 || yes) continue
    yield* requireAnswer(`This takes sign-ins out of ${label}, which other machines share`)
    yield* tell(`${description.location} is shared with other machines. This takes out of it:`)
    yield* tell(...namesOf(own).map((name) => `  ${name}`))
    const what = `${own.length} sign-in${own.length === 1 ? "" : "s"}`
    if (!(yield* confirm(`Move ${what}?`))) return false
  }
  return true
})

/** `mcp-cli storage move --to BACKEND` */
export const move = Command.make(
  "move",
  {
    to: Flag.Literals("to", lasting).pipe(
      Flag.withDescription("Where to store sign-ins from now on (required)")
    ),
    from: Flag.Literals("from", lasting).pipe(
      Flag.withDescription("A backend to empty in addition to the one in use"),
      Flag.optional
    ),
    all: Flag.Boolean("all").pipe(
      Flag.withDescription("Take every sign-in out of a store that other machines share"),
      Flag.withDefault(false)
    ),
    yes: Flag.Boolean("yes").pipe(
      Flag.withAlias("y"),
      Flag.withDescription("Do not ask for confirmation"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.storage.move")(function* ({ all, from, to, yes }) {
    const isOwn = all ? () => true : yield* isConfigured
    const fromName = Option.getOrUndefined(from)
    const sources = yield* StorageMove.use((service) => service.shared(to, fromName))
    const confirmed = yield* confirmShared(sources, isOwn, yes)
    if (!confirmed) return yield* tell("Nothing was moved.")
    const progress = yield* progressOf("copied")
    const removed = yield* progressOf("removed the originals of")
    const result = yield* StorageMove.use((service) =>
      service.move(to, fromName, { isOwn, progress, removed })
    )
    const { left } = result
    const moved = result.moved.filter(({ isSignIn }) => isSignIn)
    const keys = result.moved.filter(({ modelProvider }) => modelProvider !== undefined).length
    const secrets = result.moved.filter(({ secret }) => secret !== undefined).length
    const { label, name } = result.to
    const configFile = yield* configFileOfRun
    if (yield* Json) {
      return yield* printJson({
        from: result.from,
        to: name,
        moved: moved.map(({ account, server }) => ({ server, account })),
        left: left.map(({ key, problem }) => ({
          server: key.server,
          account: key.account,
          problem: problem.message,
          remedies: remediesJson(problem.remedies, configFile)
        }))
      } satisfies JsonOutput<"storage move">)
    }
    yield* tell(
      result.moved.length === 0
        ? `There was nothing to move. Sign-ins are stored in ${label} from now on.`
        : `Moved ${moved.length} sign-in${moved.length === 1 ? "" : "s"} to ${label}.`
    )
    if (keys > 0) yield* tell(`Moved ${keys} key${keys === 1 ? "" : "s"} of model providers, too.`)
    if (secrets > 0) yield* tell(`Moved ${secrets} secret${secrets === 1 ? "" : "s"} of servers, too.`)
    if (result.elsewhere.length > 0) {
      yield* tell(
        `mcp-cli: not moved: ${namesOf(result.elsewhere).join(", ")}. This configuration has other servers under these names. Add --all to take them too.`
      )
    }
    for (const { problem } of left) {
      yield* tellError(problem, configFile, "mcp-cli: not moved:")
    }
    if (left.length > 0) {
      const again = command("storage move", { options: { to: name }, purpose: "move the rest after that" })
      yield* tell(remedyText(again, configFile))
    }
    const { backend } = yield* Configuration.use((configuration) => configuration.tokenStorage)
    if (backend !== "auto" && backend !== name) {
      const file = yield* Configuration.use((configuration) => configuration.file)
      yield* tell(
        `mcp-cli: ${file} still names "${backend}".`,
        remedyText(set(tokenStorage, { backend: name }))
      )
    }
  })
).pipe(
  Command.withDescription("Move the sign-ins to another backend: copy, verify, then remove"),
  Command.withExamples([
    {
      command: "mcp-cli storage move --to keyring",
      description: "Into the keyring of this system"
    },
    {
      command: "mcp-cli storage move --to encrypted",
      description: "Into encrypted files; run again, it finishes what was interrupted"
    }
  ])
)
