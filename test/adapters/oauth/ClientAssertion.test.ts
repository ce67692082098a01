import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from "node:crypto"
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as DpopProofs from "../../../src/adapters/oauth/DpopProofs.ts"
import * as TokenEndpoint from "../../../src/adapters/oauth/TokenEndpoint.ts"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import type { SecretSource, SigningKey } from "../../../src/domain/Server.ts"
import { TokenEndpoint as Port } from "../../../src/ports/TokenEndpoint.ts"
import { temporaryFolder } from "../TemporaryFolder.ts"
import { wire } from "./Wire.ts"

const url = "https://as.test/token"
const answer = () => Response.json({ access_token: "access", token_type: "Bearer" })

/** Asks for tokens with a client that signs; what it sent is in `sent`. */
const signing = (
  pem: SecretSource,
  options: Omit<Partial<SigningKey>, "pem"> & { readonly audience?: string } = {}
) => {
  const network = wire({ [url]: answer })
  const asking = Port.use((service) =>
    service.grant({
      server: "reports",
      tokenEndpoint: new URL(url),
      client: {
        clientId: "the client",
        clientSecret: undefined,
        signing: {
          key: { pem, algorithm: options.algorithm, keyId: options.keyId },
          audience: options.audience ?? "https://as.test/tenant"
        },
        authenticationMethod: "private_key_jwt"
      },
      resource: undefined,
      grant: { _tag: "ClientCredentials" },
      scopes: []
    })
  ).pipe(
    Effect.provide(TokenEndpoint.layer.pipe(Layer.provide(Layer.merge(network.layer, DpopProofs.layer))))
  )
  return { ...network, asking }
}

const assertionIn = (body: string | undefined) => {
  const form = new URLSearchParams(body)
  const text = form.get("client_assertion") ?? ""
  const [header = "", claims = "", signature = ""] = text.split(".")
  const read = (part: string): Record<string, unknown> =>
    JSON.parse(Buffer.from(part, "base64url").toString("utf8"))
  return {
    form,
    header: read(header),
    claims: read(claims),
    input: Buffer.from(`${header}.${claims}`),
    signature: Buffer.from(signature, "base64url")
  }
}

const pkcs8 = (key: KeyObject) => key.export({ format: "pem", type: "pkcs8" }).toString()
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
const curve = (namedCurve: string) => generateKeyPairSync("ec", { namedCurve }).privateKey
const p256 = curve("P-256")
const ed25519 = generateKeyPairSync("ed25519").privateKey

/** Whether a JWS is signed as its `alg` says (RFC 7518 §3, RFC 8037 §3.1), by the cryptography of Node. */
const isSigned = (privateKey: KeyObject, alg: unknown, input: Buffer, signature: Buffer): boolean => {
  const key = createPublicKey(privateKey)
  switch (alg) {
    case "RS256":
      return verify("sha256", input, key, signature)
    case "PS256":
      // 6: RSA_PKCS1_PSS_PADDING, with a salt as long as the hash (RFC 7518 §3.5).
      return verify("sha256", input, { key, padding: 6, saltLength: 32 }, signature)
    case "ES256":
    case "ES384":
    case "ES512":
      return verify(`sha${alg.slice(2)}`, input, { key, dsaEncoding: "ieee-p1363" }, signature)
    case "EdDSA":
      return verify(null, input, key, signature)
    default:
      return false
  }
}

describe("a client assertion", () => {
  it.effect.each<readonly [string, KeyObject, string, SigningKey["algorithm"], string]>([
    ["an RSA key of PKCS #8", rsa, pkcs8(rsa), undefined, "RS256"],
    [
      "an RSA key of PKCS #1",
      rsa,
      rsa.export({ format: "pem", type: "pkcs1" }).toString(),
      undefined,
      "RS256"
    ],
    ["an RSA key, by RS256", rsa, pkcs8(rsa), "RS256", "RS256"],
    ["an RSA key, by PS256", rsa, pkcs8(rsa), "PS256", "PS256"],
    ["a P-256 key of PKCS #8", p256, pkcs8(p256), undefined, "ES256"],
    ["a P-256 key of SEC 1", p256, p256.export({ format: "pem", type: "sec1" }).toString(), "ES256", "ES256"],
    ...(["P-384", "P-521"] as const).map((name) => {
      const key = curve(name)
      const alg = name === "P-384" ? "ES384" : "ES512"
      return [`a ${name} key`, key, pkcs8(key), undefined, alg] as const
    }),
    ["an Ed25519 key", ed25519, pkcs8(ed25519), undefined, "EdDSA"],
    ["an Ed25519 key, by EdDSA", ed25519, pkcs8(ed25519), "EdDSA", "EdDSA"],
    ["a key with text around it", p256, `Bag Attributes\n${pkcs8(p256)}\n\n`, undefined, "ES256"],
    ["a key with the line ends of Windows", p256, pkcs8(p256).replaceAll("\n", "\r\n"), undefined, "ES256"]
  ])("is signed with %s", ([, key, pem, algorithm, alg]) =>
    Effect.gen(function* () {
      const { asking, sent } = signing(Redacted.make(pem), { algorithm })
      yield* asking
      const { header, input, signature } = assertionIn(sent[0]?.body)
      assert.strictEqual(header["alg"], alg)
      assert.isTrue(isSigned(key, alg, input, signature))
    })
  )

  it.effect("says who the client is, to the issuer, for a short time (RFC 7523 §3), and nothing more", () =>
    Effect.gen(function* () {
      const { asking, sent } = signing(Redacted.make(pkcs8(p256)), { keyId: "key 7" })
      yield* asking
      assert.strictEqual(sent.length, 1)
      assert.isFalse(sent[0]!.headers.has("authorization"))
      const { claims, form, header } = assertionIn(sent[0]?.body)
      assert.sameMembers(
        [...form.keys()],
        ["grant_type", "client_id", "client_assertion_type", "client_assertion"]
      )
      assert.strictEqual(form.get("client_id"), "the client")
      assert.strictEqual(
        form.get("client_assertion_type"),
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
      )
      assert.strictEqual(header["alg"], "ES256")
      assert.strictEqual(header["kid"], "key 7")
      const { exp, iat, iss, aud, sub } = claims
      assert.deepEqual(
        { iss, sub, aud },
        { iss: "the client", sub: "the client", aud: "https://as.test/tenant" }
      )
      assert.isNumber(exp)
      assert.isNumber(iat)
      assert.isAbove(Number(exp), Number(iat))
      assert.isAtMost(Number(exp) - Number(iat), 300)
    })
  )

  it.effect("names no key where the configuration names none", () =>
    Effect.gen(function* () {
      const { asking, sent } = signing(Redacted.make(pkcs8(p256)))
      yield* asking
      assert.notProperty(assertionIn(sent[0]?.body).header, "kid")
    })
  )

  it.effect("is another one at each request", () =>
    Effect.gen(function* () {
      const { asking, sent } = signing(Redacted.make(pkcs8(p256)))
      yield* Effect.all([asking, asking, asking])
      const ids = sent.map(({ body }) => assertionIn(body).claims["jti"])
      assert.strictEqual(new Set(ids).size, 3)
      for (const id of ids) assert.isAtLeast(String(id).length, 16)
    })
  )

  it.live("reads the file of the key each time, with or without a line end", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "client.pem")
      writeFileSync(file, pkcs8(p256).trim())
      const { asking, sent } = signing({ file })
      yield* asking
      const other = curve("P-256")
      writeFileSync(file, `\ufeff${pkcs8(other)}\r\n`)
      yield* asking
      const signed = sent.map(({ body }) => assertionIn(body))
      assert.deepEqual(
        signed.map(({ input, signature }) => isSigned(p256, "ES256", input, signature)),
        [true, false]
      )
      assert.isTrue(isSigned(other, "ES256", signed[1]!.input, signed[1]!.signature))
    }).pipe(Effect.scoped)
  )
})

const encrypted = p256
  .export({ format: "pem", type: "pkcs8", cipher: "aes-256-cbc", passphrase: "the passphrase" })
  .toString()
const unreadable = `cannot be read: it must be PEM text that begins with -----BEGIN and is not encrypted`

/** Runs a request that a key makes impossible; nothing is sent, and the error holds nothing of the key. */
const failing = (pem: SecretSource, algorithm?: SigningKey["algorithm"]) =>
  Effect.gen(function* () {
    const { asking, sent } = signing(pem, { algorithm })
    const error = yield* Effect.flip(asking)
    assert.deepEqual(sent, [])
    assert.deepInclude(error, { _tag: "TokenRequestError", server: "reports", origin: "https://as.test" })
    const { reason } = error
    if (reason._tag !== "UnusableSecret") return assert.fail(reason._tag)
    const what = Redacted.isRedacted(pem)
      ? `"private_key" of reports`
      : `${pem.file}, which "private_key_file" of reports names,`
    assert.strictEqual(error.message, `${what} ${reason.problem}. Nothing was sent to https://as.test.`)
    assert.strictEqual(
      errorText(error).slice(error.message.length + 1),
      Redacted.isRedacted(pem)
        ? 'Check "private_key" in the oauth block of reports.'
        : 'Check "private_key_file" in the oauth block of reports.\nIf it is right, create the file or correct its content.'
    )
    const text = Redacted.isRedacted(pem) ? Redacted.value(pem) : ""
    const shown = `${error.message} ${JSON.stringify(error)} ${String(error.stack)}`
    for (const line of text.split("\n").filter((part) => part.length > 20 && !part.startsWith("-----"))) {
      assert.notInclude(shown, line)
    }
    return reason.problem
  })

describe("a key that cannot sign", () => {
  it.effect.each<readonly [string, string, string]>([
    ["it is encrypted", encrypted, unreadable],
    ["it is no PEM", "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg", unreadable],
    ["it is cut off", pkcs8(p256).slice(0, 90), unreadable],
    [
      "it is a public key",
      createPublicKey(p256).export({ format: "pem", type: "spki" }).toString(),
      unreadable
    ],
    ["it is a JWK", JSON.stringify(p256.export({ format: "jwk" })), unreadable],
    [
      "it is of a curve that no JWS algorithm is for",
      pkcs8(curve("secp256k1")),
      `must be an RSA key, an EC key of the curves P-256, P-384 or P-521, or an Ed25519 key`
    ],
    [
      "it can only agree on keys",
      pkcs8(generateKeyPairSync("x25519").privateKey),
      `must be an RSA key, an EC key of the curves P-256, P-384 or P-521, or an Ed25519 key`
    ]
  ])("is named, with what it must be: %s", ([, pem, detail]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* failing(Redacted.make(pem)), detail)
    })
  )

  it.effect.each<readonly [KeyObject, NonNullable<SigningKey["algorithm"]>, string]>([
    [rsa, "ES256", "RS256 or PS256"],
    [rsa, "EdDSA", "RS256 or PS256"],
    [p256, "ES384", "ES256"],
    [p256, "RS256", "ES256"],
    [ed25519, "ES256", "EdDSA"]
  ])("is named with what it signs with, where another algorithm is asked for: %#", ([key, algorithm, able]) =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* failing(Redacted.make(pkcs8(key)), algorithm),
        `signs with ${able}, not with the "signing_algorithm" ${algorithm}`
      )
    })
  )

  it.live.each<readonly [string, (file: string) => void, string]>([
    ["does not exist", () => {}, "does not exist"],
    ["is a folder", (file) => mkdirSync(file), "is a folder"],
    ["leads back to itself", (file) => symlinkSync(file, file), "cannot be read (ELOOP)"],
    ["is empty", (file) => writeFileSync(file, ""), "is empty"],
    ["holds nothing but space", (file) => writeFileSync(file, " \r\n\t\n"), "is empty"]
  ])("is looked for in its file, which %s", ([, make, problem]) =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "client.pem")
      make(file)
      assert.strictEqual(yield* failing({ file }), problem)
    }).pipe(Effect.scoped)
  )

  // Root reads every file, and Windows has no such permissions.
  if (process.platform !== "win32" && process.getuid?.() !== 0) {
    it.live("is looked for in its file, which may not be read", () =>
      Effect.gen(function* () {
        const file = join(yield* temporaryFolder, "client.pem")
        writeFileSync(file, pkcs8(p256))
        chmodSync(file, 0)
        assert.strictEqual(yield* failing({ file }), "cannot be read by this user")
      }).pipe(Effect.scoped)
    )
  }

  it.live("is not shown where its file holds none", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "client.pem")
      writeFileSync(file, "hunter2-4711")
      const { asking } = signing({ file })
      const error = yield* Effect.flip(asking)
      assert.include(error.message, unreadable)
      assert.notInclude(`${error.message} ${JSON.stringify(error)}`, "hunter2")
    }).pipe(Effect.scoped)
  )

  it.effect("is missed where the client is to sign and has none", () =>
    Effect.gen(function* () {
      const network = wire({ [url]: answer })
      const error = yield* Port.use((service) =>
        service.refresh({
          server: "reports",
          tokenEndpoint: new URL(url),
          client: { clientId: "id", clientSecret: undefined, authenticationMethod: "private_key_jwt" },
          resource: undefined,
          refreshToken: Redacted.make("refresh")
        })
      ).pipe(
        Effect.provide(TokenEndpoint.layer.pipe(Layer.provide(Layer.merge(network.layer, DpopProofs.layer)))),
        Effect.flip
      )
      assert.deepInclude(error.reason, {
        _tag: "UnusableSecret",
        field: "private_key",
        problem: "is missing, and the client authenticates with private_key_jwt"
      })
      assert.deepEqual(network.sent, [])
    })
  )
})
