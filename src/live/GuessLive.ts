import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { Effect, Option } from "effect"
import type { CliOutput } from "effect/cli"
import * as ConfigurationFile from "../adapters/config/ConfigurationFile.ts"
import { reportInvalid } from "../app/cli/ErrorReport.ts"
import { guessOf, valueOfFlag } from "../app/cli/Guess.ts"
import { Configuration } from "../ports/Configuration.ts"

/** The names of the servers, without asking the user about a file that is not approved: it counts as none. */
const serversOf = (words: ReadonlyArray<string>) =>
  Configuration.use(({ servers }) => servers).pipe(
    Effect.map((servers) => servers.map(({ name }) => name)),
    Effect.orElseSucceed((): ReadonlyArray<string> => []),
    Effect.provide(
      ConfigurationFile.layer({
        path: Option.fromUndefinedOr(valueOfFlag("--config-file", words)),
        searchesWorkingDirectory: true
      })
    ),
    Effect.provide([NodeFileSystem.layer, NodePath.layer])
  )

/** Reports a command line that does not parse, with what was probably meant. Loaded only for one. */
export const report = Effect.fnUntraced(function* (
  event: Omit<CliOutput.Presenter.InvalidInvocation, "_tag">,
  words: ReadonlyArray<string>
) {
  const [error] = event.errors
  const servers = error?._tag === "UnknownSubcommand" ? yield* serversOf(words) : []
  const guess = error && guessOf({ ...event, error, servers, words })
  yield* reportInvalid(event, guess, words.includes("--json"))
})
