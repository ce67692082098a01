import { Effect } from "effect"
import { type ForeignResult, readForeignEntry } from "../../../domain/ForeignEntry.ts"
import { type McpClient, type ServerPlace, serversAt } from "../../../domain/McpClient.ts"
import { ClientFiles } from "../../../ports/ClientFiles.ts"

/** A server in the file of a client, and what it becomes here. */
export interface ForeignServer {
  readonly client: McpClient
  readonly file: string
  readonly name: string
  /** As the file has it. */
  readonly json: unknown
  readonly result: ForeignResult
}

/** What the files of some clients have. */
export interface ForeignServers {
  readonly servers: ReadonlyArray<ForeignServer>
  /** The files that were read. */
  readonly files: ReadonlyArray<string>
  /** The files that were not read, and why: sentences. */
  readonly problems: ReadonlyArray<string>
}

/** A file of the user alone. The files of a project are other people's, too, so that they are read only on request. */
const isOwn = ({ isReadOnly, scope }: ServerPlace): boolean => scope === "user" || isReadOnly

/**
 * Reads the servers of clients. A server in two files of one client counts as the first one writes it: that of a project before
 * that of the user.
 */
export const foreignServers = Effect.fnUntraced(function* (
  clients: ReadonlyArray<McpClient>,
  { takesSecrets = false, withProject }: { readonly withProject: boolean; readonly takesSecrets?: boolean }
): Effect.fn.Return<ForeignServers, never, ClientFiles> {
  const { platform, read } = yield* ClientFiles
  const servers: Array<ForeignServer> = []
  const files: Array<string> = []
  const problems: Array<string> = []
  for (const client of clients) {
    const places = client.places(platform).filter((place) => withProject || isOwn(place))
    const seen = new Set<string>()
    for (const place of places.toSorted((one, other) => one.scope.localeCompare(other.scope, "en"))) {
      const file = yield* Effect.result(read(place))
      if (file._tag === "Failure") {
        problems.push(`${file.failure.file} ${file.failure.problem}. It was not read.`)
        continue
      }
      if (file.success === undefined) continue
      files.push(place.file)
      const found = serversAt(place, file.success.document)
      if (found === undefined)
        problems.push(`${place.file} has something else than servers in "${place.path.join(".")}".`)
      for (const { entry, name } of found ?? []) {
        if (seen.has(name)) continue
        seen.add(name)
        const result = readForeignEntry(name, entry, {
          hasBareVariables: client.id === "gemini",
          takesSecrets
        })
        servers.push({ client, file: place.file, name, json: entry, result })
      }
    }
  }
  return { servers, files: [...new Set(files)], problems: [...new Set(problems)] }
})
