import { assert, describe, it } from "@effect/vitest"
import { Duration, Redacted } from "effect"
import {
  type ClientRegistration,
  ConfiguredRegistration,
  DynamicRegistration,
  MetadataDocument
} from "../../src/domain/ClientRegistration.ts"
import { Credential } from "../../src/domain/Credential.ts"
import { type RenewalFailure, renewalOutcome } from "../../src/domain/RenewalOutcome.ts"
import { defaultOAuth, type RemoteServer } from "../../src/domain/Server.ts"
import { DpopUnsupported } from "../../src/domain/SignInError.ts"
import {
  InvalidClient,
  InvalidGrant,
  Malformed,
  NotSenderConstrained,
  Transient,
  Refused,
  type TokenFailure,
  UnusableSecret
} from "../../src/domain/TokenFailure.ts"
import { TokenSet } from "../../src/domain/TokenSet.ts"
import type { Renewal } from "../../src/domain/TokenState.ts"

const policy = { cooldown: Duration.seconds(30) }
const server: RemoteServer = {
  _tag: "Http",
  name: "notion",
  url: new URL("https://notion.test/mcp"),
  headers: {},
  transport: "auto",
  oauth: defaultOAuth
}
const dynamic = new DynamicRegistration({
  clientId: "c",
  authenticationMethod: "none",
  redirectUri: "http://localhost:8080/callback"
})
const configured = new ConfiguredRegistration({ clientId: "c", authenticationMethod: "none" })
const document = new MetadataDocument({ clientId: "https://c.test/client.json" })
const byToken: Renewal = { _tag: "RefreshToken", refreshToken: Redacted.make("refresh") }
const byGrant: Renewal = { _tag: "Grant", grant: { _tag: "ClientCredentials" } }

interface Given {
  readonly failure: TokenFailure | DpopUnsupported
  readonly valid?: boolean
  readonly renewal?: Renewal
  readonly client?: ClientRegistration
  readonly present?: boolean
  readonly purpose?: string
}

const summary = ({
  client = dynamic,
  failure,
  present = true,
  purpose,
  renewal = byToken,
  valid = false
}: Given) => {
  const tokens = new TokenSet({ accessToken: Redacted.make("a"), tokenType: "bearer", obtainedAt: 0 })
  const credential = new Credential({
    resource: "https://notion.test/mcp",
    issuer: "https://as.test",
    tokenEndpoint: "https://as.test/token",
    registration: client,
    tokens,
    grantedScopes: [],
    generation: 1
  })
  const failed: RenewalFailure =
    failure._tag === "DpopUnsupported"
      ? failure
      : { _tag: "TokenRequestError", reason: failure, ...(purpose === undefined ? {} : { purpose }) }
  const stale = { _tag: "Stale", credential, tokens, renewal, stillValid: valid } as const
  const outcome = renewalOutcome(failed, { server, stale, userPresent: present }, policy)
  switch (outcome._tag) {
    case "KeepServing":
      return `serve ${Duration.toSeconds(outcome.cooldown)} s`
    case "SignIn":
      return outcome.forgetClient ? "sign in, forget client" : "sign in"
    case "RejectClient":
      return outcome.error.metadataUrl === undefined ? "reject configured" : "reject document"
    default:
      return outcome._tag
  }
}

const [invalidGrant, invalidClient] = [new InvalidGrant(), new InvalidClient()]
const refused = new Refused({ error: "invalid_dpop_proof" })
const page = new Malformed({ detail: "HTTP 403" })
const broken = new Transient({ detail: "HTTP 500", status: 500 })
const away = new Transient({ detail: "HTTP 503" })
const final: ReadonlyArray<TokenFailure | DpopUnsupported> = [
  away,
  new NotSenderConstrained({}),
  new UnusableSecret({ field: "assertion", file: "/a", problem: "does not exist" }),
  new DpopUnsupported({ server: "notion", issuer: "https://as.test", required: true })
]

describe("a renewal that fails", () => {
  it.each(final)("while the token is valid is not noticed, and fails once it is not: %s", (failure) => {
    assert.strictEqual(summary({ failure, valid: true }), "serve 30 s")
    assert.strictEqual(summary({ failure }), "Fail")
  })

  it.each<[string, Given, string]>([
    [
      "short Retry-After",
      { failure: new Transient({ detail: "", retryAfter: 5000 }), valid: true },
      "serve 30 s"
    ],
    [
      "long Retry-After",
      { failure: new Transient({ detail: "", retryAfter: 90_000 }), valid: true },
      "serve 90 s"
    ],
    ["refresh token, valid", { failure: invalidGrant, valid: true }, "Reread"],
    ["refresh token, invalid", { failure: invalidGrant }, "Reread"],
    ["grant, valid", { failure: invalidGrant, renewal: byGrant, valid: true }, "serve 30 s"],
    ["grant, invalid", { failure: invalidGrant, renewal: byGrant }, "Fail"],
    ["unknown client, valid", { failure: invalidClient, valid: true }, "serve 30 s"],
    ["unknown dynamic client", { failure: invalidClient }, "sign in, forget client"],
    [
      "unknown dynamic client, nobody there",
      { failure: invalidClient, present: false },
      "sign in, forget client"
    ],
    ["unknown configured client", { failure: invalidClient, client: configured }, "reject configured"],
    ["unknown document", { failure: invalidClient, client: document }, "reject document"],
    ["client of the identity provider", { failure: invalidClient, purpose: "identity assertion" }, "Fail"],
    ["refused, valid", { failure: refused, valid: true }, "serve 30 s"],
    ["refused", { failure: refused }, "sign in"],
    ["refused, nobody there", { failure: refused, present: false }, "Fail"],
    ["a page, valid", { failure: page, valid: true }, "serve 30 s"],
    ["a page", { failure: page }, "sign in"],
    ["a page, nobody there", { failure: page, present: false }, "Fail"],
    ["a page, grant", { failure: page, renewal: byGrant }, "Fail"],
    [
      "an unusable answer with a new refresh token",
      { failure: new Malformed({ detail: "HTTP 200", refreshToken: Redacted.make("r") }) },
      "Fail"
    ],
    ["500, valid", { failure: broken, valid: true }, "serve 30 s"],
    ["500", { failure: broken }, "sign in"],
    ["500, nobody there", { failure: broken, present: false }, "Fail"],
    ...[429, 502, 503, 504].map((status): [string, Given, string] => [
      `${status}`,
      { failure: new Transient({ detail: `HTTP ${status}`, status }) },
      "Fail"
    ]),
    ["refused, grant", { failure: refused, renewal: byGrant }, "Fail"]
  ])("%s", (_, given, expected) => {
    assert.strictEqual(summary(given), expected)
  })
})
