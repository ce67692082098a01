import { Effect } from "effect"
import { Configuration } from "../../ports/Configuration.ts"
import { readyServer } from "../storage/ReadyServer.ts"

/** The server of this name, with the secrets that its entry refers to. A store is read only if it refers to one. */
export const usableServer = (name: string) =>
  Effect.flatMap(
    Configuration.use((configuration) => configuration.server(name)),
    readyServer
  )
