import { Context, type Effect } from "effect"
import type { Launch } from "../domain/McpClient.ts"

/** This program, as another one starts it. */
export class OwnProgram extends Context.Service<
  OwnProgram,
  {
    /** Starts it by absolute paths. Undefined: its files are in a cache that is emptied, such as that of `npx`. */
    readonly launch: Effect.Effect<Launch | undefined>
    /** The configuration that it finds in every folder. */
    readonly defaultConfiguration: Effect.Effect<string>
    /** The configuration that it finds in this folder. */
    readonly projectConfiguration: Effect.Effect<string>
  }
>()("mcp-cli-oauth/ports/OwnProgram") {}
