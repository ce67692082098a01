import { createHash } from "node:crypto"
import { Effect, Layer } from "effect"
import { ConfigurationApprovals } from "../../../ports/ConfigurationApprovals.ts"
import { privateFolder } from "../folder/PrivateFolder.ts"

/** What the names of the approvals of one path begin with. */
const prefixOf = (file: string): string => `${createHash("sha256").update(file).digest("hex")}.`

/**
 * Stores each approval as a file of its own, named by the hashes of the path and of the content. Two processes that approve
 * at the same time do not overwrite each other, and a lookup is one read.
 *
 * @param options.directory a folder that only this program uses
 */
export const layer = (options: { readonly directory: string }): Layer.Layer<ConfigurationApprovals> =>
  Layer.sync(ConfigurationApprovals, () => {
    const folder = privateFolder(options.directory)
    const namesOf = (file: string) =>
      Effect.map(folder.names, (names) => names.filter((name) => name.startsWith(prefixOf(file))))
    return ConfigurationApprovals.of({
      find: Effect.fn("ApprovalFolder.find")(function* ({ digest, file }) {
        const content = yield* folder.read(prefixOf(file) + digest)
        if (content._tag === "Some") return "approved"
        return (yield* namesOf(file)).length > 0 ? "changed" : "new"
      }),
      add: Effect.fn("ApprovalFolder.add")(({ digest, file }) =>
        // The content is for a user who looks into the folder.
        folder.replace(prefixOf(file) + digest, `${file}\n`)
      ),
      remove: Effect.fn("ApprovalFolder.remove")(function* (file) {
        const removed = yield* Effect.forEach(yield* namesOf(file), folder.remove)
        return removed.includes(true)
      })
    })
  })
