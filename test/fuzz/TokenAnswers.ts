import { generateKeyPairSync } from "node:crypto"
import { Effect, Layer, Redacted } from "effect"
import * as DpopProofs from "../../src/adapters/oauth/DpopProofs.ts"
import * as TokenEndpointLive from "../../src/adapters/oauth/TokenEndpoint.ts"
import type { ClientAuthenticationMethod } from "../../src/domain/Server.ts"
import { TokenSet } from "../../src/domain/TokenSet.ts"
import { TokenEndpoint, type TokenRequest, type TokenRequestError } from "../../src/ports/TokenEndpoint.ts"
import { anyDocument, anyUrl, type Json } from "./Mutation.ts"
import { type Answer, anyAnswer, isUsable, makeNetwork } from "./Network.ts"
import type { Random } from "./Random.ts"
import { mustAll, outcomeOf, secretIn, seenOf, type Target } from "./Target.ts"

/** A JWT with this text in it: no other text is sent as an assertion. */
const jwt = (text: string): string =>
  [{ alg: "ES256" }, { text }, "signature"]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".")

/** What we send; each of it belongs to one address. */
const ours = {
  code: "the-code-that-we-sent-0123",
  verifier: "the-verifier-that-we-sent-0123",
  refresh: "the-refresh-token-that-we-sent-0123",
  secret: "the-client-secret-that-we-sent-0123",
  assertion: jwt("the-assertion-that-we-sent-0123"),
  device: "the-device-code-that-we-sent-0123",
  subject: jwt("the-subject-token-that-we-sent-0123"),
  revoked: "the-token-to-revoke-that-we-sent-0123"
}
/** What servers give. */
const theirs = {
  access: "the-access-token-that-came-0123",
  refresh: "the-refresh-token-that-came-0123",
  id: "the-id-token-that-came-0123"
}
const secrets = [...Object.values(ours), ...Object.values(theirs)]

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString()
const { crv, d, kty, x, y } = privateKey.export({ format: "jwk" })
const dpopKey = JSON.stringify({ kty, crv, x, y, d })
const keySecrets = [d ?? dpopKey, pem.slice(40, 80)]

const operations = [
  "exchange",
  "refresh",
  "client credentials",
  "assertion",
  "device code",
  "identity assertion",
  "revoke"
] as const

/** A request to a token or revocation endpoint, and what it answers, request by request. */
export interface Exchange {
  readonly operation: (typeof operations)[number]
  readonly endpoint: string
  readonly method: ClientAuthenticationMethod
  /** Its key cannot be read. */
  readonly isKeyBroken: boolean
  readonly isBound: boolean
  readonly hasResource: boolean
  readonly answers: ReadonlyArray<Answer>
}

const errors = [
  "invalid_grant",
  "invalid_client",
  "invalid_scope",
  "temporarily_unavailable",
  "authorization_pending",
  "slow_down",
  "use_dpop_nonce",
  "invalid_token",
  "invalid_target"
] as const

const tokenTypes = ["Bearer", "Bearer", "bearer", "DPoP", "N_A", "mac"] as const

/** What a request has surely sent, and a server may repeat. */
const sentBy: Readonly<Record<Exchange["operation"], string>> = {
  exchange: ours.code,
  refresh: ours.refresh,
  "client credentials": "nothing in particular",
  assertion: ours.assertion,
  "device code": ours.device,
  "identity assertion": ours.subject,
  revoke: ours.revoked
}

const anyBody = (random: Random, operation: Exchange["operation"]): Json => {
  if (random.oneIn(3)) {
    return {
      error: random.pick(errors),
      error_description: random.oneIn(3) ? `it does not know ${sentBy[operation]}` : "what went wrong",
      error_uri: "https://as.test/help"
    }
  }
  return {
    access_token: theirs.access,
    token_type: random.pick(tokenTypes),
    expires_in: random.pick([3600, 0, "60", 1e308, -1, 0.5]),
    refresh_token: theirs.refresh,
    scope: "read write",
    id_token: theirs.id,
    ...(operation === "identity assertion"
      ? { issued_token_type: "urn:ietf:params:oauth:token-type:id-jag" }
      : {})
  }
}

const methods = ["none", "client_secret_post", "client_secret_basic"] as const

const anyExchange = (random: Random): Exchange => {
  const operation = random.pick(operations)
  const isBound = random.oneIn(10)
  const answers = Array.from({ length: 1 + random.below(2) }, () => {
    const body = anyBody(random, operation)
    const isError = typeof body === "object" && body !== null && "error" in body
    return anyAnswer(random, anyDocument(random, body), isError ? 400 : 200)
  })
  return {
    operation,
    endpoint: random.oneIn(6) ? anyUrl(random) : "https://as.test/token",
    method: random.oneIn(40) ? "private_key_jwt" : random.pick(methods),
    isKeyBroken: random.oneIn(4),
    isBound,
    hasResource: random.oneIn(2),
    answers
  }
}

/** Whether a header says a token as it is, and a terminal shows it as it is. */
const isCarried = (token: string): boolean =>
  [...token].every((character) => character > " " && character <= "~") && token !== ""

type Result = TokenSet | Redacted.Redacted | undefined

const perform = (
  { operation }: Exchange,
  request: TokenRequest
): Effect.Effect<Result, TokenRequestError, TokenEndpoint> =>
  TokenEndpoint.use((service): Effect.Effect<Result, TokenRequestError> => {
    switch (operation) {
      case "exchange":
        return service.exchange({
          ...request,
          code: Redacted.make(ours.code),
          redirectUri: new URL("http://localhost:8080/callback"),
          codeVerifier: Redacted.make(ours.verifier)
        })
      case "refresh":
        return service.refresh({ ...request, refreshToken: Redacted.make(ours.refresh) })
      case "client credentials":
        return service.grant({ ...request, grant: { _tag: "ClientCredentials" }, scopes: ["read"] })
      case "assertion":
        return service.grant({
          ...request,
          grant: { _tag: "JwtBearer", assertion: Redacted.make(ours.assertion) },
          scopes: []
        })
      case "device code":
        return service.grant({
          ...request,
          grant: { _tag: "DeviceCode", deviceCode: Redacted.make(ours.device) },
          scopes: []
        })
      case "identity assertion":
        return service.identityAssertion({
          ...request,
          audience: "https://as.test",
          scopes: ["read"],
          subjectToken: Redacted.make(ours.subject),
          subjectTokenType: "id_token"
        })
      case "revoke":
        return Effect.as(
          service.revoke({
            server: request.server,
            revocationEndpoint: request.tokenEndpoint,
            client: request.client,
            token: Redacted.make(ours.revoked),
            hint: "refresh_token"
          }),
          undefined
        )
    }
  })

const endOfTime = 8_640_000_000_000_000

/**
 * Answers of token and revocation endpoints. Requests go to the one address that they are for, at most once, but for a nonce
 * and for a refresh token that comes alone, and to none that is not secure; neither what we sent nor what came can be seen in an error
 * or in the tokens; tokens are of the type that was asked for and end at a point in time.
 */
export const tokenAnswers: Target<Exchange> = {
  name: "token answers",
  generate: anyExchange,
  check: Effect.fnUntraced(function* (input) {
    // What is made smaller may lose its operation, and is then no input any more.
    if (!operations.includes(input.operation)) return "no operation"
    const endpoint = URL.parse(input.endpoint)
    if (endpoint === null) return "no address"
    const isBound = input.isBound && input.operation !== "revoke"
    const network = makeNetwork(() => input.answers[Math.min(network.sent.length, input.answers.length) - 1])
    const outcome = yield* outcomeOf(
      perform(input, {
        server: "notion",
        tokenEndpoint: endpoint,
        client: {
          clientId: "the client",
          clientSecret: input.method.startsWith("client_secret") ? Redacted.make(ours.secret) : undefined,
          authenticationMethod: input.method,
          ...(input.method === "private_key_jwt"
            ? {
                signing: {
                  key: {
                    pem: Redacted.make(input.isKeyBroken ? pem.replace(/\n.{9}/, "\n*") : pem),
                    algorithm: undefined,
                    keyId: undefined
                  },
                  audience: "https://as.test"
                }
              }
            : {})
        },
        resource: input.hasResource ? "https://notion.test/mcp" : undefined,
        dpopKey: isBound ? Redacted.make(dpopKey) : undefined
      }),
      { errors: ["TokenRequestError"], secrets: [...secrets, ...keySecrets] }
    ).pipe(
      Effect.provide(
        TokenEndpointLive.layer.pipe(Layer.provide(DpopProofs.layer), Layer.provideMerge(network.layer))
      )
    )

    // A refresh token that comes without a usable access token is used at once, so that no approval is wasted.
    const isApproval = input.operation === "exchange" || input.operation === "device code"
    // Some servers require a secret of public clients, too.
    const isPublicRevocation = input.operation === "revoke" && input.method === "none"
    yield* mustAll([
      [
        network.sent.length <= (isBound ? 2 : 1) * (isApproval || isPublicRevocation ? 2 : 1),
        `${network.sent.length} requests`
      ],
      ...network.sent.flatMap(({ method, text, url }) => [
        [method === "POST", `a ${method}`] as const,
        [url === endpoint.href, `a request to ${url}`] as const,
        [
          isUsable(url) || endpoint.username !== "" || endpoint.password !== "",
          `a request without TLS: ${url}`
        ] as const,
        [
          secretIn(text, [theirs.access, theirs.id, ...keySecrets]) === undefined &&
            (secretIn(text, [theirs.refresh]) === undefined ||
              (isApproval && text.includes("grant_type=refresh_token"))),
          "a secret of another request"
        ] as const
      ])
    ])
    if (outcome._tag === "Failed") return `${outcome.error._tag}: ${outcome.error.reason._tag}`
    const { value } = outcome
    // A scope is public, whatever a server writes there.
    const shown = value instanceof TokenSet ? new TokenSet({ ...value, scope: "" }) : value
    yield* mustAll([
      [network.sent.length > 0, "an answer that nobody gave"],
      [secretIn(seenOf(shown), [...secrets, ...keySecrets]) === undefined, "a token that can be seen"]
    ])
    if (value instanceof TokenSet) {
      const { expiresAt, obtainedAt, scope, tokenType } = value
      yield* mustAll([
        [tokenType === (isBound ? "dpop" : "bearer"), `tokens of type ${tokenType}`],
        [isCarried(Redacted.value(value.accessToken)), "a token that no header can carry"],
        [
          expiresAt === undefined || (expiresAt >= obtainedAt && expiresAt <= endOfTime),
          `tokens that end at ${expiresAt}`
        ],
        [scope === undefined || typeof scope === "string", "a scope that is no text"],
        [
          value.refreshToken === undefined || Redacted.value(value.refreshToken) !== "",
          "an empty refresh token"
        ]
      ])
    }
    return "accepted"
  })
}
