import { Effect, Option, Result } from "effect"
import { Command } from "effect/cli"
import { command } from "../../domain/Remedy.ts"
import { CredentialStore, type StorageError } from "../../ports/CredentialStore.ts"
import { Display } from "../../ports/Display.ts"
import { isOfWholeStore } from "../../ports/StorageFailure.ts"
import { StorageBackends } from "../../ports/StorageBackends.ts"
import { ChosenStorage } from "../storage/ChosenStorage.ts"
import { StorageCheck, type StorageHealth } from "../storage/StorageCheck.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { definitions } from "./Definitions.ts"
import { isoTime, print, printJson, tell } from "./Output.ts"
import { listed, remedyText } from "./RemedyText.ts"
import { configFileOfRun, Json } from "./Settings.ts"
import { besideText, counted, storedBeside } from "./StoredBeside.ts"
import { showWarnings } from "./Warnings.ts"

/** What is shown if the choice cannot be read. */
const unknownUse = {
  isNamed: false,
  migratingFrom: [],
  copiedTo: [],
  reason: "unknown: the choice of the backend cannot be read",
  since: undefined
}

const healthText = (health: StorageHealth): string =>
  health._tag === "New"
    ? "not set up yet: the first sign-in does that"
    : `good: wrote, read and removed a test entry in ${Math.round(health.took)} ms`

/** `mcp-cli storage` */
export const storage = Command.make(
  "storage",
  {},
  Effect.fn("cli.storage")(function* () {
    // What is wrong with the storage is what this command is for: it shows the rest, and fails at the end.
    const inUse = yield* Effect.result(ChosenStorage.use((chosen) => chosen.inUse))
    const store = yield* CredentialStore
    const signIns = yield* Effect.result(store.list)
    const outage = Option.filter(Result.getFailure(signIns), ({ reason }) => isOfWholeStore(reason))
    // What every request fails of may be waited for: once is enough.
    const check = Option.getOrElse(outage, () => StorageCheck.use((service) => service.check))
    const health = yield* Effect.result(check)
    const problem = [inUse, signIns, health].flatMap((result) =>
      Option.toArray(Result.getFailure<unknown, StorageError>(result))
    )[0]
    const { backend, cautions: known = Effect.succeed([]), location } = store.description
    const cautions = problem === undefined ? yield* Effect.orElseSucceed(known, () => []) : []
    const { copiedTo, isNamed, migratingFrom, reason, since } = Result.getOrElse(inUse, () => unknownUse)
    const configFile = yield* configFileOfRun
    const moveTo = (to: string, purpose: string) =>
      remedyText(command("storage move", { options: { to }, purpose }), configFile)
    const kept = Result.isSuccess(signIns) ? signIns.success.length : undefined
    // Like the sign-ins, they are listed without a password.
    const others = kept === undefined ? undefined : yield* Effect.orElseSucceed(storedBeside, () => undefined)
    if (yield* Json) {
      yield* printJson({
        backend: backend.name,
        reason,
        since: since === undefined ? null : isoTime(since),
        location,
        kept: kept ?? null,
        secrets: others?.secrets ?? null,
        modelKeys: others?.modelKeys ?? null,
        migratingFrom,
        copiedTo,
        healthy: problem === undefined,
        cautions,
        isNew: Result.isSuccess(health) && health.success._tag === "New"
      } satisfies JsonOutput<"storage">)
    } else {
      yield* showWarnings()
      const decided = since === undefined ? "" : ` (since ${isoTime(since).slice(0, 10)})`
      const isDecided = isNamed || since !== undefined || Result.isFailure(inUse)
      const rows = [
        ["Backend", `${backend.name}: ${backend.label}`],
        ["Why", `${reason}${isDecided ? decided : " (the first sign-in decides)"}`],
        ["Where", location],
        [
          "Stored",
          kept === undefined ? "unknown" : listed([counted(kept, "sign-in"), ...besideText(others)])
        ],
        [
          "Health",
          Result.isSuccess(health)
            ? ({ style: 32, text: healthText(health.success) } as const)
            : ({ style: 31, text: "not usable now" } as const)
        ],
        ...cautions.map((caution) => ["Caution", { style: 35, text: caution }] as const),
        ...migratingFrom.map((name) => ["Left over", `a move out of ${name} was interrupted`] as const),
        ...copiedTo.map((name) => ["Left over", `copies in ${name}: a move to it was not completed`] as const)
      ] as const
      const { columns } = yield* Display
      yield* print(...definitions(rows, { columns, indent: 0 }))
      // On a line of its own, so that it can be copied.
      if (migratingFrom.length > 0) yield* print(moveTo(backend.name, "finish it"))
      for (const name of copiedTo) yield* print(moveTo(name, "complete it"))
    }
    if (problem !== undefined) return yield* problem
    const { automatic } = yield* StorageBackends
    const unused = automatic.addressed?.backend
    if (!isNamed && unused !== undefined && unused.name !== backend.name) {
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
