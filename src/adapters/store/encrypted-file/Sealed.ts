import { createCipheriv, createDecipheriv, createHash, randomBytes, timingSafeEqual } from "node:crypto"
import { Effect, Option, Redacted, Result, Schema } from "effect"

import { deriveKey, fewestIterations, keyLength, mostIterations } from "./KeyDerivation.ts"

/** PBKDF2-HMAC-SHA256 rounds for a new store: OWASP's figure of 2026. */
export const newIterations = 600_000
const nonceLength = 12
const tagLength = 16

/** Bytes as base64url, in the one spelling that they have. */
const Bytes = (fewest: number, most = fewest) =>
  Schema.String.check(
    Schema.makeFilter((text: string) => {
      const bytes = Buffer.from(text, "base64url")
      return bytes.toString("base64url") === text && bytes.length >= fewest && bytes.length <= most
    })
  )

/** Content of `.salt`: how a password becomes the key that unwraps the data key of all files of the folder. */
const SaltFile = Schema.Struct({
  format: Schema.Literal("mcp-cli-oauth store"),
  version: Schema.Literal(1),
  store: Bytes(16),
  kdf: Schema.Literal("PBKDF2-HMAC-SHA256"),
  iterations: Schema.Int.check(Schema.isBetween({ minimum: fewestIterations, maximum: mostIterations })),
  salt: Bytes(16, 64),
  cipher: Schema.Literal("AES-256-GCM"),
  nonce: Bytes(nonceLength),
  wrappedKey: Bytes(keyLength + tagLength),
  /** SHA-256 of all before it: tells a damaged file from a wrong password. It is no protection, the cipher is. */
  checksum: Bytes(32)
})
/** Content of `.salt`. */
export type SaltFile = typeof SaltFile.Type

/** Content of `{name}.enc`: one credential under the data key. */
const SealedFile = Schema.Struct({
  format: Schema.Literal("mcp-cli-oauth credential"),
  version: Schema.Literal(1),
  cipher: Schema.Literal("AES-256-GCM"),
  nonce: Bytes(nonceLength),
  sealed: Bytes(tagLength, Number.MAX_SAFE_INTEGER)
})

/** Why a file cannot be read: it is damaged, or newer than this program. */
export type FileFault =
  | { readonly _tag: "Damaged"; readonly detail: string }
  | { readonly _tag: "Newer"; readonly version: number }

const damaged = (detail: string): FileFault => ({ _tag: "Damaged", detail })

const Versioned = Schema.fromJsonString(Schema.Struct({ format: Schema.String, version: Schema.Int }))

/** Reads a file of ours: exactly the text that we would write for what it says. */
const readFile = <S extends Schema.Codec<{ readonly format: string; readonly version: number }, unknown>>(
  schema: S,
  format: string,
  text: string
): Result.Result<S["Type"], FileFault> => {
  const versioned = Schema.decodeOption(Versioned)(text)
  if (Option.isSome(versioned) && versioned.value.format === format && versioned.value.version > 1) {
    return Result.fail({ _tag: "Newer", version: versioned.value.version })
  }
  const decoded = Schema.decodeOption(Schema.fromJsonString(schema))(text)
  return Option.isSome(decoded) && writeFile(decoded.value) === text
    ? Result.succeed(decoded.value)
    : Result.fail(damaged("it is cut short or altered"))
}

const writeFile = (content: object): string => `${JSON.stringify(content)}\n`

const bytesOf = (text: string): Buffer => Buffer.from(text, "base64url")

const checksumOf = ({ checksum: _, ...rest }: SaltFile): Buffer =>
  createHash("sha256").update(JSON.stringify(rest)).digest()

/** What the wrapped key is bound to: change the salt or the count, and it no longer opens. */
const headerOf = ({ cipher, format, iterations, kdf, salt, store, version }: SaltFile): Buffer =>
  Buffer.from(JSON.stringify([format, version, store, kdf, iterations, salt, cipher]))

const encrypt = (key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, bound: Uint8Array): string => {
  const cipher = createCipheriv("aes-256-gcm", key, nonce)
  cipher.setAAD(bound)
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString("base64url")
}

const decrypt = (
  key: Uint8Array,
  nonce: string,
  sealed: string,
  bound: Uint8Array
): Option.Option<Buffer> => {
  const bytes = bytesOf(sealed)
  const decipher = createDecipheriv("aes-256-gcm", key, bytesOf(nonce), { authTagLength: tagLength })
  decipher.setAAD(bound)
  decipher.setAuthTag(bytes.subarray(-tagLength))
  try {
    return Option.some(Buffer.concat([decipher.update(bytes.subarray(0, -tagLength)), decipher.final()]))
  } catch {
    // The one thing that GCM throws for: it does not open.
    return Option.none()
  }
}

const derive = (password: Redacted.Redacted, salt: string, iterations: number): Effect.Effect<Buffer> =>
  Effect.promise(() => deriveKey(Redacted.value(password), salt, iterations))

/** A folder that is unlocked: its data key, and the identity that its files are bound to. */
export interface Unlocked {
  readonly store: string
  readonly dataKey: Uint8Array
}

/** Reads `.salt`. */
export const readSalt = (text: string): Result.Result<SaltFile, FileFault> =>
  Result.flatMap(readFile(SaltFile, "mcp-cli-oauth store", text), (file) =>
    timingSafeEqual(checksumOf(file), bytesOf(file.checksum))
      ? Result.succeed(file)
      : Result.fail(damaged("it is altered"))
  )

/** Unwraps the data key; none where the password is wrong. */
export const unwrap = (file: SaltFile, password: Redacted.Redacted): Effect.Effect<Option.Option<Unlocked>> =>
  Effect.map(derive(password, file.salt, file.iterations), (key) => {
    const dataKey = decrypt(key, file.nonce, file.wrappedKey, headerOf(file))
    key.fill(0)
    return Option.map(dataKey, (bytes) => ({ store: file.store, dataKey: bytes }))
  })

/** A new folder: the text of its `.salt`, with a random data key wrapped under the password. */
export const newSalt = (password: Redacted.Redacted, iterations: number): Effect.Effect<string> =>
  Effect.gen(function* () {
    const nonce = randomBytes(nonceLength)
    const dataKey = randomBytes(keyLength)
    const file: SaltFile = {
      format: "mcp-cli-oauth store",
      version: 1,
      store: randomBytes(16).toString("base64url"),
      kdf: "PBKDF2-HMAC-SHA256",
      iterations,
      salt: randomBytes(16).toString("base64url"),
      cipher: "AES-256-GCM",
      nonce: nonce.toString("base64url"),
      wrappedKey: "",
      checksum: ""
    }
    const key = yield* derive(password, file.salt, iterations)
    const wrapped = { ...file, wrappedKey: encrypt(key, nonce, dataKey, headerOf(file)) }
    key.fill(0)
    dataKey.fill(0)
    return writeFile({ ...wrapped, checksum: checksumOf(wrapped).toString("base64url") })
  })

/** What a credential is bound to: its own store and its own name, so that files cannot be exchanged. */
const binding = (unlocked: Unlocked, name: string): Buffer =>
  Buffer.from(JSON.stringify(["mcp-cli-oauth credential", 1, "AES-256-GCM", unlocked.store, name]))

/** Encrypts the text of one credential under a fresh nonce. */
export const seal = (unlocked: Unlocked, name: string, text: string): string => {
  const nonce = randomBytes(nonceLength)
  return writeFile({
    format: "mcp-cli-oauth credential",
    version: 1,
    cipher: "AES-256-GCM",
    nonce: nonce.toString("base64url"),
    sealed: encrypt(unlocked.dataKey, nonce, Buffer.from(text, "utf8"), binding(unlocked, name))
  })
}

/** Decrypts the text of one credential. */
export const open = (unlocked: Unlocked, name: string, text: string): Result.Result<string, FileFault> =>
  Result.flatMap(readFile(SealedFile, "mcp-cli-oauth credential", text), (file) =>
    Option.match(decrypt(unlocked.dataKey, file.nonce, file.sealed, binding(unlocked, name)), {
      onNone: () =>
        Result.fail(damaged("it is altered, was moved from another name, or belongs to another .salt")),
      onSome: (plain) => Result.succeed(plain.toString("utf8"))
    })
  )
