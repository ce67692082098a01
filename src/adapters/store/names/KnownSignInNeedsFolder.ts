import { Effect, Layer, Option } from "effect"
import { KnownSignInNeeds } from "../../../ports/KnownSignInNeeds.ts"
import { privateFolder } from "../folder/PrivateFolder.ts"
import { serverFile } from "./ServerFile.ts"

/** Remembers in files of a private folder which servers have answered without a token: one file for each. */
export const layer = (directory: string): Layer.Layer<never> =>
  Layer.sync(KnownSignInNeeds, () => {
    const folder = privateFolder(directory)
    const fileOf = (server: Parameters<typeof serverFile>[0]) => serverFile(server, "sign-in")
    return {
      recall: (server) =>
        folder.read(fileOf(server)).pipe(
          Effect.map((content) => {
            const need = Option.getOrUndefined(content)
            return need === "none" || need === "later" ? need : undefined
          }),
          Effect.orElseSucceed(() => undefined)
        ),
      remember: (server, need) => folder.replace(fileOf(server), need).pipe(Effect.ignore({ log: "Debug" }))
    }
  })
