import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  type KeyObject,
  randomBytes,
  timingSafeEqual
} from "node:crypto"
import { Effect, Option, Redacted, Result, Schema } from "effect"

import { deriveKey, minIterations, keyLength, maxIterations } from "./KeyDerivation.ts"

/** PBKDF2-HMAC-SHA256 rounds for a new store: OWASP's figure of 2026. */
export const newIterations = 600_000
const nonceLength = 12
const tagLength = 16

const bytesOf = (text: string): Buffer => Buffer.from(text, "base64url")

/** Whether these bytes are what a text says, in the one spelling that they have. */
const isSpelled = (bytes: Buffer, text: string): boolean => bytes.toString("base64url") === text

/** Bytes as base64url. */
const Bytes = (fewest: number, most = fewest) =>
  Schema.String.check(
    Schema.makeFilter((text: string) => {
      const bytes = bytesOf(text)
      return isSpelled(bytes, text) && bytes.length >= fewest && bytes.length <= most
    })
  )

/** Content of `.salt`: how a password becomes the key that unwraps the data key of all files of the folder. */
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
  /** While a new data key takes over: the one before it under the same password, after a nonce of its own. */
  retiringKey: Schema.optionalKey(Bytes(nonceLength + keyLength + tagLength)),
  /** SHA-256 of all before it: tells a damaged file from a wrong password. It is no protection, the cipher is. */
  checksum: Bytes(32)
})
/** Content of `.salt`. */
export type SaltFile = typeof SaltFile.Type

const writeFile = (content: object): string => `${JSON.stringify(content)}\n`

/** Content of `{name}.enc`: one credential under the data key. */
const sealedFile = (nonce: string, sealed: string): string =>
  writeFile({ format: "mcp-cli-oauth credential", version: 1, cipher: "AES-256-GCM", nonce, sealed })

/** Why a file cannot be read: it is damaged, or newer than this program. */
export type FileFault =
  | { readonly _tag: "Damaged"; readonly detail: string }
  | { readonly _tag: "Newer"; readonly version: number }

const damaged = (detail: string): FileFault => ({ _tag: "Damaged", detail })

const Versioned = Schema.fromJsonString(Schema.Struct({ format: Schema.String, version: Schema.Int }))

const decodeVersioned = Schema.decodeOption(Versioned)

/** What is wrong with a file that is not of this version's making. */
const faultOf = (text: string, format: string): FileFault => {
  const versioned = decodeVersioned(text)
  return Option.isSome(versioned) && versioned.value.format === format && versioned.value.version > 1
    ? { _tag: "Newer", version: versioned.value.version }
    : damaged("it is cut short or altered")
}

const decodeSaltFile = Schema.decodeOption(Schema.fromJsonString(SaltFile))

/** Reads exactly the text that we would write for what it says. */
const readSaltFile = (text: string): Result.Result<SaltFile, FileFault> => {
  const decoded = decodeSaltFile(text)
  return Option.isSome(decoded) && writeFile(decoded.value) === text
    ? Result.succeed(decoded.value)
    : Result.fail(faultOf(text, "mcp-cli-oauth store"))
}

interface SealedBytes {
  readonly nonce: Buffer
  readonly sealed: Buffer
}

/** What stands before, between and after the two values in the text of a sealed file. */
const [beforeNonce = "", beforeSealed = "", afterSealed = ""] = sealedFile("|", "|").split("|")
const nonceEnd = beforeNonce.length + Math.ceil((nonceLength * 4) / 3)

/** As {@link readSaltFile}, by the text around the values: ten thousand are read at once, and a schema would take a tenth of that. */
const readSealedFile = (text: string): Result.Result<SealedBytes, FileFault> => {
  const [nonceText, sealedText] = [
    text.slice(beforeNonce.length, nonceEnd),
    text.slice(nonceEnd + beforeSealed.length, -afterSealed.length)
  ]
  const [nonce, sealed] = [bytesOf(nonceText), bytesOf(sealedText)]
  return text.startsWith(beforeNonce) &&
    text.startsWith(beforeSealed, nonceEnd) &&
    text.endsWith(afterSealed) &&
    nonce.length === nonceLength &&
    isSpelled(nonce, nonceText) &&
    sealed.length >= tagLength &&
    isSpelled(sealed, sealedText)
    ? Result.succeed({ nonce, sealed })
    : Result.fail(faultOf(text, "mcp-cli-oauth credential"))
}

const checksumOf = ({ checksum: _, ...rest }: SaltFile): Buffer =>
  createHash("sha256").update(JSON.stringify(rest)).digest()

/** What the wrapped key is bound to: change the salt or the count, and it no longer opens. */
const headerOf = ({ cipher, format, iterations, kdf, salt, store, version }: SaltFile): Buffer =>
  Buffer.from(JSON.stringify([format, version, store, kdf, iterations, salt, cipher]))

const encrypt = (
  key: Uint8Array | KeyObject,
  nonce: Uint8Array,
  plain: Uint8Array,
  bound: Uint8Array
): string => {
  const cipher = createCipheriv("aes-256-gcm", key, nonce)
  cipher.setAAD(bound)
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString("base64url")
}

const decrypt = (
  key: Uint8Array | KeyObject,
  { nonce, sealed }: SealedBytes,
  bound: Uint8Array
): Option.Option<Buffer> => {
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagLength })
  decipher.setAAD(bound)
  decipher.setAuthTag(sealed.subarray(-tagLength))
  try {
    return Option.some(Buffer.concat([decipher.update(sealed.subarray(0, -tagLength)), decipher.final()]))
  } catch {
    // The one thing that GCM throws for: it does not open.
    return Option.none()
  }
}

const derive = (password: Redacted.Redacted, salt: string, iterations: number): Effect.Effect<Buffer> =>
  Effect.promise(() => deriveKey(Redacted.value(password), salt, iterations))

/** What the retiring key is bound to: it is not taken for the data key. */
const retiringHeaderOf = (file: SaltFile): Buffer => Buffer.concat([headerOf(file), Buffer.from("retiring")])

/** A folder that is unlocked: its data key, and the identity that its files are bound to. */
export interface Unlocked {
  readonly store: string
  readonly dataKey: KeyObject
  /** The data key of the password before, which some files may still be under; it seals nothing any more. */
  readonly retiringKey?: KeyObject
}

/** A `.salt` as text, and what it gives to whom knows the password. */
export interface Lock {
  readonly salt: string
  readonly unlocked: Unlocked
}

/** Reads `.salt`. */
export const readSalt = (text: string): Result.Result<SaltFile, FileFault> =>
  Result.flatMap(readSaltFile(text), (file) =>
    timingSafeEqual(checksumOf(file), bytesOf(file.checksum))
      ? Result.succeed(file)
      : Result.fail(damaged("it is altered"))
  )

/** Unwraps the data key, and the retiring one where there is one; none where the password is wrong. */
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
  if (Option.isNone(dataKey)) return Option.none<Unlocked>()
  const unlocked: Unlocked = { store: file.store, dataKey: keyOf(dataKey.value) }
  if (retiringKey === undefined) return Option.some(unlocked)
  // Going on without it would take every file under it for a damaged one.
  if (Option.isNone(retiringKey)) return yield* Effect.fail(damaged("its retiring key is altered"))
  return Option.some<Unlocked>({ ...unlocked, retiringKey: keyOf(retiringKey.value) })
})

/** A key as Node keeps it, outside of what JavaScript can reach; the bytes it came in are wiped. */
const keyOf = (bytes: Buffer): KeyObject => {
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}

const splitNonce = (text: string): SealedBytes => {
  const bytes = bytesOf(text)
  return { nonce: bytes.subarray(0, nonceLength), sealed: bytes.subarray(nonceLength) }
}

const writeSalt = ({ checksum: _, ...rest }: SaltFile): string =>
  writeFile({ ...rest, checksum: checksumOf({ ...rest, checksum: "" }).toString("base64url") })

/**
 * A random data key wrapped under a password: of a new folder, or of one that is given another password. That one goes
 * on as the same store, with no fewer rounds, and its data key up to now retires.
 */
export const newLock = Effect.fnUntraced(function* (
  password: Redacted.Redacted,
  iterations: number,
  before?: Lock
): Effect.fn.Return<Lock> {
  const retiring = before?.unlocked
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
    unlocked: {
      store: header.store,
      dataKey,
      ...(retiring === undefined ? {} : { retiringKey: retiring.dataKey })
    }
  }
})

/** What the text of a lock, which was read or written before, says. */
const fileOf = ({ salt }: Lock): SaltFile => Result.getOrThrow(readSalt(salt))

/** The same lock once nothing needs its retiring key: the password and all else stay. */
export const withoutRetiring = (lock: Lock): Lock => {
  const { retiringKey: _, ...file } = fileOf(lock)
  const { dataKey, store } = lock.unlocked
  return { salt: writeSalt(file), unlocked: { store, dataKey } }
}

/** What a credential is bound to: its own store and its own name, so that files cannot be exchanged. */
const binding = (unlocked: Unlocked, name: string): Buffer =>
  Buffer.from(JSON.stringify(["mcp-cli-oauth credential", 1, "AES-256-GCM", unlocked.store, name]))

/** Encrypts the text of one credential under a fresh nonce. */
export const seal = (unlocked: Unlocked, name: string, text: string): string => {
  const nonce = randomBytes(nonceLength)
  return sealedFile(
    nonce.toString("base64url"),
    encrypt(unlocked.dataKey, nonce, Buffer.from(text, "utf8"), binding(unlocked, name))
  )
}

/** The text of one credential, and whether it has to be sealed anew before the retiring key can go. */
export interface Opened {
  readonly text: string
  readonly underRetiringKey: boolean
}

/** Decrypts one credential. */
export const open = (unlocked: Unlocked, name: string, text: string): Result.Result<Opened, FileFault> =>
  Result.flatMap(readSealedFile(text), (file) => {
    const bound = binding(unlocked, name)
    for (const key of [unlocked.dataKey, unlocked.retiringKey]) {
      const plain = key === undefined ? Option.none() : decrypt(key, file, bound)
      if (Option.isSome(plain)) {
        const underRetiringKey = key !== unlocked.dataKey
        return Result.succeed({ text: plain.value.toString("utf8"), underRetiringKey })
      }
    }
    return Result.fail(damaged("it is altered, was moved from another name, or belongs to another .salt"))
  })
