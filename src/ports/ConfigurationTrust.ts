import { Context, type Effect } from "effect"
import type { ConfigurationError } from "./Configuration.ts"

/** What one part of a configuration makes this program do, as the file writes it. */
export interface ConfigurationEntry {
  /** The name of a server, or `tokenStorage`. */
  readonly name: string
  /** What it does, one predicate each: `connects to https://mcp.example.com/mcp`. Not safe for a terminal. */
  readonly actions: ReadonlyArray<string>
}

/** A configuration that the user has to approve, by its path and content. */
export interface UntrustedConfiguration {
  readonly file: string
  /** SHA-256 of the content and of {@link isExposed}, in hex. */
  readonly digest: string
  /** Computed for a user who decides: an approved configuration needs none. */
  readonly entries: Effect.Effect<ReadonlyArray<ConfigurationEntry>>
  /** It is in the working directory, and the user has not named it. */
  readonly isFound: boolean
  /** Other users could have written it. */
  readonly isExposed: boolean
  /** The error if it is not approved. */
  readonly refusal: ConfigurationError
}

/** Fails unless the user approves a configuration, or has approved it before. */
export type RequireApproval = (
  configuration: UntrustedConfiguration
) => Effect.Effect<void, ConfigurationError>

/** Decides about configurations that the user did not choose. By default it refuses them all. */
export const ConfigurationTrust = Context.Reference<RequireApproval>(
  "mcp-cli-oauth/ports/ConfigurationTrust",
  {
    defaultValue:
      () =>
      ({ refusal }) =>
        refusal
  }
)
