import { Context, type Effect } from "effect"
import type { RemoteServer } from "../domain/Server.ts"
import type { ConfigurationError } from "./Configuration.ts"
import type { EntryJson } from "./ConfigurationEditor.ts"

/** Makes a server of an entry that is in no file, such as one that a command line describes. */
export class ServerDecoder extends Context.Service<
  ServerDecoder,
  {
    /**
     * Decodes an entry by the rules of the configuration file. It is the user's own: `${NAME}` is filled in from the
     * environment, and files that it names are read.
     */
    readonly decode: (name: string, entry: EntryJson) => Effect.Effect<RemoteServer, ConfigurationError>
  }
>()("mcp-cli-oauth/ports/ServerDecoder") {}
