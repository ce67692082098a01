import { Context, type Effect, type Option } from "effect"
import type { StorageError } from "./CredentialStore.ts"

/** Texts beside the credentials of a store that encrypts its files, under the same password. */
export class SealedTexts extends Context.Service<
  SealedTexts,
  {
    /** The names of all texts. */
    readonly names: Effect.Effect<ReadonlyArray<string>, StorageError>
    readonly read: (name: string) => Effect.Effect<Option.Option<string>, StorageError>
    /** @param name letters and digits */
    readonly replace: (name: string, text: string) => Effect.Effect<void, StorageError>
    readonly remove: (name: string) => Effect.Effect<boolean, StorageError>
  }
>()("mcp-cli-oauth/ports/SealedTexts") {}
