import { Equal, Hash, Option, Schema } from "effect"
import { type RemoteServer, resourceOf } from "./Server.ts"

/** The account of a server if none is named. */
export const defaultAccount = "default"

/** These begin the names of records that are no sign-ins. No server of a configuration has such a character in its name. */
const modelMark = "\u0001"
const secretMark = "\u0002"
/** The keys at each server, by account: each request needs one. */
const keysAt = new WeakMap<RemoteServer<unknown>, Map<string | undefined, CredentialKey>>()

/** A secret of a server: the entry of the server refers to it by its name. */
export interface SecretName {
  readonly server: string
  readonly name: string
}

/** Identifies a credential: the server's name in the configuration, and an account at it. */
export class CredentialKey extends Schema.Class<CredentialKey>("CredentialKey")({
  server: Schema.NonEmptyString,
  account: Schema.NonEmptyString,
  /**
   * The resource that the credential is for (RFC 8707), since two configurations may give one name to different servers.
   * It is not part of `storageName`. Absent: the record of this name, whatever it is for.
   */
  resource: Schema.optionalKey(Schema.NonEmptyString),
  /** Marks a record that is stored beside another one of the same server and account: a hash of its resource. */
  tag: Schema.optionalKey(Schema.NonEmptyString)
}) {
  /** Returns the key of an account, by default of the default one. */
  static of(server: string, account: string = defaultAccount, resource?: string): CredentialKey {
    return new CredentialKey({ server, account, ...(resource === undefined ? {} : { resource }) })
  }

  /** Returns the key of an account at a server as it is configured now. */
  static at(server: RemoteServer<unknown>, account?: string): CredentialKey {
    const keys = keysAt.get(server) ?? new Map<string | undefined, CredentialKey>()
    keysAt.set(server, keys)
    const key = keys.get(account) ?? CredentialKey.of(server.name, account, resourceOf(server))
    keys.set(account, key)
    return key
  }

  /** Returns the key of the record that holds the key of a provider of models. */
  static ofModels(provider: string): CredentialKey {
    return CredentialKey.of(`${modelMark}${provider}`)
  }

  /** The provider of models whose key the record holds. Undefined for a sign-in. */
  get modelProvider(): string | undefined {
    return this.server.startsWith(modelMark) ? this.server.slice(modelMark.length) : undefined
  }

  /** Returns the key of the record that holds a secret of a server, which its entry refers to. */
  static ofSecret({ name, server }: SecretName): CredentialKey {
    return CredentialKey.of(`${secretMark}${server}`, name)
  }

  /** The secret that the record holds. Undefined for a sign-in. */
  get secret(): SecretName | undefined {
    return this.server.startsWith(secretMark)
      ? { server: this.server.slice(secretMark.length), name: this.account }
      : undefined
  }

  /** False for a record that holds the key of a provider of models, or a secret of a server. */
  get isSignIn(): boolean {
    return this.modelProvider === undefined && this.secret === undefined
  }

  /** The record of this server and account that was stored first, whatever it is for. */
  get first(): CredentialKey {
    return CredentialKey.of(this.server, this.account)
  }

  /** The record of this server and account for a resource, if the first one is for another. */
  beside(resource: string): CredentialKey {
    return new CredentialKey({ server: this.server, account: this.account, tag: tagOf(resource) })
  }

  /** False for a record beside the first one whose tag belongs to another resource. */
  mayHold(resource: string): boolean {
    return this.tag === undefined || this.tag === tagOf(resource)
  }

  /** True if both are of the same server and account, whatever they are for. */
  isOfSameAccount(that: CredentialKey): boolean {
    return that.server === this.server && that.account === this.account
  }

  /** Tells keys apart in the memory of a process: the storage name, and the resource. */
  get identity(): string {
    return this.resource === undefined ? this.storageName : `${this.storageName} ${this.resource}`
  }

  /**
   * The key as a name that every store accepts: `[a-z0-9_.-]`, `%`, `@` and `~` only. Different keys have different names,
   * on file systems that fold case as well. It is never a path, nor a reserved device name of Windows. The default account
   * is omitted: the name of `notion` is `notion`. A record beside it is `notion~` and its tag.
   */
  get storageName(): string {
    return (this.#storageName ??=
      encodeName(this.server) +
      (this.account === defaultAccount ? "" : `@${encodeName(this.account)}`) +
      (this.tag === undefined ? "" : `~${this.tag}`))
  }
  #storageName: string | undefined

  /** Parses a `storageName`. None for a name that this version never writes. */
  static fromStorageName(name: string): Option.Option<CredentialKey> {
    const [, first = name, tag] = /^(.*)~([0-9a-f]{16})$/.exec(name) ?? []
    const [server, account, ...rest] = first.split("@").map(decodeName)
    if (server === undefined || server === "" || account === "" || rest.length > 0) return Option.none()
    const untagged = CredentialKey.of(server, account)
    const key = tag === undefined ? untagged : new CredentialKey({ ...untagged, tag })
    return key.storageName === name ? Option.some(key) : Option.none()
  }

  [Equal.symbol](that: unknown): boolean {
    return that instanceof CredentialKey && that.identity === this.identity
  }

  [Hash.symbol](): number {
    return Hash.string(this.identity)
  }
}

/** The tag of a resource: FNV-1a of 64 bits. Stored names contain it, so it never changes. */
const tagOf = (resource: string): string => {
  let hash = 0xcbf29ce484222325n
  for (const byte of new TextEncoder().encode(resource)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  }
  return hash.toString(16).padStart(16, "0")
}

/** A name that needs no encoding. */
const plain = /^[a-z0-9_-][a-z0-9_.-]*(?<!\.)$/
const deviceName = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/

const percent = (character: string): string =>
  Array.from(new TextEncoder().encode(character), (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")

// Upper case is encoded, because `Notion` and `notion` are one file on macOS and Windows.
const encodeName = (name: string): string => {
  if (plain.test(name) && !deviceName.test(name)) return name
  const encoded = Array.from(name.toWellFormed(), (character) =>
    /[a-z0-9_.-]/.test(character) ? character : percent(character)
  ).join("")
  const begun =
    encoded.startsWith(".") || deviceName.test(encoded)
      ? percent(encoded.slice(0, 1)) + encoded.slice(1)
      : encoded
  // Windows drops a dot at the end of a name, and Vault rejects a path that ends with one.
  return begun.endsWith(".") ? begun.slice(0, -1) + percent(".") : begun
}

const decodeName = (encoded: string): string => {
  try {
    return decodeURIComponent(encoded)
  } catch {
    return ""
  }
}
