import { Clock, Effect, Layer, Redacted, Schema } from "effect"
import { DpopProofs, type DpopRequest } from "../../ports/DpopProofs.ts"

/** The one algorithm: every server that knows DPoP has it (RFC 9449 §5.1 names no other in its examples). */
const algorithm = { name: "ECDSA", namedCurve: "P-256" } as const

/** A private key as it is kept: a JWK of the curve P-256 (RFC 7518 §6.2). */
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

const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "")
const jsonPart = (value: unknown): string => base64url(new TextEncoder().encode(JSON.stringify(value)))
const digest = async (text: string): Promise<string> =>
  base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))))

/** What a nonce may consist of (RFC 9449 §8.1). */
const nonceText = /^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/

/** Origins whose nonces are remembered at most: a client talks to few. */
const maxOrigins = 64

/** Proofs by the platform's own cryptography. */
export const layer: Layer.Layer<DpopProofs> = Layer.effect(
  DpopProofs,
  Effect.sync(() => {
    const nonces = new Map<string, string>()

    const prove = Effect.fn("DpopProofs.prove")(function* (
      key: Redacted.Redacted,
      { accessToken, method, url }: DpopRequest
    ) {
      const { d, ...jwk } = decodeKey(Redacted.value(key))
      const now = yield* Clock.currentTimeMillis
      const nonce = nonces.get(url.origin)
      return yield* Effect.promise(async () => {
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
        return `${input}.${base64url(new Uint8Array(signature))}`
      })
    })

    return DpopProofs.of({
      makeKey: Effect.promise(async () => {
        const { privateKey } = await crypto.subtle.generateKey(algorithm, true, ["sign"])
        const { crv, d, kty, x, y } = await crypto.subtle.exportKey("jwk", privateKey)
        return Redacted.make(encodeKey({ kty, crv, x, y, d } as typeof PrivateJwk.Type))
      }).pipe(Effect.withSpan("DpopProofs.makeKey")),
      thumbprint: Effect.fn("DpopProofs.thumbprint")((key) =>
        Effect.promise(() => {
          const { crv, kty, x, y } = decodeKey(Redacted.value(key))
          // In this order and with nothing else (RFC 7638 §3.2).
          return digest(JSON.stringify({ crv, kty, x, y }))
        })
      ),
      prove,
      learn: (url, answer) =>
        Effect.sync(() => {
          const nonce = answer.get("dpop-nonce")
          if (nonce === null || !nonceText.test(nonce)) return false
          nonces.delete(url.origin)
          nonces.set(url.origin, nonce)
          const [oldest] = nonces.keys()
          if (nonces.size > maxOrigins && oldest !== undefined) nonces.delete(oldest)
          return true
        })
    })
  })
)
