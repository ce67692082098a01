import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { Effect, Layer, Option, Ref } from "effect"
import { Command, Completions } from "effect/cli"
import * as ConfigurationFile from "../adapters/config/ConfigurationFile.ts"
import { answer } from "../app/cli/completion/Answer.ts"
import { expectedAt } from "../app/cli/completion/Expected.ts"
import { readLine, shells } from "../app/cli/completion/ShellLine.ts"
import { lineVariable } from "../app/cli/completion/ShellScripts.ts"
import { defaultErrorFormat } from "../app/cli/ErrorReport.ts"
import { printCells } from "../app/cli/Output.ts"
import { builtInFlags, program } from "../app/cli/Program.ts"
import { settings } from "../app/cli/Settings.ts"
import { ConfigurationTrust, type RequireApproval } from "../ports/ConfigurationTrust.ts"
import { anyKeyring } from "../ports/StorageBackend.ts"
import { live } from "./Live.ts"
import { keyrings, knownNames } from "./StorageLive.ts"

/** The commands and flags of the program. */
export const commandTable = Effect.gen(function* () {
  const root = Completions.fromCommand(program(live(""), yield* Ref.make(defaultErrorFormat)))
  const all = Object.fromEntries([...settings, ...builtInFlags].map(({ flag }, at) => [String(at), flag]))
  return { root, globalFlags: Completions.fromCommand(Command.make("", all)).flags }
})

/** The names of keyrings that a system does not have. */
export const absentBackends = (platform: NodeJS.Platform): ReadonlyArray<string> => {
  const own = keyrings[platform]
  const all = [anyKeyring, ...Object.values(keyrings)]
  return own === undefined ? all : all.filter((name) => name !== anyKeyring && name !== own)
}

/** Nothing is asked while the user types: a configuration that is not approved has no candidates. */
const trust = Layer.succeed(ConfigurationTrust, (found): ReturnType<RequireApproval> =>
  Effect.flatMap(
    Effect.promise(() => import("./TrustLive.ts")),
    ({ requireApproval }) => requireApproval(found, false)
  )
)

/**
 * Answers the completion script of a shell. Never fails, prints nothing but candidates, and uses neither the network nor the
 * token store.
 *
 * @param words the shell, the line up to the cursor, and for bash `COMP_TYPE` and `COMP_WORDBREAKS`
 */
export const complete = Effect.fnUntraced(
  function* ([name, given, type, breaks]: ReadonlyArray<string>) {
    const shell = shells.find((one) => one === name)
    const line = given ?? process.env[lineVariable]
    if (shell === undefined || line === undefined) return
    const { globalFlags, root } = yield* commandTable
    const { current, words } = readLine(shell, line)
    const { flags } = expectedAt(root, globalFlags, words, current)
    const path = Option.fromNullishOr(flags.get("config-file"))
    const configuration = ConfigurationFile.layer({ path, searchesWorkingDirectory: true }).pipe(
      Layer.provide([NodeFileSystem.layer, NodePath.layer, trust])
    )
    const rows = yield* answer(
      { shell, line, type, breaks, absent: absentBackends(process.platform) },
      root,
      globalFlags
    ).pipe(Effect.provide(Layer.merge(configuration, knownNames)))
    yield* printCells(rows)
  },
  (completed) => Effect.ignoreCause(completed)
)
