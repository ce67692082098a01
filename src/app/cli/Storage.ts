import { Effect, Result } from "effect"
import { Command } from "effect/cli"
import { command } from "../../domain/Remedy.ts"
import { CredentialStore } from "../../ports/CredentialStore.ts"
import { StorageBackends } from "../../ports/StorageBackends.ts"
import { ChosenStorage } from "../storage/ChosenStorage.ts"
import { StorageCheck } from "../storage/StorageCheck.ts"
import { isoTime, print, printJson, tell } from "./Output.ts"
import { remedyText } from "./RemedyText.ts"
import { configFileOfRun, Json } from "./Settings.ts"
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
    const { backend, location } = store.description
    const configFile = yield* configFileOfRun
    const moveTo = (to: string, purpose: string) =>
      remedyText(command("storage move", { options: { to }, purpose }), configFile)
    const kept = Result.isSuccess(listed) ? listed.success.length : undefined
    if (yield* Json) {
      yield* printJson({
        backend: backend.name,
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
        ["Backend", `${backend.name}: ${backend.label}`],
        ["Why", inUse.reason + since],
        ["Where", location],
        ["Stored", kept === undefined ? "unknown" : `${kept} sign-in${kept === 1 ? "" : "s"}`],
        [
          "Health",
          Result.isSuccess(health)
            ? `good: wrote, read and removed a test entry in ${Math.round(health.success)} ms`
            : "not usable now"
        ],
        ...inUse.migratingFrom.map((name) => [
          "Left over",
          `a move out of ${name} was interrupted. ${moveTo(backend.name, "finish it")}`
        ])
      ]
      yield* print(...rows.map(([name = "", value = ""]) => `${name.padEnd(11)}${value}`))
    }
    if (Result.isFailure(health)) return yield* health.failure
    const { automatic } = yield* StorageBackends
    const unused = automatic.addressed?.backend
    if (!inUse.isNamed && unused !== undefined && unused.name !== backend.name) {
      yield* tell(
        `mcp-cli: ${unused.label} is configured, and not used.`,
        moveTo(unused.name, "store the sign-ins there")
      )
    }
  })
).pipe(
  Command.withDescription("Show where sign-ins are stored and why, and test the store"),
  Command.withExamples([
    { command: "mcp-cli storage", description: "Backend, reason, place, health" },
    { command: "mcp-cli storage move --to vault", description: "Store them in Vault from now on" },
    { command: "mcp-cli storage rekey", description: "A new password for the encrypted files" }
  ])
)
