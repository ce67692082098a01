import { generateKeyPairSync } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import * as DpopProofs from "../../../src/adapters/oauth/DpopProofs.ts"
import * as TokenEndpoint from "../../../src/adapters/oauth/TokenEndpoint.ts"
import { DpopProofs as DpopProofsPort } from "../../../src/ports/DpopProofs.ts"
import {
  type FurtherGrant,
  type RequestClient,
  TokenEndpoint as Port,
  type TokenRequest
} from "../../../src/ports/TokenEndpoint.ts"
import { temporaryFolder } from "../TemporaryFolder.ts"
import { type Sent, wire } from "./Wire.ts"

const url = "https://as.test/token"
const secret = "the client secret"
const publicClient: RequestClient = {
  clientId: "the client",
  clientSecret: undefined,
  authenticationMethod: "none"
}
const good = { access_token: "new-access", token_type: "Bearer", expires_in: 3600 }

type Answer = (() => Response) | "broken"
const json =
  (value: unknown, init: ResponseInit = {}) =>
  () =>
    Response.json(value, init)
/** Answers in this order, and with the last one from then on. */
const underLock = (...answers: ReadonlyArray<() => Response>): (() => Response) => {
  let at = 0
  return () => answers[Math.min(at++, answers.length - 1)]!()
}

/** Sends requests to one token endpoint that answers like this. */
const asking = (answer: Answer, endpoint = url) => {
  const network = wire({ [endpoint]: answer })
  const request: TokenRequest = {
    server: "reports",
    tokenEndpoint: new URL(endpoint),
    client: publicClient,
    resource: "https://reports.test/mcp"
  }
  const layer = TokenEndpoint.layer.pipe(Layer.provide(Layer.merge(network.layer, DpopProofs.layer)))
  return {
    sent: network.sent,
    layer,
    grant: (grant: FurtherGrant, scopes: ReadonlyArray<string> = [], changes: Partial<TokenRequest> = {}) =>
      Port.use((service) => service.grant({ ...request, ...changes, grant, scopes })).pipe(
        Effect.provide(layer)
      ),
    identityAssertion: (changes: Partial<Parameters<Port["Service"]["identityAssertion"]>[0]> = {}) =>
      Port.use((service) =>
        service.identityAssertion({
          ...request,
          audience: "https://resource-as.test/",
          scopes: [],
          subjectToken: Redacted.make(jwt("ID token")),
          subjectTokenType: "id_token",
          ...changes
        })
      ).pipe(Effect.provide(layer)),
    refresh: (changes: Partial<TokenRequest> = {}) =>
      Port.use((service) =>
        service.refresh({ ...request, ...changes, refreshToken: Redacted.make("the refresh token") })
      ).pipe(Effect.provide(layer))
  }
}

/** The form of a request, in its order and with what is repeated. */
const formOf = (sent: Sent | undefined): ReadonlyArray<readonly [string, string]> => [
  ...new URLSearchParams(sent?.body)
]
/** A JWT with this `jti`. No test checks its signature. */
const jwt = (jti: string): string =>
  [{ alg: "ES256" }, { jti }, "signature"]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".")
const samlText = Buffer.from("<saml:Assertion ID='a'></saml:Assertion>").toString("base64url")
const assertionText = jwt("assertion")
const clientCredentials: FurtherGrant = { _tag: "ClientCredentials" }
const jwtBearer: FurtherGrant = { _tag: "JwtBearer", assertion: Redacted.make(assertionText) }
const deviceCode: FurtherGrant = { _tag: "DeviceCode", deviceCode: Redacted.make("the device code") }

describe("a request by another grant", () => {
  it.effect.each<readonly [string, FurtherGrant, Record<string, string>]>([
    ["client_credentials", clientCredentials, { grant_type: "client_credentials", scope: "read write" }],
    [
      "jwt-bearer",
      jwtBearer,
      {
        grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
        assertion: assertionText,
        scope: "read write"
      }
    ],
    [
      "device_code",
      deviceCode,
      { grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: "the device code" }
    ]
  ])("sends exactly what belongs to %s", ([, grant, expected]) =>
    Effect.gen(function* () {
      yield* TestClock.adjust("10 seconds")
      const { grant: ask, sent } = asking(json(good))
      const tokens = yield* ask(grant, ["read", "write"])
      assert.strictEqual(sent.length, 1)
      assert.deepInclude(sent[0], { method: "POST", url })
      assert.include(sent[0]!.headers.get("content-type"), "application/x-www-form-urlencoded")
      assert.isFalse(sent[0]!.headers.has("dpop"))
      assert.isFalse(sent[0]!.headers.has("authorization"))
      assert.sameDeepMembers(
        [...formOf(sent[0])],
        Object.entries({ ...expected, resource: "https://reports.test/mcp", client_id: "the client" })
      )
      assert.strictEqual(Redacted.value(tokens.accessToken), "new-access")
      assert.deepInclude(tokens, { tokenType: "bearer", obtainedAt: 10_000, expiresAt: 3_610_000 })
      assert.isUndefined(tokens.dpopKey)
    })
  )

  it.live("reads the file of the secret each time, so that a rotated one is used", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "secret")
      const { grant, sent } = asking(json(good))
      const client = {
        clientId: "id",
        clientSecret: { file },
        authenticationMethod: "client_secret_basic"
      } as const
      const asked = grant(clientCredentials, [], { client })
      assert.strictEqual(
        (yield* Effect.flip(asked)).message,
        `${file}, which "client_secret_file" of reports names, does not exist. Nothing was sent to https://as.test.`
      )
      for (const text of ["one", "two\n", "three\r\n", "pass wörd"]) {
        writeFileSync(file, text)
        yield* asked
        const [, encoded = ""] = sent.at(-1)!.headers.get("authorization")!.split(" ")
        assert.strictEqual(decodeURIComponent(atob(encoded)), `id:${text.trim()}`)
      }
      writeFileSync(file, "\n")
      assert.include((yield* Effect.flip(asked)).message, "is empty")
      assert.strictEqual(sent.length, 4)
    }).pipe(Effect.scoped)
  )

  it.effect("sends neither scope nor resource where there is none", () =>
    Effect.gen(function* () {
      for (const grant of [clientCredentials, jwtBearer, deviceCode]) {
        const { grant: ask, sent } = asking(json(good))
        yield* ask(grant, [], { resource: undefined })
        const names = formOf(sent[0]).map(([name]) => name)
        assert.notIncludeMembers(names, ["scope"])
        assert.notIncludeMembers(names, ["resource"])
      }
    })
  )

  it.effect.each(["client_secret_basic", "client_secret_post"] as const)(
    "authenticates the client by %s, and sends the secret once",
    (authenticationMethod) =>
      Effect.gen(function* () {
        const { grant, sent } = asking(json(good))
        const client = { clientId: "id", clientSecret: Redacted.make(secret), authenticationMethod }
        yield* grant(clientCredentials, [], { client })
        const form = Object.fromEntries(formOf(sent[0]))
        const authorization = sent[0]!.headers.get("authorization")
        if (authenticationMethod === "client_secret_basic") {
          assert.strictEqual(authorization, `Basic ${btoa("id:the%20client%20secret")}`)
          assert.notProperty(form, "client_secret")
        } else {
          assert.isNull(authorization)
          assert.deepInclude(form, { client_id: "id", client_secret: secret })
        }
      })
  )

  it.live("reads the file of the assertion each time", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "assertion.jwt")
      const { grant, sent } = asking(json(good))
      const asked = grant({ _tag: "JwtBearer", assertion: { file } })
      const { message, reason } = yield* Effect.flip(asked)
      assert.deepInclude(reason, { _tag: "UnusableSecret" })
      assert.strictEqual(
        message,
        `${file}, which "assertion_file" of reports names, does not exist. Nothing was sent to https://as.test.`
      )
      assert.deepEqual(sent, [])
      for (const text of [jwt("first"), jwt("second")]) {
        writeFileSync(file, `${text}\n`)
        yield* asked
        assert.strictEqual(Object.fromEntries(formOf(sent.at(-1)))["assertion"], text)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("that needs no user is not followed by a refresh, whatever its answer holds", () =>
    Effect.gen(function* () {
      for (const grant of [clientCredentials, jwtBearer]) {
        const { grant: ask, sent } = asking(json({ token_type: "Bearer", refresh_token: "theirs" }))
        yield* Effect.flip(ask(grant))
        assert.lengthOf(sent, 1)
      }
    })
  )

  it.effect("goes nowhere without TLS", () =>
    Effect.gen(function* () {
      const { grant, identityAssertion, sent } = asking(json(good), "http://as.test/token")
      for (const ask of [clientCredentials, jwtBearer]
        .map((_) => Effect.asVoid(grant(_)))
        .concat(Effect.asVoid(identityAssertion()))) {
        assert.strictEqual((yield* Effect.flip(ask)).reason._tag, "Malformed")
      }
      assert.deepEqual(sent, [])
    })
  )
})

describe("HTTP Basic", () => {
  const credentialsOf = Effect.fnUntraced(function* (clientId: string, clientSecret: string) {
    const { grant, sent } = asking(json(good))
    yield* grant(clientCredentials, [], {
      client: {
        clientId,
        clientSecret: Redacted.make(clientSecret),
        authenticationMethod: "client_secret_basic"
      }
    })
    const header = sent[0]?.headers.get("authorization") ?? ""
    assert.match(header, /^Basic [A-Za-z0-9+/]+=*$/)
    return Buffer.from(header.slice(6), "base64").toString("latin1")
  })
  /** As a server reads a form (RFC 6749 §2.3.1, Appendix B). */
  const decoded = (text: string) => decodeURIComponent(text.replaceAll("+", " "))

  it.effect.each(["pre-registered-client", "client.id_1", "0oa1b2C3"])(
    "leaves %s as it is, for servers that forget to decode it",
    (clientId) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* credentialsOf(clientId, clientId), `${clientId}:${clientId}`)
      })
  )

  it.effect.prop(
    "is read back by every server that decodes forms",
    {
      clientId: Schema.NonEmptyString.check(Schema.isPattern(/^[^\ud800-\udfff]+$/)),
      clientSecret: Schema.NonEmptyString.check(Schema.isPattern(/^[^\ud800-\udfff]+$/))
    },
    ({ clientId, clientSecret }) =>
      Effect.gen(function* () {
        const [id, password, ...more] = (yield* credentialsOf(clientId, clientSecret)).split(":")
        assert.deepEqual(more, [])
        assert.strictEqual(decoded(id ?? ""), clientId)
        assert.strictEqual(decoded(password ?? ""), clientSecret)
      })
  )

  it.effect.each([
    "-._~",
    "a:b",
    "50%",
    "%41",
    "a+b",
    "a b",
    "https://app.test/client?x=1&y",
    "caf\u00e9 \u20ac \u{1f511}"
  ])("carries %s", (text) =>
    Effect.gen(function* () {
      const [id, password, ...more] = (yield* credentialsOf(text, `${text}!`)).split(":")
      assert.deepEqual(more, [])
      assert.deepEqual([decoded(id ?? ""), decoded(password ?? "")], [text, `${text}!`])
    })
  )
})

describe("a file that is not what the configuration says", () => {
  const { privateKey } = generateKeyPairSync("ed25519")
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString()

  it.live.each<readonly [string, string]>([
    ["a private key", key],
    ["a line of text", "hunter2"],
    ["three words with dots", "a.b.c"],
    ["a JWT and more", `${jwt("x")}\n${jwt("y")}`],
    ["a JWT without a signature", jwt("x").replace(/[^.]*$/, "")]
  ])("is never sent as an assertion: %s", ([, text]) =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "assertion.jwt")
      writeFileSync(file, text)
      const { grant, sent } = asking(json(good))
      const error = yield* Effect.flip(grant({ _tag: "JwtBearer", assertion: { file } }))
      assert.deepEqual(sent, [])
      assert.strictEqual(
        errorText(error),
        [
          `${file}, which "assertion_file" of reports names, is not a signed JWT (three base64url parts with dots between them). Nothing was sent to https://as.test.`,
          'Check "assertion_file" in the oauth block of reports.',
          "If it is right, create the file or correct its content."
        ].join("\n")
      )
    }).pipe(Effect.scoped)
  )

  it.live("is never sent to an identity provider", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "id_ed25519")
      writeFileSync(file, key)
      const { identityAssertion, sent } = asking(json(good))
      for (const subjectTokenType of ["id_token", "saml2"] as const) {
        const error = yield* Effect.flip(identityAssertion({ subjectToken: { file }, subjectTokenType }))
        assert.deepInclude(error.reason, { _tag: "UnusableSecret", field: "subject_token" })
        assert.notInclude(errorText(error), key.split("\n")[1] ?? "")
      }
      assert.deepEqual(sent, [])
    }).pipe(Effect.scoped)
  )

  it.effect("is never sent from a variable either", () =>
    Effect.gen(function* () {
      const { grant, sent } = asking(json(good))
      const error = yield* Effect.flip(grant({ _tag: "JwtBearer", assertion: Redacted.make(key) }))
      assert.include(error.message, '"assertion" of reports is not a signed JWT')
      assert.deepEqual(sent, [])
    })
  )

  it.live.each<readonly [string, string]>([
    ["a private key", key],
    ["two lines", "hunter2\nhunter3"],
    ["a line with a control character", "hunter2\0"]
  ])("is never sent as the secret of a client: %s", ([, text]) =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "secret")
      writeFileSync(file, text)
      const { grant, sent } = asking(json(good))
      const client = {
        clientId: "id",
        clientSecret: { file },
        authenticationMethod: "client_secret_post"
      } as const
      const error = yield* Effect.flip(grant(clientCredentials, [], { client }))
      assert.deepEqual(sent, [])
      assert.strictEqual(
        errorText(error),
        [
          `${file}, which "client_secret_file" of reports names, is not one line of text. Nothing was sent to https://as.test.`,
          'Check "client_secret_file" in the oauth block of reports.',
          "If it is right, create the file or correct its content."
        ].join("\n")
      )
    }).pipe(Effect.scoped)
  )

  it.live("is not read to its end if it has none", () =>
    Effect.gen(function* () {
      const { grant } = asking(json(good))
      const error = yield* Effect.flip(grant({ _tag: "JwtBearer", assertion: { file: "/dev/zero" } }))
      assert.include(error.message, "is longer than any secret (64 KiB)")
    })
  )
})

describe("a request for an identity assertion", () => {
  const idJag = "urn:ietf:params:oauth:token-type:id-jag"
  const assertion = { access_token: jwt("the assertion"), issued_token_type: idJag, token_type: "N_A" }

  it.effect.each(["id_token", "saml2"] as const)(
    "exchanges a token of type %s (RFC 8693)",
    (subjectTokenType) =>
      Effect.gen(function* () {
        const { identityAssertion, sent } = asking(json({ ...assertion, expires_in: 300 }))
        const subjectToken = subjectTokenType === "saml2" ? samlText : jwt("ID token")
        const got = yield* identityAssertion({
          subjectToken: Redacted.make(subjectToken),
          subjectTokenType,
          scopes: ["read", "write"]
        })
        assert.strictEqual(Redacted.value(got), jwt("the assertion"))
        assert.strictEqual(sent.length, 1)
        assert.sameDeepMembers(
          [...formOf(sent[0])],
          Object.entries({
            grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
            requested_token_type: idJag,
            audience: "https://resource-as.test/",
            resource: "https://reports.test/mcp",
            scope: "read write",
            subject_token: subjectToken,
            subject_token_type: `urn:ietf:params:oauth:token-type:${subjectTokenType}`,
            client_id: "the client"
          })
        )
      })
  )

  it.effect("is never asked for with a key: the assertion goes to another server", () =>
    Effect.gen(function* () {
      const { identityAssertion, sent } = asking(json(assertion))
      yield* identityAssertion()
      assert.isFalse(sent[0]!.headers.has("dpop"))
      assert.notProperty(Object.fromEntries(formOf(sent[0])), "scope")
    })
  )

  it.live("reads the file of the token, and says which one it is", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "id.jwt")
      const { identityAssertion, sent } = asking(json(assertion))
      const asked = identityAssertion({ subjectToken: { file } })
      assert.strictEqual(
        errorText(yield* Effect.flip(asked)),
        [
          `${file}, which "subject_token_file" of reports names, does not exist. Nothing was sent to https://as.test.`,
          'Check "subject_token_file" in "oauth.identity_provider" of reports.',
          "If it is right, create the file or correct its content."
        ].join("\n")
      )
      writeFileSync(file, `${jwt("of the file")}\r\n`)
      yield* asked
      assert.strictEqual(sent.length, 1)
      assert.strictEqual(Object.fromEntries(formOf(sent[0]))["subject_token"], jwt("of the file"))
    }).pipe(Effect.scoped)
  )

  const none = `HTTP 200, without an assertion of type ${idJag}`
  it.effect.each<readonly [string, unknown]>([
    ["an access token", { ...assertion, issued_token_type: "urn:ietf:params:oauth:token-type:access_token" }],
    [
      "a JWT of no type in particular",
      { ...assertion, issued_token_type: "urn:ietf:params:oauth:token-type:jwt" }
    ],
    ["a token and not its type", { access_token: "the assertion", token_type: "N_A" }],
    ["a type and no token", { issued_token_type: idJag }],
    ["an empty token", { ...assertion, access_token: "" }],
    ["a list", [assertion]],
    ["a text", "the assertion"]
  ])("does not take %s", ([, answer]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(asking(json(answer)).identityAssertion())
      assert.deepInclude(error.reason, { _tag: "Malformed", detail: none })
      assert.notInclude(`${error.message} ${JSON.stringify(error)}`, "the assertion")
    })
  )

  it.effect("does not take a page", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(asking(() => new Response("<html>")).identityAssertion())
      assert.deepInclude(error.reason, { _tag: "Malformed", detail: none })
    })
  )
})

describe("a failure", () => {
  const bad = (error: string, more: object = {}) => json({ error, ...more }, { status: 400 })
  const server = "The authorization server of reports, https://as.test,"
  const provider = "The identity provider of reports, https://as.test,"

  it.effect.each<readonly [string, FurtherGrant | "identity assertion", Answer, string]>([
    [
      "an assertion that has ended",
      jwtBearer,
      bad("invalid_grant"),
      `${server} does not accept the assertion (invalid_grant).\nCheck that the assertion has not expired, and that its "iss" and "aud" are right.`
    ],
    [
      "a sign-in at the identity provider that has ended",
      "identity assertion",
      bad("invalid_grant"),
      `${provider} no longer accepts the token of the sign-in there (invalid_grant).\nSign in to the identity provider again, and store the new token.\nCheck "subject_token" in the oauth block of reports.`
    ],
    [
      "a scope that this client may not have",
      clientCredentials,
      bad("invalid_scope", { error_description: "not for you" }),
      `${server} refused to issue a token (invalid_scope: not for you).\nCheck the oauth block of reports against the documentation of its provider.\nTo check the configuration, run: mcp-cli auth doctor reports`
    ],
    [
      "an identity provider that says no",
      "identity assertion",
      bad("access_denied"),
      `${provider} refused to issue a token (access_denied).\nCheck the oauth block of reports against the documentation of its provider.\nTo check the configuration, run: mcp-cli auth doctor reports`
    ],
    [
      "an identity provider that is away",
      "identity assertion",
      () => new Response("", { status: 502 }),
      `${provider} is not available now (HTTP 502).\nNothing was lost. Try again later.`
    ],
    [
      "no network",
      clientCredentials,
      "broken",
      `${server} is not available now (the connection was refused).\nNothing was lost. Try again later.`
    ],
    [
      "a page",
      clientCredentials,
      () => new Response("<html>", { status: 404 }),
      `${server} did not answer like a token endpoint (HTTP 404).\nIf the configuration sets it, check "token_url" in the oauth block of reports.\nTo check the configuration, run: mcp-cli auth doctor reports\nTell the provider of reports.`
    ]
  ])("tells %s as what it is", ([, grant, answer, message]) =>
    Effect.gen(function* () {
      const { grant: ask, identityAssertion, sent } = asking(answer)
      const client = {
        clientId: "the client",
        clientSecret: Redacted.make(secret),
        authenticationMethod: "client_secret_post"
      } as const
      const request =
        grant === "identity assertion"
          ? Effect.asVoid(identityAssertion({ client }))
          : Effect.asVoid(ask(grant, [], { client }))
      const error = yield* Effect.flip(request)
      assert.strictEqual(errorText(error), message)
      assert.strictEqual(sent.length, 1)
      const shown = `${errorText(error)} ${JSON.stringify(error)} ${String(error.stack)}`
      for (const text of [secret, assertionText, "the ID token"]) assert.notInclude(shown, text)
    })
  )

  it.effect("tells only the user of an endpoint that the configuration names", () =>
    Effect.gen(function* () {
      const { grant, identityAssertion } = asking(() => new Response("<html>", { status: 404 }))
      const client = { ...publicClient, isByHand: true } as const
      assert.strictEqual(
        errorText(yield* Effect.flip(grant(clientCredentials, [], { client }))),
        `${server} did not answer like a token endpoint (HTTP 404).\nCheck "token_url" in the oauth block of reports.\nTo check the configuration, run: mcp-cli auth doctor reports`
      )
      assert.strictEqual(
        errorText(yield* Effect.flip(identityAssertion({ client }))),
        `${provider} did not answer like a token endpoint (HTTP 404).\nCheck "token_url" in "oauth.identity_provider" of reports.`
      )
    })
  )

  it.effect("says what was asked for: an assertion's by its purpose, the client's own by none", () =>
    Effect.gen(function* () {
      const { grant, identityAssertion } = asking(bad("invalid_grant"))
      assert.strictEqual((yield* Effect.flip(grant(jwtBearer))).purpose, "assertion")
      assert.strictEqual((yield* Effect.flip(identityAssertion())).purpose, "identity assertion")
      assert.isUndefined((yield* Effect.flip(grant(clientCredentials))).purpose)
      assert.strictEqual((yield* Effect.flip(grant(deviceCode))).purpose, "sign-in")
    })
  )

  it.effect.each(["authorization_pending", "slow_down", "expired_token", "access_denied"])(
    "of a device code keeps %s for whoever polls",
    (error) =>
      Effect.gen(function* () {
        const { reason } = yield* Effect.flip(asking(bad(error)).grant(deviceCode))
        assert.deepInclude(reason, { _tag: "Refused", error })
      })
  )
})

describe("tokens that are bound to a key", () => {
  const makeKey = DpopProofsPort.use((proofs) => proofs.makeKey).pipe(Effect.provide(DpopProofs.layer))
  const bound = { ...good, token_type: "DPoP" }
  const wantsNonce = (nonce: string | undefined, status = 400) =>
    json(
      { error: "use_dpop_nonce", error_description: "a nonce is needed" },
      { status, headers: nonce === undefined ? {} : { "dpop-nonce": nonce } }
    )
  const proofOf = (sent: Sent | undefined) => {
    const [header = "", claims = ""] = sent?.headers.get("dpop")?.split(".") ?? []
    const read = (part: string): Record<string, unknown> =>
      JSON.parse(Buffer.from(part, "base64url").toString("utf8"))
    return { header: read(header), claims: read(claims) }
  }

  it.effect("are asked for with a proof of it, for the token endpoint and no access token", () =>
    Effect.gen(function* () {
      const dpopKey = yield* makeKey
      const { grant, sent } = asking(json(bound), "https://as.test/token?tenant=1")
      const tokens = yield* grant(clientCredentials, [], { dpopKey })
      assert.strictEqual(sent.length, 1)
      const { claims, header } = proofOf(sent[0])
      const { jti: _, ...rest } = claims
      assert.deepStrictEqual(rest, { htm: "POST", htu: "https://as.test/token", iat: 0 })
      const { d, ...publicJwk } = JSON.parse(Redacted.value(dpopKey)) as Record<string, unknown>
      assert.deepStrictEqual(header["jwk"], publicJwk)
      assert.notInclude(`${sent[0]!.body} ${JSON.stringify([...sent[0]!.headers])}`, String(d))
      assert.strictEqual(tokens.tokenType, "dpop")
      assert.strictEqual(tokens.dpopKey && Redacted.value(tokens.dpopKey), Redacted.value(dpopKey))
    })
  )

  it.effect("are refreshed with a proof of it", () =>
    Effect.gen(function* () {
      const dpopKey = yield* makeKey
      const { refresh, sent } = asking(json(bound))
      const tokens = yield* refresh({ dpopKey })
      assert.strictEqual(proofOf(sent[0]).claims["htu"], url)
      assert.strictEqual(tokens.dpopKey && Redacted.value(tokens.dpopKey), Redacted.value(dpopKey))
    })
  )

  it.effect.each([400, 401])(
    "are asked for once more where the server answers %s and wants its nonce, with a new proof",
    (status) =>
      Effect.gen(function* () {
        const dpopKey = yield* makeKey
        const { grant, sent } = asking(underLock(wantsNonce("nonce-1", status), json(bound)))
        yield* grant(jwtBearer, ["read"], { dpopKey })
        assert.strictEqual(sent.length, 2)
        assert.strictEqual(sent[1]!.body, sent[0]!.body)
        const [first, second] = sent.map((request) => proofOf(request).claims)
        assert.notProperty(first, "nonce")
        assert.strictEqual(second!["nonce"], "nonce-1")
        assert.notStrictEqual(first!["jti"], second!["jti"])
      })
  )

  it.effect("are asked for once more, and not twice", () =>
    Effect.gen(function* () {
      const dpopKey = yield* makeKey
      const { grant, sent } = asking(underLock(wantsNonce("nonce-1"), wantsNonce("nonce-2"), json(bound)))
      const error = yield* Effect.flip(grant(clientCredentials, [], { dpopKey }))
      assert.strictEqual(sent.length, 2)
      assert.deepInclude(error.reason, { _tag: "Refused", error: "use_dpop_nonce" })
    })
  )

  it.effect.each<readonly [string, ReadonlyArray<() => Response>, ReadonlyArray<string | undefined>]>([
    [
      "that was good",
      [json(bound, { headers: { "dpop-nonce": "of-the-first" } }), json(bound)],
      [undefined, "of-the-first"]
    ],
    [
      "to the second of two requests",
      [wantsNonce("nonce-1"), json(bound, { headers: { "dpop-nonce": "nonce-2" } }), json(bound)],
      [undefined, "nonce-1", "nonce-2"]
    ]
  ])("are asked for with the nonce of the last answer, one %s", ([, answers, nonces]) =>
    Effect.gen(function* () {
      const dpopKey = yield* makeKey
      const endpoint = asking(underLock(...answers))
      yield* Effect.gen(function* () {
        const port = yield* Port
        const request = {
          server: "reports",
          tokenEndpoint: new URL(url),
          client: publicClient,
          resource: undefined,
          dpopKey,
          refreshToken: Redacted.make("refresh")
        }
        yield* port.refresh(request)
        yield* port.refresh(request)
      }).pipe(Effect.provide(endpoint.layer))
      assert.deepEqual(
        endpoint.sent.map((request) => proofOf(request).claims["nonce"]),
        [...nonces]
      )
    })
  )

  it.effect.each<readonly [string, () => Response]>([
    ["a nonce that is not given", wantsNonce(undefined)],
    ["a nonce that is none", wantsNonce("two words")],
    [
      "something else, and gives a nonce",
      json({ error: "invalid_scope" }, { status: 400, headers: { "dpop-nonce": "n" } })
    ]
  ])("are not asked for again where the server wants %s", ([, answer]) =>
    Effect.gen(function* () {
      const dpopKey = yield* makeKey
      const { grant, sent } = asking(answer)
      assert.strictEqual(
        (yield* Effect.flip(grant(clientCredentials, [], { dpopKey }))).reason._tag,
        "Refused"
      )
      assert.strictEqual(sent.length, 1)
    })
  )

  it.effect("are not what a nonce is about where no key is", () =>
    Effect.gen(function* () {
      const { grant, sent } = asking(wantsNonce("nonce-1"))
      const error = yield* Effect.flip(grant(clientCredentials))
      assert.deepInclude(error.reason, { _tag: "Refused", error: "use_dpop_nonce" })
      assert.strictEqual(sent.length, 1)
    })
  )

  it.effect("are asked for once more with a new assertion of a client that signs", () =>
    Effect.gen(function* () {
      const dpopKey = yield* makeKey
      const pem = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
        format: "pem",
        type: "pkcs8"
      })
      const client: RequestClient = {
        clientId: "id",
        clientSecret: undefined,
        signing: {
          key: { pem: Redacted.make(pem.toString()), algorithm: undefined, keyId: undefined },
          audience: "https://as.test"
        },
        authenticationMethod: "private_key_jwt"
      }
      const { grant, sent } = asking(underLock(wantsNonce("nonce-1"), json(bound)))
      yield* grant(clientCredentials, [], { client, dpopKey })
      const ids = sent.map((request) => {
        const assertion = Object.fromEntries(formOf(request))["client_assertion"] ?? ""
        return JSON.parse(Buffer.from(assertion.split(".")[1] ?? "", "base64url").toString("utf8")).jti
      })
      assert.strictEqual(ids.length, 2)
      assert.strictEqual(new Set(ids).size, 2)
    })
  )

  it.effect.each(["Bearer", "bearer"])("are not taken unbound, as %s", (token_type) =>
    Effect.gen(function* () {
      const dpopKey = yield* makeKey
      const { grant, refresh } = asking(json({ ...good, token_type, refresh_token: "a refresh token" }))
      for (const ask of [grant(clientCredentials, [], { dpopKey }), refresh({ dpopKey })]) {
        const error = yield* Effect.flip(ask)
        assert.strictEqual(error.reason._tag, "NotSenderConstrained")
        assert.strictEqual(
          errorText(error),
          `The authorization server of reports, https://as.test, issued tokens that are not bound to a key (DPoP), which were discarded.\nTell the provider of reports.\nIf the server does not require it, remove "dpop" from the oauth block of reports.`
        )
        assert.notInclude(JSON.stringify(error), "new-access")
      }
    })
  )

  it.effect("are not taken where they were not asked for, nor of another type", () =>
    Effect.gen(function* () {
      const unasked = yield* Effect.flip(asking(json(bound)).grant(clientCredentials))
      assert.deepInclude(unasked.reason, { _tag: "Malformed", detail: "token_type dpop, not Bearer" })
      const dpopKey = yield* makeKey
      const { grant } = asking(json({ ...good, token_type: "N_A" }))
      const other = yield* Effect.flip(grant(clientCredentials, [], { dpopKey }))
      assert.strictEqual(other.reason._tag, "Malformed")
    })
  )
})
