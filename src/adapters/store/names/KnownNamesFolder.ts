import { Effect, Layer, Option, Schema } from "effect"
import { CredentialKey } from "../../../domain/CredentialKey.ts"
import { isSafeLine } from "../../../domain/PrintableText.ts"
import { KnownNames, type NameMemory } from "../../../ports/KnownNames.ts"
import { privateFolder } from "../folder/PrivateFolder.ts"
import { serverFile } from "./ServerFile.ts"

/** A server may list any number of names, and descriptions of any length. */
const maxNames = 500
const maxDescription = 200

const Names = Schema.fromJsonString(
  Schema.Array(
    Schema.Struct({
      name: Schema.String,
      description: Schema.String,
      arguments: Schema.optionalKey(Schema.Array(Schema.String)),
      values: Schema.optionalKey(Schema.Record(Schema.String, Schema.Array(Schema.String)))
    })
  )
)
const decode = Schema.decodeUnknownEffect(Names)

const accountFile = ".account"

/**
 * Remembers names in files of a private folder: one per server, place and kind, and an empty one per account.
 *
 * @param options.directory a folder that only this program uses
 * @param options.sealed the folder of the encrypted files, whose names are those of their accounts
 */
export const layer = (options: { readonly directory: string; readonly sealed: string }): Layer.Layer<never> =>
  Layer.sync(KnownNames, () => {
    const folder = privateFolder(options.directory)
    const keysIn = (path: string, suffix: string) =>
      privateFolder(path).names.pipe(
        Effect.map((names) =>
          names
            .filter((name) => name.endsWith(suffix))
            .flatMap((name) => Option.toArray(CredentialKey.fromStorageName(name.slice(0, -suffix.length))))
        ),
        Effect.orElseSucceed(() => [])
      )
    const memory: NameMemory = {
      remember: Effect.fn("KnownNames.remember")(
        function* (server, kind, names) {
          const content = JSON.stringify(
            names
              .filter(({ name }) => isSafeLine(name))
              .slice(0, maxNames)
              .map(({ description, ...rest }) => ({
                ...rest,
                description: description.slice(0, maxDescription).toWellFormed()
              }))
          )
          const before = yield* folder.read(serverFile(server, kind))
          if (!Option.contains(before, content)) yield* folder.replace(serverFile(server, kind), content)
        },
        Effect.ignore({ log: "Debug" })
      ),
      recall: (server, kind) =>
        folder.read(serverFile(server, kind)).pipe(
          Effect.flatMap((content) => (Option.isNone(content) ? Effect.succeed([]) : decode(content.value))),
          Effect.orElseSucceed(() => [])
        ),
      rememberAccount: (server, account) =>
        Effect.ignore(folder.create(CredentialKey.of(server, account).storageName + accountFile, ""), {
          log: "Debug"
        }),
      forgetAccount: (server, account) =>
        Effect.ignore(folder.remove(CredentialKey.of(server, account).storageName + accountFile), {
          log: "Debug"
        }),
      accounts: (server) =>
        Effect.map(
          Effect.all([keysIn(options.directory, accountFile), keysIn(options.sealed, ".enc")]),
          (keys) => [
            ...new Set(
              keys
                .flat()
                .filter((key) => key.isSignIn && (server === undefined || key.server === server))
                .map(({ account }) => account)
            )
          ]
        )
    }
    return memory
  })
