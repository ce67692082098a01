import { Context, type Effect } from "effect"
import type { StorageError } from "./CredentialStore.ts"

/** Reads what other programs keep in the Vault of the user. Nothing is written. */
export class ForeignVault extends Context.Service<
  ForeignVault,
  {
    /**
     * Reads the fields of a secret that are texts. Undefined: there is no such secret, or no Vault.
     *
     * @param path below the mount of a key-value engine
     */
    readonly read: (
      mount: string,
      path: string,
      name: string
    ) => Effect.Effect<Readonly<Record<string, string>> | undefined, StorageError>
  }
>()("mcp-cli-oauth/ports/ForeignVault") {}
