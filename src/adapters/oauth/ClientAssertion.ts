import { createPrivateKey, type KeyObject } from "node:crypto"
import { Effect, Redacted } from "effect"
import type { ClientAuth } from "oauth4webapi"
import type { SigningKey } from "../../domain/Server.ts"
import { UnusableSecret } from "../../ports/TokenEndpoint.ts"
import { secretText } from "./SecretText.ts"

/** The algorithms that a key can sign with (RFC 7518 §3.1, RFC 8037 §3.1), the usual one first. */
const algorithmsOf = (key: KeyObject): ReadonlyArray<NonNullable<SigningKey["algorithm"]>> => {
  switch (key.asymmetricKeyType) {
    case "rsa":
      return ["RS256", "PS256"]
    case "ed25519":
      return ["EdDSA"]
    case "ec":
      switch (key.asymmetricKeyDetails?.namedCurve) {
        case "prime256v1":
          return ["ES256"]
        case "secp384r1":
          return ["ES384"]
        case "secp521r1":
          return ["ES512"]
      }
  }
  return []
}

const importParameters = (algorithm: NonNullable<SigningKey["algorithm"]>) =>
  ({
    ES256: { name: "ECDSA", namedCurve: "P-256" },
    ES384: { name: "ECDSA", namedCurve: "P-384" },
    ES512: { name: "ECDSA", namedCurve: "P-521" },
    RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
    PS256: { name: "RSA-PSS", hash: "SHA-256" },
    EdDSA: { name: "Ed25519" }
  })[algorithm]

/** Authenticates a client with a signed assertion, for the issuer that it authenticates at (RFC 7523 §2.2, §3). */
export const clientAssertion = Effect.fn("TokenEndpoint.clientAssertion")(function* ({
  algorithm,
  keyId,
  pem
}: SigningKey): Effect.fn.Return<ClientAuth, UnusableSecret> {
  const text = yield* secretText(pem, "the private key of this client")
  const key = yield* Effect.try({
    try: () => createPrivateKey(Redacted.value(text)),
    catch: () =>
      new UnusableSecret({
        detail: `"private_key" cannot be read: it must be PEM text that begins with -----BEGIN and is not encrypted`
      })
  })
  const bits = key.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && bits < 2048) {
    return yield* new UnusableSecret({
      detail: `"private_key" has ${bits} bits, and an RSA key needs at least 2048`
    })
  }
  const supported = algorithmsOf(key)
  const chosen = algorithm ?? supported[0]
  if (chosen === undefined || !supported.includes(chosen)) {
    const what =
      supported.length === 0
        ? "must be an RSA key, an EC key of the curves P-256, P-384 or P-521, or an Ed25519 key"
        : `signs with ${supported.join(" or ")}, not with the "signing_algorithm" ${algorithm}`
    return yield* new UnusableSecret({ detail: `"private_key" ${what}` })
  }
  return yield* Effect.tryPromise({
    try: async () => {
      const oauth = await import("oauth4webapi")
      const cryptoKey = await crypto.subtle.importKey(
        "pkcs8",
        key.export({ format: "der", type: "pkcs8" }),
        importParameters(chosen),
        false,
        ["sign"]
      )
      return oauth.PrivateKeyJwt(
        keyId === undefined ? cryptoKey : { key: cryptoKey, kid: keyId },
        // oauth4webapi writes "Ed25519" (RFC 9864), which few servers know yet.
        {
          [oauth.modifyAssertion]: (header) => {
            if (chosen === "EdDSA") header["alg"] = chosen
          }
        }
      )
    },
    catch: () => new UnusableSecret({ detail: `"private_key" cannot be used to sign` })
  })
})
