import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { command, set, tokenStorage } from "../../domain/Remedy.ts"
import { Configuration } from "../../ports/Configuration.ts"
import { storageBackendNames, storageBackends } from "../../ports/StorageBackend.ts"
import { StorageMove } from "../storage/StorageMove.ts"
import { printJson, tell, tellError } from "./Output.ts"
import { remediesJson, remedyText } from "./RemedyText.ts"
import { configFileOfRun, Json } from "./Settings.ts"

/** Names of the backends whose sign-ins outlive the program. */
const lasting = storageBackendNames.filter((name) => storageBackends[name].lasting)

/** `mcp-cli storage move --to BACKEND` */
export const move = Command.make(
  "move",
  {
    to: Flag.Literals("to", lasting).pipe(Flag.withDescription("Where to store sign-ins from now on")),
    from: Flag.Literals("from", lasting).pipe(
      Flag.withDescription("A backend to empty in addition to the one in use"),
      Flag.optional
    )
  },
  Effect.fn("cli.storage.move")(function* ({ from, to }) {
    const result = yield* StorageMove.use((service) => service.move(to, Option.getOrUndefined(from)))
    const { left, moved } = result
    const { label } = result.to
    const configFile = yield* configFileOfRun
    if (yield* Json) {
      return yield* printJson({
        from: result.from,
        to,
        moved: moved.map(({ account, server }) => ({ server, account })),
        left: left.map(({ key, problem }) => ({
          server: key.server,
          account: key.account,
          problem: problem.message,
          remedies: remediesJson(problem.remedies, configFile)
        }))
      })
    }
    yield* tell(
      moved.length === 0
        ? `There was nothing to move. Sign-ins are stored in ${label} from now on.`
        : `Moved ${moved.length} sign-in${moved.length === 1 ? "" : "s"} to ${label}.`
    )
    for (const { problem } of left) {
      yield* tellError(problem, configFile, "mcp-cli: not moved: ")
    }
    if (left.length > 0) {
      const again = command("storage move", { options: { to }, purpose: "move the rest after that" })
      yield* tell(remedyText(again, configFile))
    }
    const { backend } = yield* Configuration.use((configuration) => configuration.tokenStorage)
    if (backend !== "auto" && backend !== to) {
      const file = yield* Configuration.use((configuration) => configuration.file)
      yield* tell(
        `mcp-cli: ${file} still names "${backend}".`,
        remedyText(set(tokenStorage, { backend: to }))
      )
    }
  })
).pipe(
  Command.withDescription("Move all sign-ins to another backend: copy, verify, then remove"),
  Command.withExamples([
    {
      command: "mcp-cli storage move --to secretservice",
      description: "Into the keyring of a Linux desktop"
    },
    {
      command: "mcp-cli storage move --to encrypted",
      description: "Into encrypted files; run again, it finishes what was interrupted"
    }
  ])
)
