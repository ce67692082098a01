import { assert, describe, it } from "vitest"
import type { Remediable } from "../../src/domain/Remedy.ts"
import { ClientRejected, SignInRefused, SignInTimedOut } from "../../src/domain/SignInError.ts"
import { RegistrationError } from "../../src/ports/RegistrationError.ts"
import {
  InvalidClient,
  InvalidGrant,
  Malformed,
  Refused,
  TokenRequestError,
  Transient
} from "../../src/ports/TokenEndpoint.ts"

const server = "demo"
const origin = "https://as.test"
const request = (of: Omit<ConstructorParameters<typeof TokenRequestError>[0], "server" | "origin">) =>
  new TokenRequestError({ server, origin, ...of })

const namesDoctor = ({ remedies }: Remediable) =>
  remedies.some(
    (remedy) => remedy._tag === "Command" && remedy.verb === "auth doctor" && remedy.server === server
  )
const fieldsOf = ({ remedies }: Remediable) =>
  remedies.flatMap((remedy) => (remedy._tag === "Configure" ? Object.keys(remedy.fields) : []))

describe("a failed sign-in", () => {
  const refused = ["invalid_scope", "unauthorized_client", "invalid_request", "invalid_target", "odd_error"]
  it.each<readonly [string, Remediable]>([
    ...refused.map((error) => [error, new SignInRefused({ server, error })] as const),
    ["an error page of the browser", new SignInTimedOut({ server, seconds: 300 })],
    ["a secret that is wrong", new ClientRejected({ server, hasSecret: true })],
    ["a client that is wrong", new ClientRejected({ server, hasSecret: false })],
    ["a key that is wrong", new ClientRejected({ server, hasSecret: false, signs: true })],
    ["a redirect URI", new RegistrationError({ server, issuer: origin, detail: "no", why: "redirect URI" })],
    ["invalid_client", request({ reason: new InvalidClient({}) })],
    ["unauthorized_client", request({ reason: new Refused({ error: "unauthorized_client" }) })],
    ["404", request({ reason: new Malformed({ detail: "HTTP 404", status: 404 }) })]
  ])("names what examines the configuration for %s", (_, error) => {
    assert.isTrue(namesDoctor(error))
  })

  it.each<readonly [string, Remediable]>([
    ["access_denied", new SignInRefused({ server, error: "access_denied" })],
    ["a device code", new SignInTimedOut({ server, seconds: 300, device: true })],
    ["a code that has expired", request({ purpose: "sign-in", reason: new InvalidGrant({}) })],
    [
      "a server that is overloaded",
      request({ isByHand: true, reason: new Transient({ detail: "HTTP 503", status: 503 }) })
    ],
    ["a network that is down", request({ reason: new Transient({ detail: "refused" }) })]
  ])("does not name it for %s", (_, error) => {
    assert.isFalse(namesDoctor(error))
  })

  it("names the field of an endpoint that does not answer, or answers as another page", () => {
    for (const reason of [
      new Malformed({ detail: "HTTP 404", status: 404 }),
      new Transient({ detail: "the connection was refused", isUnsent: true })
    ]) {
      const error = request({ isByHand: true, purpose: "sign-in", reason })
      assert.deepStrictEqual(fieldsOf(error), ["token_url"])
      assert.isTrue(namesDoctor(error))
    }
    const pushed = request({
      isByHand: true,
      purpose: "pushed authorization",
      reason: new Malformed({ detail: "HTTP 404", status: 404 })
    })
    assert.deepStrictEqual(fieldsOf(pushed), ["pushed_authorization_request_url"])
  })
})
