import { Result } from "effect"
import { Base64, Hex } from "effect/encoding"
import type { SigningKey } from "../../domain/Server.ts"

/** A JWS algorithm that a client can sign with. */
export type SigningAlgorithm = NonNullable<SigningKey["algorithm"]>

/** A private key in the form that WebCrypto imports. */
export interface PrivateKey {
  /** PKCS #8 in DER. */
  readonly pkcs8: Uint8Array<ArrayBuffer>
  /** What it can sign with (RFC 7518 §3.1, RFC 8037 §3.1), the usual algorithm first. Empty for other kinds of keys. */
  readonly algorithms: ReadonlyArray<SigningAlgorithm>
}

/** Tags of DER (X.690 §8.1.2). */
const tags = { integer: 0x02, octetString: 0x04, objectIdentifier: 0x06, sequence: 0x30, curve: 0xa0 }

const rsaEncryption = "2a864886f70d010101"
const ecPublicKey = "2a8648ce3d0201"

/** Algorithms by the object identifier of the key type and, for an EC key, of the curve. */
const algorithmsByType: Readonly<Record<string, ReadonlyArray<SigningAlgorithm>>> = {
  [rsaEncryption]: ["RS256", "PS256"],
  "2b6570": ["EdDSA"],
  [`${ecPublicKey} 2a8648ce3d030107`]: ["ES256"],
  [`${ecPublicKey} 2b81040022`]: ["ES384"],
  [`${ecPublicKey} 2b81040023`]: ["ES512"]
}

interface Element {
  readonly tag: number
  readonly contents: Uint8Array
}

/** The elements that DER holds one after the other. Undefined if it is cut off. */
const elementsOf = (der: Uint8Array): ReadonlyArray<Element> | undefined => {
  const elements: Array<Element> = []
  let at = 0
  while (at < der.length) {
    const tag = der[at] ?? 0
    const first = der[at + 1] ?? 0
    const digits = first < 0x80 ? 0 : first - 0x80
    const start = at + 2 + digits
    const length = digits === 0 ? first : der.slice(at + 2, start).reduce((sum, byte) => sum * 256 + byte, 0)
    if (start + length > der.length || digits > 4) return undefined
    elements.push({ tag, contents: der.slice(start, start + length) })
    at = start + length
  }
  return elements
}

/** The elements in an element with this tag. Empty without such an element. */
const inside = (elements: ReadonlyArray<Element> | undefined, tag: number): ReadonlyArray<Element> => {
  const found = elements?.find((element) => element.tag === tag)
  return found === undefined ? [] : (elementsOf(found.contents) ?? [])
}

const encode = (tag: number, ...parts: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  // The long form in two bytes reads back for every length, though DER prefers the shortest one.
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff]
  const bytes = new Uint8Array(head.length + length)
  bytes.set(head)
  let at = head.length
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

const identifier = (hex: string) => encode(tags.objectIdentifier, Result.getOrThrow(Hex.decode(hex)))

/** PKCS #8 around a key of an older form (RFC 5958 §2). */
const wrapped = (algorithm: Uint8Array, key: Uint8Array) =>
  encode(
    tags.sequence,
    encode(tags.integer, Uint8Array.of(0)),
    encode(tags.sequence, algorithm),
    encode(tags.octetString, key)
  )

/** The key in PKCS #8, from any of the three PEM forms that OpenSSL writes. */
const pkcs8Of = (label: string, der: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined => {
  switch (label) {
    case "PRIVATE KEY":
      return der
    case "RSA PRIVATE KEY": {
      const parameters = Uint8Array.of(0x05, 0x00)
      return wrapped(concatenated(identifier(rsaEncryption), parameters), der)
    }
    case "EC PRIVATE KEY": {
      const [curve] = inside(inside(elementsOf(der), tags.sequence), tags.curve)
      if (curve?.tag !== tags.objectIdentifier) return undefined
      const parameters = encode(tags.objectIdentifier, curve.contents)
      return wrapped(concatenated(identifier(ecPublicKey), parameters), der)
    }
  }
  return undefined
}

const concatenated = (a: Uint8Array, b: Uint8Array) => Uint8Array.of(...a, ...b)

/**
 * Reads a private key from PEM text: PKCS #8, PKCS #1 (RSA) or SEC 1 (EC), not encrypted. Undefined for any
 * other text. WebCrypto, which imports the result, reads only the first form.
 */
export const readPrivateKey = (pem: string): PrivateKey | undefined => {
  const [, label = "", text = ""] =
    /-----BEGIN ((?:RSA |EC )?PRIVATE KEY)-----([^-]*)-----END \1-----/.exec(pem) ?? []
  const der = Result.getOrUndefined(Base64.decode(text.replaceAll(/\s/g, "")))
  if (der === undefined) return undefined
  const pkcs8 = pkcs8Of(label, new Uint8Array(der))
  if (pkcs8 === undefined) return undefined
  const [type, curve] = inside(inside(elementsOf(pkcs8), tags.sequence), tags.sequence)
    .filter(({ tag }) => tag === tags.objectIdentifier)
    .map(({ contents }) => Hex.encode(contents))
  if (type === undefined) return undefined
  return { pkcs8, algorithms: algorithmsByType[curve === undefined ? type : `${type} ${curve}`] ?? [] }
}
