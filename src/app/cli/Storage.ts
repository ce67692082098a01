import { Console, Effect, Result } from "effect"
import { Command } from "effect/cli"
import { Configuration } from "../../ports/Configuration.ts"
import { CredentialStore } from "../../ports/CredentialStore.ts"
import { backendNames } from "../../ports/StorageFailure.ts"
import { ChosenStorage } from "../storage/ChosenStorage.ts"
import { StorageCheck } from "../storage/StorageCheck.ts"
import { isoTime, printJson } from "./Output.ts"
import { Json } from "./Settings.ts"
import { showWarnings } from "./Warnings.ts"

/** `mcp-cli storage` */
export const storage = Command.make(
  "storage",
  {},
  Effect.fn("cli.storage")(function* () {
    const inUse = yield* ChosenStorage.use((chosen) => chosen.inUse)
    const store = yield* CredentialStore
    const listed = yield* Effect.result(store.list)
    const health = yield* Effect.result(StorageCheck.use((service) => service.check))
    const { location } = store.description
    const kept = Result.isSuccess(listed) ? listed.success.length : undefined
    if (yield* Json) {
      yield* printJson({
        backend: inUse.backend,
        reason: inUse.reason,
        since: inUse.since === undefined ? null : isoTime(inUse.since),
        location,
        kept: kept ?? null,
        migratingFrom: inUse.migratingFrom,
        healthy: Result.isSuccess(health)
      })
    } else {
      yield* showWarnings
      const since = inUse.since !== undefined ? ` (since ${isoTime(inUse.since).slice(0, 10)})` : ""
      const rows = [
        ["Backend", `${inUse.backend}: ${backendNames[inUse.backend]}`],
        ["Why", inUse.reason + since],
        ["Where", location],
        ["Kept", kept === undefined ? "unknown" : `${kept} sign-in${kept === 1 ? "" : "s"}`],
        [
          "Health",
          Result.isSuccess(health)
            ? `good: wrote, read and removed a test entry in ${Math.round(health.success)} ms`
            : "not usable now"
        ],
        ...inUse.migratingFrom.map((backend) => [
          "Left over",
          `a move out of ${backend} was interrupted: mcp-cli storage move --to ${inUse.backend} finishes it`
        ])
      ]
      yield* Console.log(rows.map(([name = "", value = ""]) => `${name.padEnd(11)}${value}`).join("\n"))
    }
    if (Result.isFailure(health)) return yield* health.failure
    const { vault, backend } = yield* Configuration.use((configuration) => configuration.tokenStorage)
    if (backend === "auto" && vault !== undefined && inUse.backend !== "vault") {
      yield* Console.error(
        "mcp-cli: Vault is set up as well, and not used: mcp-cli storage move --to vault takes the sign-ins there."
      )
    }
  })
).pipe(
  Command.withDescription("Show where sign-ins are kept and why, and test that they can be"),
  Command.withExamples([
    { command: "mcp-cli storage", description: "Backend, reason, place, health" },
    { command: "mcp-cli storage move --to vault", description: "Keep them in Vault from now on" },
    { command: "mcp-cli storage rekey", description: "A new password for the encrypted files" }
  ])
)
