import { Equal, Hash, Option, Schema } from "effect"

/** The account of a server if none is named. */
export const defaultAccount = "default"

/** Identifies a credential: the server's name in the configuration, and an account at it. */
export class CredentialKey extends Schema.Class<CredentialKey>("CredentialKey")({
  server: Schema.NonEmptyString,
  account: Schema.NonEmptyString
}) {
  /** Returns the key of an account, by default of the default one. */
  static of(server: string, account: string = defaultAccount): CredentialKey {
    return new CredentialKey({ server, account })
  }

  /**
   * The key as a name that every store accepts: `[a-z0-9_.-]`, `%` and `@` only. Different keys have different names, on
   * file systems that fold case as well. It is never a path, nor a reserved device name of Windows. The default account is
   * omitted: the name of `notion` is `notion`.
   */
  get storageName(): string {
    return (this.#storageName ??=
      encodeName(this.server) + (this.account === defaultAccount ? "" : `@${encodeName(this.account)}`))
  }
  #storageName: string | undefined

  /** Parses a `storageName`. None for a name that this version never writes. */
  static fromStorageName(name: string): Option.Option<CredentialKey> {
    const [server, account, ...rest] = name.split("@").map(decodeName)
    if (server === undefined || server === "" || account === "" || rest.length > 0) return Option.none()
    const key = CredentialKey.of(server, account)
    return key.storageName === name ? Option.some(key) : Option.none()
  }

  [Equal.symbol](that: unknown): boolean {
    return that instanceof CredentialKey && that.server === this.server && that.account === this.account
  }

  [Hash.symbol](): number {
    return Hash.string(this.storageName)
  }
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
