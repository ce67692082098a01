import { Context, type Effect, type Redacted, Schema } from "effect"
import { quotedName, renderFieldPath } from "../domain/FieldPath.ts"
import { printable } from "../domain/PrintableText.ts"
import { advice, Remedy } from "../domain/Remedy.ts"
import type { ConfiguredServer } from "../domain/ConfiguredServer.ts"
import type { Server } from "../domain/Server.ts"
import { addTyped } from "../domain/TypedAddress.ts"
import type { ModelSettings } from "./ModelSettings.ts"
import type { StorageBackendName } from "./StorageBackend.ts"

/** One problem of the configuration, as data. It has the fields of a Standard Schema issue: `path` and `message`. */
export class ConfigurationIssue extends Schema.Class<ConfigurationIssue>("ConfigurationIssue")({
  /** The field, from the root of the file: `["mcpServers", "notion", "url"]`. Empty: the file, or the environment. */
  path: Schema.Array(Schema.Union([Schema.String, Schema.Finite])),
  /** What is wrong, as a phrase about the field: `must be an absolute URL`. Never the value. */
  problem: Schema.String,
  /** The environment variable to set or correct. */
  variable: Schema.optionalKey(Schema.String),
  /** The values that the field accepts. */
  allowed: Schema.optionalKey(Schema.Array(Schema.String)),
  /** A field that is probably misspelled, as written, and the name that is probably meant. */
  rename: Schema.optionalKey(Schema.Struct({ from: Schema.String, to: Schema.String })),
  /** The field holds a secret in plain text. */
  isSecret: Schema.optionalKey(Schema.Literal(true)),
  /** What to do, where the path and the problem do not say it. */
  fixes: Schema.optionalKey(Schema.Array(Remedy))
}) {
  /** The path as text, or the name of the variable: what {@link message} is about. */
  get location(): string {
    return this.path.length === 0 ? (this.variable ?? "") : renderFieldPath(this.path)
  }

  /** The problem, with the name that was probably meant. */
  get message(): string {
    if (this.rename === undefined) return this.problem
    const { from, to } = this.rename
    return this.path.at(-1) === from
      ? `${this.problem}; did you mean "${to}"?`
      : `${this.problem} (is ${quotedName(from)} a misspelling of "${to}"?)`
  }
}

/** The configuration cannot be used. `issues` has every problem at once. */
export class ConfigurationError extends Schema.TaggedError<ConfigurationError>()("ConfigurationError", {
  /** The file. Absent: no file was found, or the configuration is not from a file. */
  file: Schema.optionalKey(Schema.String),
  issues: Schema.Array(ConfigurationIssue)
}) {
  override get message(): string {
    const lines = this.issues.map(({ location, message }) =>
      location === "" ? message : `${location}: ${message}`
    )
    return lines.length === 1
      ? `${this.file === undefined ? "" : `${this.file}: `}${lines[0]}`
      : `${this.file ?? "The configuration"} has ${lines.length} errors:\n${lines.map((line) => `  ${line}`).join("\n")}`
  }

  /** Mostly none: the issues name the fields. */
  get remedies(): ReadonlyArray<Remedy> {
    return this.issues.flatMap(({ fixes }) => fixes ?? [])
  }
}

/** The configuration has no server of this name. */
export class UnknownServer extends Schema.TaggedError<UnknownServer>()("UnknownServer", {
  name: Schema.String,
  file: Schema.String,
  known: Schema.Array(Schema.String),
  /** The one of `known` that is probably meant. */
  near: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return `${this.file} has no server "${printable(this.name)}".`
  }

  get remedies(): ReadonlyArray<Remedy> {
    if (this.near !== undefined) return [advice(`Did you mean "${printable(this.near)}"?`)]
    return [
      ...(this.known.length === 0
        ? []
        : [advice(`It configures: ${this.known.map((name) => printable(name)).join(", ")}.`)]),
      addTyped(this.name, "add it")
    ]
  }
}

/** How this program authenticates to Vault. */
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
      /** Absent: the role has no secret IDs. */
      readonly secretId: Redacted.Redacted | undefined
    }
  | {
      readonly method: "kubernetes" | "jwt"
      readonly mount: string
      /** Absent: the default role of the mount (`jwt` only). */
      readonly role: string | undefined
      /** The JWT, or the file to read it from at each login. */
      readonly jwt: Redacted.Redacted | { readonly file: string }
    }

/** True if the settings or the environment say how to authenticate, not only where Vault is. */
export const hasVaultCredentials = (auth: VaultAuth): boolean =>
  auth.method !== "token" || auth.token !== undefined || auth.tokenFile !== undefined

/** Where Vault is, and which part of it this program uses: the `vault...` fields, then the `VAULT_...` variables. */
export interface VaultSettings {
  readonly url: URL
  /** Other nodes of the same cluster, with the scheme of `url`. They are tried in this order. */
  readonly otherUrls?: ReadonlyArray<URL>
  /** True if `VAULT_ADDR` named it, and no file did. */
  readonly isUrlFromEnvironment?: boolean
  /** What a file that was found in the working directory names. It counts in that folder only, so it is not remembered. */
  readonly ofFolder?: { readonly url: boolean; readonly namespace: boolean }
  /** Mount of the key-value engine. */
  readonly mountPoint: string
  /** Path within the mount under which everything is stored. */
  readonly pathPrefix: string
  readonly namespace: string | undefined
  /** Absent: read from the mount. */
  readonly kvVersion: 1 | 2 | undefined
  readonly auth: VaultAuth
  /** Paths of PEM files, and whether the certificate is checked at all. */
  readonly tls: {
    readonly caCert: string | undefined
    /** The certificates themselves, and a folder of files with them. Absent, or less important than `caCert`. */
    readonly caCertText?: string
    readonly caPath?: string
    readonly clientCert: string | undefined
    readonly clientKey: string | undefined
    readonly skipVerify: boolean
  }
}

/** The `tokenStorage` block, decoded. */
export interface StorageSettings {
  readonly backend: "auto" | StorageBackendName
  /** Password of the encrypted files, if the configuration holds it. */
  readonly password: Redacted.Redacted | undefined
  /** Absent: neither the configuration nor the environment says where Vault is. */
  readonly vault: VaultSettings | undefined
  /** The other settings of Vault if nothing says where it is. Absent: something does, or they have errors. */
  readonly vaultWithoutUrl?: Omit<VaultSettings, "url"> | undefined
  /** The environment variables that these settings were read from. Absent: none was. */
  readonly variables?: {
    /** Those of `password`. */
    readonly password: ReadonlyArray<string>
    /** Those of `vault` or `vaultWithoutUrl`. */
    readonly vault: ReadonlyArray<string>
  }
}

/** A server as the file writes it: nothing in it is interpolated. */
export interface ServerSummary {
  readonly name: string
  readonly transport: "http" | "stdio"
  /** The URL, or the command line, as written. */
  readonly target: string
  /** How it is authorized. */
  readonly authorization: "oauth (endpoints by hand)" | "oauth (discovered)" | "header" | "none"
}

/**
 * The configuration file. It is read and checked once, as a whole; `${VAR}` is filled in only for the server or
 * setting that is requested. An error in the entry of a server does not affect the others.
 */
export class Configuration extends Context.Service<
  Configuration,
  {
    /** Path of the file. */
    readonly file: Effect.Effect<string, ConfigurationError>
    /** The servers whose entries have no errors. */
    readonly servers: Effect.Effect<ReadonlyArray<ServerSummary>, ConfigurationError>
    /** The errors in entries of servers. Only these servers cannot be used. */
    readonly invalid: Effect.Effect<ReadonlyArray<ConfigurationIssue>, ConfigurationError>
    /** The server of this name. The secrets that its entry refers to are not read: see `readyServer`. */
    readonly server: (name: string) => Effect.Effect<ConfiguredServer, ConfigurationError | UnknownServer>
    /** The servers that were requested by a URL that the file does not have. */
    readonly unlisted: Effect.Effect<ReadonlyArray<Server>>
    /** Where models are, and which is used. Its errors affect nothing else. The defaults without a `models` block. */
    readonly models: Effect.Effect<ModelSettings, ConfigurationError>
    /** The defaults if there is no file. */
    readonly tokenStorage: Effect.Effect<StorageSettings, ConfigurationError>
    /** True: conversations with a model are kept. */
    readonly keepsHistory: Effect.Effect<boolean, ConfigurationError>
    /** What does not prevent the use of the file, such as unknown fields. */
    readonly warnings: Effect.Effect<ReadonlyArray<ConfigurationIssue>, ConfigurationError>
    /** The names of the environment variables in the file. Many hold secrets, so no browser inherits them. */
    readonly variables: Effect.Effect<ReadonlyArray<string>, ConfigurationError>
  }
>()("mcp-cli-oauth/ports/Configuration") {}
