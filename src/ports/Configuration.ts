import { Context, type Effect, type Redacted, Schema } from "effect"
import type { Server } from "../domain/Server.ts"

/** One thing wrong in the configuration file. */
export class ConfigurationIssue extends Schema.Class<ConfigurationIssue>("ConfigurationIssue")({
  /** Where, as in `mcpServers.notion.oauth.token_url`. */
  path: Schema.String,
  /** What is wrong; never the value. */
  problem: Schema.String
}) {}

/** The configuration cannot be used: every reason at once. */
export class ConfigurationError extends Schema.TaggedError<ConfigurationError>()("ConfigurationError", {
  /** The file; absent: none was found. */
  file: Schema.optionalKey(Schema.String),
  issues: Schema.Array(ConfigurationIssue)
}) {
  override get message(): string {
    const lines = this.issues.map(({ path, problem }) => (path === "" ? problem : `${path}: ${problem}`))
    return lines.length === 1
      ? `${this.file === undefined ? "" : `${this.file}: `}${lines[0]}`
      : `${this.file ?? "The configuration"} has ${lines.length} errors:\n${lines.map((line) => `  ${line}`).join("\n")}`
  }
}

/** A name that the configuration does not know. */
export class UnknownServer extends Schema.TaggedError<UnknownServer>()("UnknownServer", {
  name: Schema.String,
  file: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const known = this.known.length === 0 ? "It configures none." : `It configures: ${this.known.join(", ")}.`
    return `${this.file} has no server "${this.name}". ${known}`
  }
}

/** The `tokenStorage` block, decoded. */
export interface StorageSettings {
  readonly backend: "auto" | "encrypted" | "memory"
  /** Password of the encrypted files, where the configuration holds it. */
  readonly password: Redacted.Redacted | undefined
}

/** A server as the file writes it, without using it: nothing in it is interpolated. */
export interface ServerSummary {
  readonly name: string
  readonly transport: "http" | "stdio"
  /** The URL, or the command line, as written. */
  readonly target: string
  /** How it is authorized. */
  readonly authorization: "oauth (endpoints by hand)" | "oauth (discovered)" | "header" | "none"
}

/**
 * The configuration file. It is read and checked as a whole, once; `${VAR}` is filled in only for the server or
 * setting that is asked for.
 */
export class Configuration extends Context.Service<
  Configuration,
  {
    /** Path of the file. */
    readonly file: Effect.Effect<string, ConfigurationError>
    readonly servers: Effect.Effect<ReadonlyArray<ServerSummary>, ConfigurationError>
    readonly server: (name: string) => Effect.Effect<Server, ConfigurationError | UnknownServer>
    /** Defaults where there is no file at all. */
    readonly tokenStorage: Effect.Effect<StorageSettings, ConfigurationError>
    /** Fields that nobody here knows, one line each. */
    readonly warnings: Effect.Effect<ReadonlyArray<ConfigurationIssue>, ConfigurationError>
  }
>()("mcp-cli-oauth/ports/Configuration") {}
