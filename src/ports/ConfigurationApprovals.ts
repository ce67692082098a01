import { Context, type Effect } from "effect"
import type { UntrustedConfiguration } from "./ConfigurationTrust.ts"
import type { StorageError } from "./CredentialStore.ts"

type Content = Pick<UntrustedConfiguration, "file" | "digest">

/** The configurations that the user has approved, each by its path and content. */
export class ConfigurationApprovals extends Context.Service<
  ConfigurationApprovals,
  {
    /** `changed`: another content at this path is approved. */
    readonly find: (configuration: Content) => Effect.Effect<"approved" | "changed" | "new", StorageError>
    readonly add: (configuration: Content) => Effect.Effect<void, StorageError>
    /** Removes the approvals of every content at this path. True if there was one. */
    readonly remove: (file: string) => Effect.Effect<boolean, StorageError>
  }
>()("mcp-cli-oauth/ports/ConfigurationApprovals") {}
