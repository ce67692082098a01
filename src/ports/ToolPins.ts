import { Context, Effect } from "effect"
import type { StorageError } from "./CredentialStore.ts"

/** The account of a server whose tools are pinned. */
export interface PinnedServer {
  /** Its name in the configuration. */
  readonly name: string
  readonly account: string
  /** Where the server is: its URL, or its command line. May hold a secret: it is stored as a hash only. */
  readonly place: string
}

/** What is remembered of the definition of a tool. */
export interface ToolPin {
  /** SHA-256 of the canonical JSON of the definition, in hex. */
  readonly hash: string
  /** The definition as canonical JSON. Empty: it is too long to be kept. */
  readonly definition: string
  /** True: the user lets the tool run without a question while its definition has this hash. */
  readonly isAllowed: boolean
}

/** Remembers definitions of tools. */
export interface PinMemory {
  /** The pins of all tools of an account, by the names of the tools. */
  readonly recall: (server: PinnedServer) => Effect.Effect<ReadonlyMap<string, ToolPin>, StorageError>
  /** Replaces the pins of these tools. */
  readonly remember: (
    server: PinnedServer,
    pins: ReadonlyMap<string, ToolPin>
  ) => Effect.Effect<void, StorageError>
}

/**
 * The definitions of tools as they were when a model was given them first, or when the user approved a change. By default
 * nothing outlives the conversation.
 */
export const ToolPins = Context.Reference<PinMemory>("mcp-cli-oauth/ports/ToolPins", {
  defaultValue: () => ({ recall: () => Effect.succeed(new Map()), remember: () => Effect.void })
})
