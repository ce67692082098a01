import { Clock, Duration, Effect, Layer, Option } from "effect"
import { KnownRevisions, type SpokenRevisions } from "../../../ports/KnownRevisions.ts"
import { privateFolder } from "../folder/PrivateFolder.ts"
import { serverFile } from "./ServerFile.ts"

/**
 * How long a verdict counts, in milliseconds. An older server is upgraded at most once in years, but then its new revision should be used
 * soon. A modern one never speaks the older revisions again, and one that does is noticed at once.
 */
const remembered: Readonly<Record<SpokenRevisions, number>> = {
  older: Duration.toMillis(Duration.days(1)),
  modern: Duration.toMillis(Duration.days(30))
}

/** Remembers revisions in files of a private folder: one for each server, with the verdict and its time. */
export const layer = (directory: string): Layer.Layer<never> =>
  Layer.sync(KnownRevisions, () => {
    const folder = privateFolder(directory)
    const fileOf = (server: Parameters<typeof serverFile>[0]) => serverFile(server, "revision")
    return {
      recall: (server) =>
        Effect.gen(function* () {
          const content = Option.getOrElse(yield* folder.read(fileOf(server)), () => "")
          const [, spoken, time] = /^(older|modern) (\d+)$/.exec(content) ?? []
          if (spoken === undefined) return undefined
          const age = (yield* Clock.currentTimeMillis) - Number(time)
          const verdict = spoken as SpokenRevisions
          return age >= 0 && age < remembered[verdict] ? verdict : undefined
        }).pipe(Effect.orElseSucceed(() => undefined)),
      remember: (server, spoken) =>
        (spoken === undefined
          ? folder.remove(fileOf(server))
          : Effect.flatMap(Clock.currentTimeMillis, (now) =>
              folder.replace(fileOf(server), `${spoken} ${now}`)
            )
        ).pipe(Effect.ignore({ log: "Debug" }))
    }
  })
