import { assert, describe, it } from "@effect/vitest"
import { Duration, Option, Redacted } from "effect"
import { DynamicRegistration } from "../../src/domain/ClientRegistration.ts"
import { Credential } from "../../src/domain/Credential.ts"
import { defaultOAuth, type RemoteServer } from "../../src/domain/Server.ts"
import { TokenSet } from "../../src/domain/TokenSet.ts"
import { type Learned, tokenState } from "../../src/domain/TokenState.ts"

const hour = 3_600_000
const policy = { refreshBefore: Duration.minutes(5), resend: { afterTimeout: Duration.seconds(30) } }
const server: RemoteServer = {
  _tag: "Http",
  name: "notion",
  url: new URL("https://notion.test/mcp"),
  headers: {},
  transport: "auto",
  oauth: defaultOAuth
}
const withGrant: RemoteServer = {
  ...server,
  oauth: { ...defaultOAuth, grant: { _tag: "ClientCredentials" } }
}
const access = Redacted.make("access")
const tokens = (options: { refreshToken?: false; expires?: false; resendAt?: number } = {}) =>
  new TokenSet({
    accessToken: access,
    tokenType: "bearer",
    obtainedAt: 0,
    ...(options.expires === false ? {} : { expiresAt: hour }),
    ...(options.resendAt === undefined ? {} : { resendAt: options.resendAt }),
    ...(options.refreshToken === false ? {} : { refreshToken: Redacted.make("refresh") })
  })
const credential = (of: TokenSet | undefined) =>
  Option.some(
    new Credential({
      resource: "https://notion.test/mcp",
      issuer: "https://as.test",
      tokenEndpoint: "https://as.test/token",
      registration: new DynamicRegistration({
        clientId: "c",
        authenticationMethod: "none",
        redirectUri: "http://localhost:8080/callback"
      }),
      ...(of === undefined ? {} : { tokens: of }),
      grantedScopes: [],
      generation: 1
    })
  )

/** The state in one word: the tag, the reason, or whether the stale token is still valid. */
const summary = (found: Option.Option<Credential>, learned: Learned, at = server) => {
  const state = tokenState(found, at, learned, policy)
  switch (state._tag) {
    case "Usable":
      return "usable"
    case "SignInNeeded":
      return state.why
    case "Unanswered":
      return `unanswered until ${state.resendAt - over}`
    case "Stale":
      if (state.renewal._tag === "RefreshToken" && state.renewal.refusal !== undefined) {
        return `stale, refused: ${state.renewal.refusal}`
      }
      return `stale ${state.renewal._tag} ${state.stillValid ? "valid" : "invalid"}`
  }
}

const refresh = Redacted.make("refresh")
const fresh = 54 * 60_000
const ageing = 56 * 60_000
const over = hour
const elsewhere = "https://other.test"

describe("the state of a credential", () => {
  const bare = { refreshToken: false } as const
  it.each<[string, Option.Option<Credential>, Learned, string]>([
    ["none", Option.none(), { now: 0 }, "never signed in"],
    ["without tokens", credential(undefined), { now: 0 }, "revoked"],
    ["fresh", credential(tokens()), { now: fresh }, "usable"],
    ["in its last five minutes", credential(tokens()), { now: ageing }, "stale RefreshToken valid"],
    ["expired", credential(tokens()), { now: over }, "stale RefreshToken invalid"],
    ["ageing, not renewable", credential(tokens(bare)), { now: ageing }, "usable"],
    ["expired, not renewable", credential(tokens(bare)), { now: over }, "expired"],
    ["without expiry", credential(tokens({ expires: false })), { now: 1e15 }, "usable"],
    ["rejected", credential(tokens()), { now: 0, rejected: access }, "stale RefreshToken invalid"],
    ["rejected, not renewable", credential(tokens(bare)), { now: 0, rejected: access }, "revoked"],
    ["expired, its refresh token refused", credential(tokens().refused("gone")), { now: over }, "revoked"],
    ["valid, its refresh token refused", credential(tokens().refused("gone")), { now: ageing }, "usable"],
    ["another one rejected", credential(tokens()), { now: 0, rejected: Redacted.make("x") }, "usable"],
    ["ageing, in cooldown", credential(tokens()), { now: ageing, cooldownUntil: ageing + 1 }, "usable"],
    ["obtained in the future", credential(tokens()), { now: -6 * 60_000 }, "stale RefreshToken valid"],
    ["obtained a little in the future, as clocks differ", credential(tokens()), { now: -60_000 }, "usable"],
    ["obtained in the future, not renewable", credential(tokens(bare)), { now: -hour }, "usable"],
    [
      "obtained in the future, without expiry",
      credential(tokens({ expires: false })),
      { now: -hour },
      "usable"
    ],
    ["answer lost, valid", credential(tokens({ resendAt: ageing + 1 })), { now: ageing }, "usable"],
    [
      "answer lost, to be sent again",
      credential(tokens({ resendAt: ageing })),
      { now: ageing },
      "stale RefreshToken valid"
    ],
    ["answer lost, expired", credential(tokens({ resendAt: over + 9 })), { now: over }, "unanswered until 9"],
    [
      "answer lost, rejected",
      credential(tokens({ resendAt: fresh + 1 })),
      { now: fresh, rejected: access },
      `unanswered until ${fresh + 1 - over}`
    ],
    [
      "answer lost, which only this process knows",
      credential(tokens()),
      { now: over, unanswered: { refreshToken: refresh, resendAt: over + 9 } },
      "unanswered until 9"
    ],
    [
      "answer of another refresh token lost",
      credential(tokens()),
      { now: over, unanswered: { refreshToken: Redacted.make("x"), resendAt: over + 9 } },
      "stale RefreshToken invalid"
    ],
    [
      "answer lost, by a clock that was ahead",
      credential(tokens({ resendAt: over + hour })),
      { now: over },
      "stale RefreshToken invalid"
    ],
    [
      "answer lost, another issuer",
      credential(tokens({ resendAt: over + 9 })),
      { now: over, currentIssuer: elsewhere },
      "moved"
    ],
    [
      "refused",
      credential(tokens()),
      { now: over, refused: { refreshToken: refresh, answer: "gone" } },
      "stale, refused: gone"
    ],
    [
      "refused, fresh",
      credential(tokens()),
      { now: fresh, refused: { refreshToken: refresh, answer: "gone" } },
      "stale, refused: gone"
    ],
    [
      "refused, fresh, in cooldown",
      credential(tokens()),
      { now: fresh, refused: { refreshToken: refresh, answer: "gone" }, cooldownUntil: fresh + 1 },
      "usable"
    ],
    [
      "refused, fresh, rejected",
      credential(tokens()),
      { now: fresh, refused: { refreshToken: refresh, answer: "gone" }, rejected: access },
      "stale, refused: gone"
    ],
    [
      "another one refused, fresh",
      credential(tokens()),
      { now: fresh, refused: { refreshToken: access, answer: "gone" } },
      "usable"
    ],
    [
      "refused after an answer was lost, expired",
      credential(tokens({ resendAt: over + 9 })),
      { now: over, refused: { refreshToken: refresh, answer: "gone" } },
      "stale, refused: gone"
    ],
    [
      "refused after an answer was lost, valid",
      credential(tokens({ resendAt: ageing + 9 })),
      { now: ageing, refused: { refreshToken: refresh, answer: "gone" } },
      "stale, refused: gone"
    ],
    [
      "refused after this process lost an answer",
      credential(tokens()),
      {
        now: over,
        refused: { refreshToken: refresh, answer: "gone" },
        unanswered: { refreshToken: refresh, resendAt: over + 9 }
      },
      "stale, refused: gone"
    ],
    [
      "another one refused",
      credential(tokens()),
      { now: over, refused: { refreshToken: access, answer: "gone" } },
      "stale RefreshToken invalid"
    ],
    [
      "cooldown over",
      credential(tokens()),
      { now: ageing, cooldownUntil: ageing },
      "stale RefreshToken valid"
    ],
    [
      "expired, in cooldown",
      credential(tokens()),
      { now: over, cooldownUntil: over + 1 },
      "stale RefreshToken invalid"
    ],
    [
      "rejected, in cooldown",
      credential(tokens()),
      { now: 0, rejected: access, cooldownUntil: 1 },
      "stale RefreshToken invalid"
    ],
    [
      "same issuer",
      credential(tokens()),
      { now: over, currentIssuer: "https://as.test" },
      "stale RefreshToken invalid"
    ],
    ["another issuer", credential(tokens()), { now: over, currentIssuer: elsewhere }, "moved"],
    ["another issuer, still valid", credential(tokens()), { now: ageing, currentIssuer: elsewhere }, "moved"],
    ["another issuer, fresh", credential(tokens()), { now: fresh, currentIssuer: elsewhere }, "usable"],
    [
      "another issuer, not renewable",
      credential(tokens(bare)),
      { now: over, currentIssuer: elsewhere },
      "expired"
    ]
  ])("%s", (_, found, observed, expected) => {
    assert.strictEqual(summary(found, observed), expected)
  })

  it.each<[string, TokenSet, number, string]>([
    ["renews without a refresh token", tokens({ refreshToken: false }), over, "stale Grant invalid"],
    ["prefers a refresh token", tokens(), over, "stale RefreshToken invalid"]
  ])("a machine grant %s", (_, of, now, expected) => {
    assert.strictEqual(summary(credential(of), { now }, withGrant), expected)
  })
})
