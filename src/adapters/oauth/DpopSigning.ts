import { Effect, Redacted, Schema } from "effect"
import * as Base64Url from "effect/encoding/Base64Url"
import type { DpopRequest } from "../../ports/DpopProofs.ts"

/** The only algorithm: every server that supports DPoP supports ES256, the one that RFC 9449 uses in its examples. */
const algorithm = { name: "ECDSA", namedCurve: "P-256" } as const

/** A stored private key: a JWK of the curve P-256 (RFC 7518 §6.2). */
const PrivateJwk = Schema.fromJsonString(
  Schema.Struct({
    kty: Schema.Literal("EC"),
    crv: Schema.Literal("P-256"),
    x: Schema.NonEmptyString,
    y: Schema.NonEmptyString,
    d: Schema.NonEmptyString
  })
)
const encodeKey = Schema.encodeSync(PrivateJwk)
const decodeKey = Schema.decodeSync(PrivateJwk)

const jsonPart = (value: unknown): string => Base64Url.encode(JSON.stringify(value))
const digest = async (text: string): Promise<string> =>
  Base64Url.encode(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))))

/** Makes a key. */
export const makeKey = Effect.promise(async () => {
  const { privateKey } = await crypto.subtle.generateKey(algorithm, true, ["sign"])
  const { crv, d, kty, x, y } = await crypto.subtle.exportKey("jwk", privateKey)
  return Redacted.make(encodeKey({ kty, crv, x, y, d } as typeof PrivateJwk.Type))
})

/** The thumbprint of a key (RFC 7638). */
export const thumbprint = (key: Redacted.Redacted) =>
  Effect.promise(() => {
    const { crv, kty, x, y } = decodeKey(Redacted.value(key))
    // The members have this order, and there are no others (RFC 7638 §3.2).
    return digest(JSON.stringify({ crv, kty, x, y }))
  })

/** Creates the proof of a request (RFC 9449 §4.2). `now` is in milliseconds since the epoch. */
export const prove = (
  key: Redacted.Redacted,
  { accessToken, method, url }: DpopRequest,
  { nonce, now }: { readonly nonce: string | undefined; readonly now: number }
) => {
  const { d, ...jwk } = decodeKey(Redacted.value(key))
  return Effect.promise(async () => {
    const header = { typ: "dpop+jwt", alg: "ES256", jwk }
    const claims = {
      jti: crypto.randomUUID(),
      htm: method,
      htu: `${url.origin}${url.pathname}`,
      iat: Math.floor(now / 1000),
      ...(accessToken === undefined ? {} : { ath: await digest(Redacted.value(accessToken)) }),
      ...(nonce === undefined ? {} : { nonce })
    }
    const input = `${jsonPart(header)}.${jsonPart(claims)}`
    const signingKey = await crypto.subtle.importKey("jwk", { ...jwk, d }, algorithm, false, ["sign"])
    const signature = await crypto.subtle.sign(
      { name: "ECDSA", hash: "SHA-256" },
      signingKey,
      new TextEncoder().encode(input)
    )
    return `${input}.${Base64Url.encode(new Uint8Array(signature))}`
  })
}
