import { createCipheriv, createDecipheriv, type KeyObject } from "node:crypto"
import { Option, Schema } from "effect"

// What `.salt` and the files of credentials have in common: their text, and AES-256-GCM.

export const nonceLength = 12
export const tagLength = 16

/** Decodes base64url. */
export const bytesOf = (text: string): Buffer => Buffer.from(text, "base64url")

/** True if a text is the one canonical encoding of these bytes. */
export const isCanonical = (bytes: Buffer, text: string): boolean => bytes.toString("base64url") === text

/** The text of a file with this content. A file is read only if it is exactly this text. */
export const fileText = (content: object): string => `${JSON.stringify(content)}\n`

/** Why a file cannot be read: it is damaged, or a newer version wrote it. */
export type FileFault =
  | { readonly _tag: "Damaged"; readonly detail: string }
  | { readonly _tag: "Newer"; readonly version: number }

/** A file that is damaged in this way. */
export const damaged = (detail: string): FileFault => ({ _tag: "Damaged", detail })

const decodeVersioned = Schema.decodeOption(
  Schema.fromJsonString(Schema.Struct({ format: Schema.String, version: Schema.Int }))
)

/** What is wrong with a file that this version would not have written. */
export const faultOf = (text: string, format: string): FileFault => {
  const versioned = decodeVersioned(text)
  return Option.isSome(versioned) && versioned.value.format === format && versioned.value.version > 1
    ? { _tag: "Newer", version: versioned.value.version }
    : damaged("it is cut short or altered")
}

/** A ciphertext with its tag, and the nonce it was made with. */
export interface SealedBytes {
  readonly nonce: Buffer
  readonly sealed: Buffer
}

/** Splits bytes that start with their nonce. */
export const splitNonce = (text: string): SealedBytes => {
  const bytes = bytesOf(text)
  return { nonce: bytes.subarray(0, nonceLength), sealed: bytes.subarray(nonceLength) }
}

/** Encrypts with AES-256-GCM. Returns ciphertext and tag as base64url. */
export const encrypt = (
  key: Uint8Array | KeyObject,
  nonce: Uint8Array,
  plain: Uint8Array,
  associatedData: Uint8Array
): string => {
  const cipher = createCipheriv("aes-256-gcm", key, nonce)
  cipher.setAAD(associatedData)
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString("base64url")
}

/** Decrypts what {@link encrypt} made; none with another key or other associated data. */
export const decrypt = (
  key: Uint8Array | KeyObject,
  { nonce, sealed }: SealedBytes,
  associatedData: Uint8Array
): Option.Option<Buffer> => {
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagLength })
  decipher.setAAD(associatedData)
  decipher.setAuthTag(sealed.subarray(-tagLength))
  try {
    return Option.some(Buffer.concat([decipher.update(sealed.subarray(0, -tagLength)), decipher.final()]))
  } catch {
    // GCM throws only if the tag does not match.
    return Option.none()
  }
}
