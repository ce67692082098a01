import { Context, Effect } from "effect"
import type { ChatMessage } from "../domain/chat/ChatMessage.ts"
import type { StorageError } from "./CredentialStore.ts"

/** A conversation that is kept. */
export interface KeptChat {
  /** What names it: letters and digits. */
  readonly id: string
  /** When it was saved last, in milliseconds since 1970. */
  readonly savedAt: number
  /** The start of the first question. */
  readonly title: string
  readonly servers: ReadonlyArray<string>
  /** `provider:name` of its model. */
  readonly model: string
}

/** A conversation with its messages. */
export interface WholeChat extends KeptChat {
  readonly messages: ReadonlyArray<ChatMessage>
}

/** Keeps conversations. */
export interface ChatMemory {
  /** False: the configuration does not ask for it, and nothing is kept. */
  readonly isOn: boolean
  /** Asks the user for what `save` needs, such as a password: in the middle of a conversation it would take what is typed. */
  readonly unlock: Effect.Effect<void, StorageError>
  /** Replaces the conversation with this id. */
  readonly save: (chat: WholeChat) => Effect.Effect<void, StorageError>
  /** Removes the conversation with this id, if there is one. */
  readonly remove: (id: string) => Effect.Effect<void, StorageError>
  /** All that are kept, the newest first. */
  readonly list: Effect.Effect<ReadonlyArray<KeptChat>, StorageError>
  /** Undefined: no conversation has this id. */
  readonly open: (id: string) => Effect.Effect<WholeChat | undefined, StorageError>
}

/** The conversations of this user. By default nothing is kept. */
export const ChatHistory = Context.Reference<ChatMemory>("mcp-cli-oauth/ports/ChatHistory", {
  defaultValue: () => ({
    isOn: false,
    unlock: Effect.void,
    save: () => Effect.void,
    remove: () => Effect.void,
    list: Effect.succeed([]),
    open: () => Effect.sync(() => undefined)
  })
})
