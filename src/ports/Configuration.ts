import { Context, type Effect, type Redacted, Schema } from "effect"
import { printable } from "../domain/PrintableText.ts"
import type { Server } from "../domain/Server.ts"
import type { StorageBackendName } from "./StorageBackend.ts"

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
    const known =
      this.known.length === 0
        ? "It configures none."
        : `It configures: ${this.known.map((name) => printable(name)).join(", ")}.`
    return `${this.file} has no server "${printable(this.name)}". ${known}`
  }
}

/** How this program proves to Vault who it is. */
export type VaultAuth =
  | {
      readonly method: "token"
      /** Absent: the token file. */
      readonly token: Redacted.Redacted | undefined
      /** Absent: `~/.vault-token`, which `vault login` writes. */
      readonly tokenFile: string | undefined
    }
  | {
      readonly method: "approle"
      readonly mount: string
      readonly roleId: string
      /** Absent for a role without secret ids. */
      readonly secretId: Redacted.Redacted | undefined
    }
  | {
      readonly method: "kubernetes" | "jwt"
      readonly mount: string
      /** Absent: the default role of the mount (`jwt` only). */
      readonly role: string | undefined
      /** The JWT itself, or the file to read it from at each login. */
      readonly jwt: Redacted.Redacted | { readonly file: string }
    }

/** True if the settings or the environment say how to authenticate, not only where Vault is. */
export const hasVaultCredentials = (auth: VaultAuth): boolean =>
  auth.method !== "token" || auth.token !== undefined || auth.tokenFile !== undefined

/** Where Vault is, and what of it is ours: the configuration's `vault...` fields over the `VAULT_...` variables. */
export interface VaultSettings {
  readonly url: URL
  /** Mount of the key-value engine. */
  readonly mountPoint: string
  /** Path within the mount under which everything is kept. */
  readonly pathPrefix: string
  readonly namespace: string | undefined
  /** Absent: found by asking. */
  readonly kvVersion: 1 | 2 | undefined
  readonly auth: VaultAuth
  /** Paths of PEM files, and whether the certificate is checked at all. */
  readonly tls: {
    readonly caCert: string | undefined
    readonly clientCert: string | undefined
    readonly clientKey: string | undefined
    readonly skipVerify: boolean
  }
}

/** The `tokenStorage` block, decoded. */
export interface StorageSettings {
  readonly backend: "auto" | StorageBackendName
  /** Password of the encrypted files, where the configuration holds it. */
  readonly password: Redacted.Redacted | undefined
  /** Absent: neither the configuration nor the environment says where Vault is. */
  readonly vault: VaultSettings | undefined
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
