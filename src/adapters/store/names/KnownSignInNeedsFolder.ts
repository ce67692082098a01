import { Effect, Layer, Option } from "effect"
import { KnownSignInNeeds, type SignInNeed } from "../../../ports/KnownSignInNeeds.ts"
import { privateFolder } from "../folder/PrivateFolder.ts"
import { serverFile } from "./ServerFile.ts"

/** Remembers in files of a private folder which servers have answered without a token: one file for each. */
export const layer = (directory: string): Layer.Layer<never> =>
  Layer.sync(KnownSignInNeeds, () => {
    const folder = privateFolder(directory)
    /** What this process has seen, by file: each request asks. A hint may be as old as the process. */
    const seen = new Map<string, SignInNeed>()
    const needIn = Effect.fnUntraced(function* (file: string) {
      const known = seen.get(file)
      if (known !== undefined) return known
      const content = yield* Effect.orElseSucceed(folder.read(file), () => Option.none())
      const need = Option.getOrUndefined(content)
      if (need !== "none" && need !== "later") return undefined
      seen.set(file, need)
      return need
    })
    const fileOf = (server: Parameters<typeof serverFile>[0]) => serverFile(server, "sign-in")
    return {
      recall: (server) => needIn(fileOf(server)),
      note: Effect.fnUntraced(function* (server, need) {
        const file = fileOf(server)
        const known = yield* needIn(file)
        if (known !== (need === "none" ? undefined : "none")) return
        // What cannot be written is not tried again for each request.
        seen.set(file, need)
        yield* Effect.ignore(folder.replace(file, need), { log: "Debug" })
      })
    }
  })
