import { Effect } from "effect"
import { advice } from "../../../domain/Remedy.ts"
import {
  type ClientScope,
  launchOf,
  type McpClient,
  mcpClientIds,
  mcpClientOf,
  type ClientServer,
  type ServerPlace,
  serversAt
} from "../../../domain/McpClient.ts"
import { proxiedBy } from "./ProxyLaunch.ts"
import { type ClientFile, ClientFiles } from "../../../ports/ClientFiles.ts"
import { FileEditError } from "../../../ports/FileEditor.ts"
import { alternatives } from "../RemedyText.ts"
import { UsageError } from "../UsageError.ts"
import { nearClients } from "./NearClients.ts"

/** The clients of `--client`, each once. Commas separate several. */
export const clientsOf = (given: ReadonlyArray<string>) =>
  Effect.forEach([...new Set(given.flatMap((ids) => ids.split(",")))], (id) => {
    const found = mcpClientOf(id)
    if (found !== undefined) return Effect.succeed(found)
    const near = nearClients(id)
    return new UsageError({
      problem: `There is no client "${id}".`,
      remedies: [
        ...(near.length === 0
          ? []
          : [advice(`Did you mean ${alternatives(near.map((one) => `"${one}"`))}?`)]),
        advice(`The clients are: ${mcpClientIds.join(", ")}.`)
      ]
    })
  })

/** True if a client is on this machine. */
export const isPresent = Effect.fnUntraced(function* (client: McpClient) {
  const { exists, platform } = yield* ClientFiles
  for (const path of client.traces(platform)) if (yield* exists(path)) return true
  return false
})

/** The places that a client uses in a scope: those whose files exist, else the one that it makes. Empty: it has none. */
export const placesIn = Effect.fnUntraced(function* (client: McpClient, scope: ClientScope) {
  const { exists, platform } = yield* ClientFiles
  const places = client.places(platform).filter((place) => place.scope === scope && !place.isReadOnly)
  const existing = yield* Effect.filter(places, ({ file }) => exists(file))
  return existing.length === 0 ? places.slice(0, 1) : existing
})

/** The servers at a place. Fails if the file has something else there. */
export const serversOf = (place: ServerPlace, file: ClientFile | undefined) => {
  const servers = serversAt(place, file?.document)
  if (servers !== undefined) return Effect.succeed(servers)
  return new FileEditError({
    file: place.file,
    problem: `has no ${place.isList ? "list" : "object"} in "${place.path.join(".")}"`,
    remedies: [advice("Correct the file, then try again.")]
  })
}

/** The server whose proxy an entry starts, if this program wrote the entry. */
export const ownServerOf = (client: McpClient, { entry }: ClientServer): string | undefined => {
  const launch = launchOf(client, entry)
  return launch && proxiedBy(launch)
}
