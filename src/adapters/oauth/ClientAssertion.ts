import { Effect, Redacted } from "effect"
import type { ClientAuth } from "oauth4webapi"
import type { SigningKey } from "../../domain/Server.ts"
import { UnusableSecret } from "../../ports/TokenEndpoint.ts"
import { readPrivateKey, type SigningAlgorithm } from "./PrivateKey.ts"
import { secretText } from "./SecretText.ts"

const importParameters = (algorithm: SigningAlgorithm) =>
  ({
    ES256: { name: "ECDSA", namedCurve: "P-256" },
    ES384: { name: "ECDSA", namedCurve: "P-384" },
    ES512: { name: "ECDSA", namedCurve: "P-521" },
    RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
    PS256: { name: "RSA-PSS", hash: "SHA-256" },
    EdDSA: { name: "Ed25519" }
  })[algorithm]

const unreadable = "cannot be read: it must be PEM text that begins with -----BEGIN and is not encrypted"

/** Authenticates a client with a signed assertion, for the issuer that it authenticates at (RFC 7523 §2.2, §3). */
export const clientAssertion = Effect.fn("TokenEndpoint.clientAssertion")(function* ({
  algorithm,
  keyId,
  pem
}: SigningKey): Effect.fn.Return<ClientAuth, UnusableSecret> {
  const text = yield* secretText(pem, "private_key")
  const unusable = (problem: string) =>
    new UnusableSecret({
      field: "private_key",
      ...(Redacted.isRedacted(pem) ? {} : { file: pem.file }),
      problem
    })
  const key = readPrivateKey(Redacted.value(text))
  if (key === undefined) return yield* unusable(unreadable)
  const supported = key.algorithms
  const chosen = algorithm ?? supported[0]
  if (chosen === undefined || !supported.includes(chosen)) {
    const what =
      supported.length === 0
        ? "must be an RSA key, an EC key of the curves P-256, P-384 or P-521, or an Ed25519 key"
        : `signs with ${supported.join(" or ")}, not with the "signing_algorithm" ${algorithm}`
    return yield* unusable(what)
  }
  const cryptoKey = yield* Effect.tryPromise({
    try: () => crypto.subtle.importKey("pkcs8", key.pkcs8, importParameters(chosen), false, ["sign"]),
    catch: () => unusable(unreadable)
  })
  const bits = "modulusLength" in cryptoKey.algorithm ? Number(cryptoKey.algorithm.modulusLength) : undefined
  if (bits !== undefined && bits < 2048) {
    return yield* unusable(`has ${bits} bits, and an RSA key needs at least 2048`)
  }
  const oauth = yield* Effect.promise(() => import("oauth4webapi"))
  return oauth.PrivateKeyJwt(keyId === undefined ? cryptoKey : { key: cryptoKey, kid: keyId }, {
    // The library uses the name of RFC 9864, which few servers know yet.
    [oauth.modifyAssertion]: (header) => {
      if (chosen === "EdDSA") header["alg"] = chosen
    }
  })
})
