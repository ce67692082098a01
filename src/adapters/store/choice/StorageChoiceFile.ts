import { join } from "node:path"
import { Effect, Layer, Option, Schema } from "effect"
import { advice, command } from "../../../domain/Remedy.ts"
import { StorageError } from "../../../ports/CredentialStore.ts"
import { StorageChoices } from "../../../ports/StorageChoice.ts"
import { Corrupt, NewerVersion } from "../../../ports/StorageFailure.ts"
import { privateFolder } from "../folder/PrivateFolder.ts"

/** The name of the file. */
export const choiceFile = "choice.json"

const ChoiceJson = Schema.fromJsonString(
  Schema.Struct({
    version: Schema.Literal(1),
    backend: Schema.NonEmptyString,
    reason: Schema.String,
    since: Schema.Finite,
    migratingFrom: Schema.Array(Schema.NonEmptyString),
    isMoving: Schema.optionalKey(Schema.Boolean),
    copiedTo: Schema.optionalKey(Schema.Array(Schema.NonEmptyString)),
    address: Schema.optionalKey(
      Schema.Struct({
        url: Schema.NonEmptyString,
        namespace: Schema.optionalKey(Schema.NonEmptyString),
        isFromEnvironment: Schema.Boolean
      })
    )
  })
)
const VersionJson = Schema.fromJsonString(Schema.Struct({ version: Schema.Int }))

/**
 * Stores the choice in a file of a private folder.
 *
 * @param options.directory a folder that only this program uses
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
                  fixes: [
                    advice("Delete it: the backend is then chosen again."),
                    command("storage move", {
                      options: { to: "BACKEND", from: "BACKEND" },
                      purpose: "take along the sign-ins of another backend"
                    })
                  ]
                })
        })
      }).pipe(Effect.withSpan("StorageChoiceFile.read")),
      write: Effect.fn("StorageChoiceFile.write")(function* (choice) {
        const text = yield* Effect.orDie(Schema.encodeEffect(ChoiceJson)({ version: 1, ...choice }))
        yield* folder.replace(choiceFile, `${text}\n`)
      })
    })
  })
