import { createHash, createPublicKey, type JsonWebKey, verify } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { DPoP } from "oauth4webapi"
import * as DpopProofs from "../../../src/adapters/oauth/DpopProofs.ts"
import { DpopProofs as Port, type DpopRequest } from "../../../src/ports/DpopProofs.ts"

const endpoint = new URL("https://as.test/token")

/** The parts of a compact JWS. */
const partsOf = (proof: string) => {
  const [header = "", claims = "", signature = "", ...more] = proof.split(".")
  assert.deepEqual(more, [])
  const read = (part: string): Record<string, unknown> =>
    JSON.parse(Buffer.from(part, "base64url").toString("utf8"))
  return { header: read(header), claims: read(claims), signature, input: `${header}.${claims}` }
}

const isSigned = (proof: string): boolean => {
  const { header, input, signature } = partsOf(proof)
  const key = createPublicKey({ key: header["jwk"] as JsonWebKey, format: "jwk" })
  return verify(
    "sha256",
    Buffer.from(input),
    { key, dsaEncoding: "ieee-p1363" },
    Buffer.from(signature, "base64url")
  )
}

/** The members of a private key of the curve P-256 (RFC 7518 §6.2). */
type PrivateJwk = Readonly<Record<"kty" | "crv" | "x" | "y" | "d", string>>
const jwkOf = (key: Redacted.Redacted): PrivateJwk => JSON.parse(Redacted.value(key))

/** Proofs as one process has them, and a key. */
const proofs = Effect.gen(function* () {
  const { learn, makeKey, prove, thumbprint } = yield* Port
  const key = yield* makeKey
  return {
    key,
    learn,
    thumbprint,
    make: (request: Partial<DpopRequest> = {}) => prove(key, { method: "POST", url: endpoint, ...request })
  }
})
const nonce = (text: string) => new Headers({ "dpop-nonce": text })

describe("a key", () => {
  it.effect("is a private JWK of the curve P-256, with its five members alone, and another each time", () =>
    Effect.gen(function* () {
      const { makeKey } = yield* Port
      const [one, other] = [yield* makeKey, yield* makeKey]
      assert.sameMembers(Object.keys(jwkOf(one)), ["kty", "crv", "x", "y", "d"])
      assert.deepInclude(jwkOf(one), { kty: "EC", crv: "P-256" })
      assert.notStrictEqual(jwkOf(one).d, jwkOf(other).d)
      assert.notInclude(`${String(one)} ${JSON.stringify(one)}`, jwkOf(one).d)
    }).pipe(Effect.provide(DpopProofs.layer))
  )

  it.effect("has the thumbprint of RFC 7638, which says nothing of its private part", () =>
    Effect.gen(function* () {
      const { key, thumbprint } = yield* proofs
      const { crv, d, kty, x, y } = jwkOf(key)
      const byHand = createHash("sha256")
        .update(`{"crv":"${crv}","kty":"${kty}","x":"${x}","y":"${y}"}`)
        .digest("base64url")
      const print = yield* thumbprint(key)
      assert.strictEqual(print, byHand)
      const ofLibrary = yield* Effect.promise(async () => {
        const algorithm = { name: "ECDSA", namedCurve: "P-256" }
        const imported = (jwk: Partial<PrivateJwk>, use: "sign" | "verify") =>
          crypto.subtle.importKey("jwk", jwk, algorithm, true, [use])
        const privateKey = await imported(jwkOf(key), "sign")
        const publicKey = await imported({ kty, crv, x, y }, "verify")
        return await DPoP({}, { privateKey, publicKey }).calculateThumbprint()
      })
      assert.strictEqual(print, ofLibrary)
      // The order that its members are kept in is no part of it.
      const turned = Redacted.make(JSON.stringify({ y, d, x, kty, crv }))
      assert.strictEqual(yield* thumbprint(turned), print)
    }).pipe(Effect.provide(DpopProofs.layer))
  )
})

describe("a proof", () => {
  it.effect("is a JWT of RFC 9449 §4.2, signed with the key whose public part it shows", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1234567 millis")
      const { key, make } = yield* proofs
      const proof = yield* make()
      const { claims, header } = partsOf(proof)
      const { d, ...publicJwk } = jwkOf(key)
      assert.deepStrictEqual(header, { typ: "dpop+jwt", alg: "ES256", jwk: publicJwk })
      const { jti, ...rest } = claims
      assert.deepStrictEqual(rest, { htm: "POST", htu: "https://as.test/token", iat: 1234 })
      // At least 96 bits of randomness (RFC 9449 §4.2).
      assert.match(String(jti), /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/)
      assert.match(proof, /^[\w-]+\.[\w-]+\.[\w-]{86}$/)
      assert.isTrue(isSigned(proof))
      assert.notInclude(Buffer.from(proof.replaceAll(".", ""), "base64url").toString("latin1"), d)
    }).pipe(Effect.provide(DpopProofs.layer))
  )

  it.effect("is another one for each request", () =>
    Effect.gen(function* () {
      const { make } = yield* proofs
      const made = yield* Effect.all(Array.from({ length: 50 }, () => make()))
      assert.strictEqual(new Set(made.map((proof) => partsOf(proof).claims["jti"])).size, 50)
    }).pipe(Effect.provide(DpopProofs.layer))
  )

  it.effect.each([
    ["GET", "https://mcp.test/mcp?session=1&x#part", "https://mcp.test/mcp"],
    ["DELETE", "https://mcp.test:8443/a%20b/", "https://mcp.test:8443/a%20b/"],
    ["POST", "http://127.0.0.1:3000", "http://127.0.0.1:3000/"],
    ["POST", "https://MCP.test:443/mcp?", "https://mcp.test/mcp"],
    ["POST", "https://user:word@mcp.test/mcp", "https://mcp.test/mcp"]
  ] as const)("names %s, and of %s no query, fragment or user", ([method, url, htu]) =>
    Effect.gen(function* () {
      const { make } = yield* proofs
      const { claims } = partsOf(yield* make({ method, url: new URL(url) }))
      assert.deepInclude(claims, { htm: method, htu })
    }).pipe(Effect.provide(DpopProofs.layer))
  )

  it.effect("holds the hash of the access token that it goes with, and never the token", () =>
    Effect.gen(function* () {
      const { make } = yield* proofs
      // The token and its hash in the example of RFC 9449 §7.1.
      const text = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
      const proof = yield* make({ accessToken: Redacted.make(text) })
      assert.strictEqual(partsOf(proof).claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo")
      assert.isTrue(isSigned(proof))
      assert.notInclude(JSON.stringify(partsOf(proof)), text)
    }).pipe(Effect.provide(DpopProofs.layer))
  )
})

describe("a nonce", () => {
  const nonceAt = (make: (request: Partial<DpopRequest>) => Effect.Effect<string>, url: string) =>
    Effect.map(make({ url: new URL(url) }), (proof) => partsOf(proof).claims["nonce"])

  it.effect("is in every proof for the origin that gave it, the newest one, and in no other proof", () =>
    Effect.gen(function* () {
      const { learn, make } = yield* proofs
      assert.isTrue(yield* learn(endpoint, nonce("first")))
      assert.isTrue(yield* learn(new URL("https://mcp.test/mcp"), nonce("of-the-other")))
      assert.strictEqual(yield* nonceAt(make, "https://as.test/elsewhere?x"), "first")
      assert.strictEqual(yield* nonceAt(make, "https://as.test/token"), "first")
      assert.strictEqual(yield* nonceAt(make, "https://mcp.test/"), "of-the-other")
      for (const other of ["https://as.test:8443/token", "http://as.test/token", "https://x.as.test/token"]) {
        assert.isUndefined(yield* nonceAt(make, other))
      }
      assert.isTrue(yield* learn(endpoint, nonce("second")))
      assert.strictEqual(yield* nonceAt(make, "https://as.test/token"), "second")
      assert.isTrue(isSigned(yield* make()))
    }).pipe(Effect.provide(DpopProofs.layer))
  )

  it.effect.each([
    ["none", new Headers()],
    ["an empty one", nonce("")],
    ["a space in it", nonce("a b")],
    ["two at once", new Headers([...nonce("one"), ...nonce("two")])],
    ["a quote in it", nonce('a"b')],
    ["a backslash in it", nonce("a\\b")],
    ["a letter beyond ASCII in it", nonce("\u00e9")],
    ["a delete character in it", nonce("a\u007fb")],
    ["more than a kibibyte", nonce("n".repeat(1025))]
  ] as const)("that is none of RFC 9449 §8.1 is not learnt: %s", ([, answer]) =>
    Effect.gen(function* () {
      const { learn, make } = yield* proofs
      assert.isFalse(yield* learn(endpoint, answer))
      assert.isUndefined(yield* nonceAt(make, endpoint.href))
      yield* learn(endpoint, nonce("good"))
      assert.isFalse(yield* learn(endpoint, answer))
      assert.strictEqual(yield* nonceAt(make, endpoint.href), "good")
    }).pipe(Effect.provide(DpopProofs.layer))
  )

  it.effect("may be any other visible text, up to a kibibyte", () =>
    Effect.gen(function* () {
      const { learn, make } = yield* proofs
      const visible = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index))
        .filter((character) => character !== '"' && character !== "\\")
        .join("")
      for (const text of [visible, "n".repeat(1024)]) {
        assert.isTrue(yield* learn(endpoint, nonce(text)))
        assert.strictEqual(yield* nonceAt(make, endpoint.href), text)
      }
    }).pipe(Effect.provide(DpopProofs.layer))
  )

  it.effect("is forgotten for the origin of 64 that has given none for the longest time", () =>
    Effect.gen(function* () {
      const { learn, make } = yield* proofs
      const origin = (index: number) => new URL(`https://host-${index}.test/`)
      for (let index = 0; index < 64; index++) yield* learn(origin(index), nonce(`n${index}`))
      // The first one of all is now the newest, and the second one the oldest.
      yield* learn(origin(0), nonce("again"))
      assert.strictEqual(yield* nonceAt(make, origin(1).href), "n1")
      yield* learn(origin(64), nonce("n64"))
      assert.isUndefined(yield* nonceAt(make, origin(1).href))
      assert.strictEqual(yield* nonceAt(make, origin(0).href), "again")
      assert.strictEqual(yield* nonceAt(make, origin(2).href), "n2")
      assert.strictEqual(yield* nonceAt(make, origin(64).href), "n64")
    }).pipe(Effect.provide(DpopProofs.layer))
  )

  it.effect("is not shared with another process", () =>
    Effect.gen(function* () {
      yield* Effect.flatMap(proofs, ({ learn }) => learn(endpoint, nonce("first"))).pipe(
        Effect.provide(DpopProofs.layer)
      )
      const { make } = yield* Effect.provide(proofs, DpopProofs.layer)
      assert.isUndefined(yield* nonceAt(make, endpoint.href))
    })
  )
})
