import { join } from "node:path"
import { Effect, Layer, Option, Schema } from "effect"
import { StorageError } from "../../../ports/CredentialStore.ts"
import { StorageChoices } from "../../../ports/StorageChoice.ts"
import { Corrupt, NewerVersion, storageBackends } from "../../../ports/StorageFailure.ts"
import { privateFolder } from "../encrypted-file/PrivateFolder.ts"

/** Name of the file. */
export const choiceFile = "choice.json"

const Backend = Schema.Literals(storageBackends)
const ChoiceJson = Schema.fromJsonString(
  Schema.Struct({
    version: Schema.Literal(1),
    backend: Backend,
    reason: Schema.String,
    since: Schema.Finite,
    migratingFrom: Schema.Array(Backend)
  })
)
const VersionJson = Schema.fromJsonString(Schema.Struct({ version: Schema.Int }))

/**
 * The choice as a file of a private folder.
 *
 * @param options.directory a folder of our own
 */
export const layer = (options: { readonly directory: string }): Layer.Layer<StorageChoices> =>
  Layer.sync(StorageChoices, () => {
    const folder = privateFolder(options.directory)
    const path = join(options.directory, choiceFile)
    return StorageChoices.of({
      read: Effect.gen(function* () {
        const text = yield* folder.read(choiceFile)
        if (Option.isNone(text)) return Option.none()
        const choice = Schema.decodeOption(ChoiceJson)(text.value)
        if (Option.isSome(choice)) return choice
        const version = Schema.decodeOption(VersionJson)(text.value)
        return yield* new StorageError({
          reason:
            Option.isSome(version) && version.value.version > 1
              ? new NewerVersion({ path, version: version.value.version })
              : new Corrupt({
                  path,
                  detail: "it is cut short or altered",
                  fix: "Delete it: the backend is chosen anew, and mcp-cli storage move --from takes along what is in another"
                })
        })
      }).pipe(Effect.withSpan("StorageChoiceFile.read")),
      write: Effect.fn("StorageChoiceFile.write")(function* (choice) {
        const text = yield* Effect.orDie(Schema.encodeEffect(ChoiceJson)({ version: 1, ...choice }))
        yield* folder.replace(choiceFile, `${text}\n`)
      })
    })
  })
