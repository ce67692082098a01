import { Context, type Effect, type Option } from "effect"
import type { ConfigurationError } from "./Configuration.ts"
import type { UntrustedConfiguration } from "./ConfigurationTrust.ts"

/** Reads a configuration for the user to decide about, without using it. */
export class ConfigurationReview extends Context.Service<
  ConfigurationReview,
  {
    /** The absolute path of a file. None: the file in the working directory. */
    readonly pathOf: (file: Option.Option<string>) => string
    readonly read: (path: string) => Effect.Effect<UntrustedConfiguration, ConfigurationError>
  }
>()("mcp-cli-oauth/ports/ConfigurationReview") {}
