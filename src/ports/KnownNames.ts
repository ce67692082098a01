import { Context, Effect } from "effect"
import type { ConfiguredServer } from "../domain/ConfiguredServer.ts"

/** A name that a server listed. */
export interface KnownName {
  readonly name: string
  readonly description: string
  /** The names of its arguments, and of their members. */
  readonly arguments?: ReadonlyArray<string>
  /** The values that an argument is chosen from, by its name. Those without a choice are absent. */
  readonly values?: Readonly<Record<string, ReadonlyArray<string>>>
}

/** What a server can list. */
export type KnownKind = "tools" | "resources" | "prompts"

/** What completions know without a server, a password and the network. */
export interface NameMemory {
  /** Remembers the names of one kind. What cannot be written is not remembered. */
  readonly remember: (
    server: ConfiguredServer,
    kind: KnownKind,
    names: ReadonlyArray<KnownName>
  ) => Effect.Effect<void>
  /** The names that this server listed last; none if it is configured at another place now. */
  readonly recall: (server: ConfiguredServer, kind: KnownKind) => Effect.Effect<ReadonlyArray<KnownName>>
  /** Remembers that an account has signed in. */
  readonly rememberAccount: (server: string, account: string) => Effect.Effect<void>
  /** Forgets an account that has signed out. */
  readonly forgetAccount: (server: string, account: string) => Effect.Effect<void>
  /** The accounts that are known without opening a store. Without a server: those of all servers. */
  readonly accounts: (server: string | undefined) => Effect.Effect<ReadonlyArray<string>>
}

/**
 * The names that servers listed last, and the accounts of them, for completions: they must not wait for a server or a
 * password. None of it is secret or trusted. By default nothing is remembered.
 */
export const KnownNames = Context.Reference<NameMemory>("mcp-cli-oauth/ports/KnownNames", {
  defaultValue: () => ({
    remember: () => Effect.void,
    recall: () => Effect.succeed([]),
    rememberAccount: () => Effect.void,
    forgetAccount: () => Effect.void,
    accounts: () => Effect.succeed([])
  })
})
