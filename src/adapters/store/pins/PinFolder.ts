import { createHash } from "node:crypto"
import { Effect, Layer, Option, Schema, Semaphore } from "effect"
import { CredentialKey } from "../../../domain/CredentialKey.ts"
import { StorageError } from "../../../ports/CredentialStore.ts"
import { Corrupt } from "../../../ports/StorageFailure.ts"
import { type PinnedServer, type ToolPin, ToolPins } from "../../../ports/ToolPins.ts"
import { advice } from "../../../domain/Remedy.ts"
import { privateFolder } from "../folder/PrivateFolder.ts"

const Pins = Schema.fromJsonString(
  Schema.Record(
    Schema.String,
    Schema.Struct({ hash: Schema.String, definition: Schema.String, isAllowed: Schema.Boolean })
  )
)
const decode = Schema.decodeUnknownOption(Pins)

/** The place is a hash: a URL may hold a secret. */
const fileOf = ({ account, name, place }: PinnedServer): string =>
  `${CredentialKey.of(name, account).storageName}.${createHash("sha256").update(place).digest("hex").slice(0, 16)}.json`

/**
 * Remembers the definitions of the tools of each account in a file of a private folder.
 *
 * @param directory a folder that only this program uses
 */
export const layer = (directory: string): Layer.Layer<never> =>
  Layer.sync(ToolPins, () => {
    const folder = privateFolder(directory)
    const turn = Semaphore.makeUnsafe(1)
    const recall = Effect.fn("ToolPins.recall")(function* (server: PinnedServer) {
      const file = fileOf(server)
      const text = yield* folder.read(file)
      if (Option.isNone(text)) return new Map<string, ToolPin>()
      const pins = decode(text.value)
      if (Option.isSome(pins)) return new Map(Object.entries(pins.value))
      return yield* new StorageError({
        reason: new Corrupt({
          path: `${folder.path}/${file}`,
          detail: "it is cut short or altered",
          fixes: [advice("Delete it: the definitions of the tools are recorded as they are then.")]
        })
      })
    })
    return {
      recall,
      remember: (server, pins) =>
        Effect.flatMap(recall(server), (before) =>
          folder.replace(fileOf(server), JSON.stringify(Object.fromEntries([...before, ...pins])))
        ).pipe(turn.withPermit, Effect.withSpan("ToolPins.remember"))
    }
  })
