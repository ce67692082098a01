import { Clock, Duration, Effect, Layer, Option } from "effect"
import { KnownRevisions } from "../../../ports/KnownRevisions.ts"
import { privateFolder } from "../folder/PrivateFolder.ts"
import { serverFile } from "./ServerFile.ts"

/** How long a server counts as an older one. It is upgraded at most once in years. */
const remembered = Duration.toMillis(Duration.days(1))

/** Remembers revisions in files of a private folder: one for each server that is an older one, with the time of its answer. */
export const layer = (directory: string): Layer.Layer<never> =>
  Layer.sync(KnownRevisions, () => {
    const folder = privateFolder(directory)
    return {
      isOlder: (server) =>
        Effect.gen(function* () {
          const content = yield* folder.read(serverFile(server, "older"))
          const age = (yield* Clock.currentTimeMillis) - Number(Option.getOrElse(content, () => "0"))
          return age >= 0 && age < remembered
        }).pipe(Effect.orElseSucceed(() => false)),
      remember: (server, isOlder) =>
        Effect.gen(function* () {
          const file = serverFile(server, "older")
          if (isOlder) yield* folder.replace(file, String(yield* Clock.currentTimeMillis))
          else yield* folder.remove(file)
        }).pipe(Effect.ignore({ log: "Debug" }))
    }
  })
