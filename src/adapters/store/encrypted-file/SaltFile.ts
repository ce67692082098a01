import { createHash, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from "node:crypto"
import { Effect, Option, Redacted, Result, Schema } from "effect"
import { deriveKey, keyLength } from "./KeyDerivation.ts"
import {
  bytesOf,
  damaged,
  decrypt,
  encrypt,
  faultOf,
  type FileFault,
  fileText,
  isCanonical,
  nonceLength,
  splitNonce,
  tagLength
} from "./StoreFile.ts"
import { maxIterations, minIterations } from "./EncryptionLimits.ts"

/** Bytes as canonical base64url, of a length in this range. */
const Bytes = (minLength: number, maxLength = minLength) =>
  Schema.String.check(
    Schema.makeFilter((text: string) => {
      const bytes = bytesOf(text)
      return isCanonical(bytes, text) && bytes.length >= minLength && bytes.length <= maxLength
    })
  )

/** Content of `.salt`: how a password becomes the key that unwraps the data key of all files in the folder. */
const SaltFile = Schema.Struct({
  format: Schema.Literal("mcp-cli-oauth store"),
  version: Schema.Literal(1),
  store: Bytes(16),
  kdf: Schema.Literal("PBKDF2-HMAC-SHA256"),
  iterations: Schema.Int.check(Schema.isBetween({ minimum: minIterations, maximum: maxIterations })),
  salt: Bytes(16, 64),
  cipher: Schema.Literal("AES-256-GCM"),
  nonce: Bytes(nonceLength),
  wrappedKey: Bytes(keyLength + tagLength),
  /** The previous data key while a new one takes over: nonce, then the key wrapped under the same password. */
  retiringKey: Schema.optionalKey(Bytes(nonceLength + keyLength + tagLength)),
  /** SHA-256 of the fields above. It tells a damaged file from a wrong password; only the cipher protects. */
  checksum: Bytes(32)
})
/** Content of `.salt`. */
export type SaltFile = typeof SaltFile.Type

/** The keys of an unlocked folder, and the identity that its files are bound to. */
export interface StoreKeys {
  readonly store: string
  readonly dataKey: KeyObject
  /** The previous data key, if files may still be encrypted under it. It only decrypts. */
  readonly retiringKey?: KeyObject
}

/** The text of a `.salt`, and the keys that it yields with the password. */
export interface UnlockedSalt {
  readonly salt: string
  readonly keys: StoreKeys
}

const decodeSaltFile = Schema.decodeOption(Schema.fromJsonString(SaltFile))

const checksumOf = ({ checksum: _, ...rest }: SaltFile): Buffer =>
  createHash("sha256").update(JSON.stringify(rest)).digest()

/** Reads `.salt`, if it is exactly the text that this version writes. */
export const readSalt = (text: string): Result.Result<SaltFile, FileFault> => {
  const decoded = decodeSaltFile(text)
  if (Option.isNone(decoded) || fileText(decoded.value) !== text) {
    return Result.fail(faultOf(text, "mcp-cli-oauth store"))
  }
  return timingSafeEqual(checksumOf(decoded.value), bytesOf(decoded.value.checksum))
    ? Result.succeed(decoded.value)
    : Result.fail(damaged("it is altered"))
}

const writeSalt = ({ checksum: _, ...rest }: SaltFile): string =>
  fileText({ ...rest, checksum: checksumOf({ ...rest, checksum: "" }).toString("base64url") })

/** Reads a text that was read or written before. */
const fileOf = ({ salt }: UnlockedSalt): SaltFile => Result.getOrThrow(readSalt(salt))

/** Associated data of the wrapped key: with another salt or iteration count, it does not open. */
const headerOf = ({ cipher, format, iterations, kdf, salt, store, version }: SaltFile): Buffer =>
  Buffer.from(JSON.stringify([format, version, store, kdf, iterations, salt, cipher]))

/** Associated data of the retiring key, which cannot be taken for the data key. */
const retiringHeaderOf = (file: SaltFile): Buffer => Buffer.concat([headerOf(file), Buffer.from("retiring")])

const derive = (password: Redacted.Redacted, salt: string, iterations: number): Effect.Effect<Buffer> =>
  Effect.promise(() => deriveKey(Redacted.value(password), salt, iterations))

/** Moves a key into Node, out of reach of JavaScript, and wipes its bytes. */
const keyOf = (bytes: Buffer): KeyObject => {
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}

/** Unwraps the data key, and the retiring key if there is one; none with a wrong password. */
export const unwrap = Effect.fnUntraced(function* (file: SaltFile, password: Redacted.Redacted) {
  const key = yield* derive(password, file.salt, file.iterations)
  const dataKey = decrypt(
    key,
    { nonce: bytesOf(file.nonce), sealed: bytesOf(file.wrappedKey) },
    headerOf(file)
  )
  const retiringKey =
    file.retiringKey === undefined
      ? undefined
      : decrypt(key, splitNonce(file.retiringKey), retiringHeaderOf(file))
  key.fill(0)
  if (Option.isNone(dataKey)) return Option.none<StoreKeys>()
  const keys: StoreKeys = { store: file.store, dataKey: keyOf(dataKey.value) }
  if (retiringKey === undefined) return Option.some(keys)
  // Without it, every file under it would look damaged.
  if (Option.isNone(retiringKey)) return yield* Effect.fail(damaged("its retiring key is altered"))
  return Option.some<StoreKeys>({ ...keys, retiringKey: keyOf(retiringKey.value) })
})

/**
 * Makes a random data key and wraps it under a password.
 *
 * @param before the folder whose password changes: the new `.salt` keeps its store identity, has at least as many
 * iterations, and holds its data key as the retiring one. Absent: a new folder.
 */
export const newSalt = Effect.fnUntraced(function* (
  password: Redacted.Redacted,
  iterations: number,
  before?: UnlockedSalt
): Effect.fn.Return<UnlockedSalt> {
  const retiring = before?.keys
  const nonce = randomBytes(nonceLength)
  const dataKey = keyOf(randomBytes(keyLength))
  const header: SaltFile = {
    format: "mcp-cli-oauth store",
    version: 1,
    store: retiring?.store ?? randomBytes(16).toString("base64url"),
    kdf: "PBKDF2-HMAC-SHA256",
    iterations: Math.max(iterations, before === undefined ? 0 : fileOf(before).iterations),
    salt: randomBytes(16).toString("base64url"),
    cipher: "AES-256-GCM",
    nonce: nonce.toString("base64url"),
    wrappedKey: "",
    checksum: ""
  }
  const key = yield* derive(password, header.salt, header.iterations)
  const wrappedKey = encrypt(key, nonce, dataKey.export(), headerOf(header))
  const retiringNonce = randomBytes(nonceLength)
  const retiringKey =
    retiring === undefined
      ? {}
      : {
          retiringKey: Buffer.concat([
            retiringNonce,
            bytesOf(encrypt(key, retiringNonce, retiring.dataKey.export(), retiringHeaderOf(header)))
          ]).toString("base64url")
        }
  key.fill(0)
  return {
    salt: writeSalt({ ...header, wrappedKey, ...retiringKey }),
    keys: {
      store: header.store,
      dataKey,
      ...(retiring === undefined ? {} : { retiringKey: retiring.dataKey })
    }
  }
})

/** The same `.salt` without its retiring key. The password and all else stay. */
export const withoutRetiring = (unlocked: UnlockedSalt): UnlockedSalt => {
  const { retiringKey: _, ...file } = fileOf(unlocked)
  const { dataKey, store } = unlocked.keys
  return { salt: writeSalt(file), keys: { store, dataKey } }
}
