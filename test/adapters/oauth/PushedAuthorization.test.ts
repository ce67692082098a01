import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import * as DpopProofs from "../../../src/adapters/oauth/DpopProofs.ts"
import * as TokenEndpoint from "../../../src/adapters/oauth/TokenEndpoint.ts"
import { TokenEndpoint as Port } from "../../../src/ports/TokenEndpoint.ts"
import { wire } from "./Wire.ts"

const url = "https://as.test/par"
const state = "the-state-of-this-flow"
const secret = "the-secret-of-the-client"

const push = (answer: (() => Response) | "broken", endpoint = url) => {
  const network = wire({ [endpoint]: answer })
  const asking = Port.use((service) =>
    service.pushAuthorization({
      server: "notion",
      pushedAuthorizationEndpoint: new URL(endpoint),
      client: {
        clientId: "c",
        clientSecret: Redacted.make(secret),
        authenticationMethod: "client_secret_post"
      },
      parameters: new URLSearchParams({ response_type: "code", state, resource: "https://notion.test/mcp" })
    })
  ).pipe(Effect.provide(TokenEndpoint.layer.pipe(Layer.provide([network.layer, DpopProofs.layer]))))
  return { ...network, asking }
}
const answering = (body: unknown, status = 201) => push(() => Response.json(body, { status }))
const good = { request_uri: "urn:ietf:params:oauth:request_uri:abc", expires_in: 60 }

describe("a pushed authorization request", () => {
  it.effect("carries the parameters and the authentication of the client", () =>
    Effect.gen(function* () {
      const { asking, sent } = answering(good)
      assert.deepEqual(yield* asking, { requestUri: good.request_uri, expiresIn: 60 })
      assert.deepEqual(Object.fromEntries(new URLSearchParams(sent[0]?.body)), {
        response_type: "code",
        state,
        resource: "https://notion.test/mcp",
        client_id: "c",
        client_secret: secret
      })
    })
  )

  it.effect("may be answered with 200", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* answering(good, 200).asking).expiresIn, 60)
    })
  )

  it.effect.each([
    ["no request_uri", { expires_in: 60 }],
    ["an empty request_uri", { ...good, request_uri: "" }],
    ["a request_uri that is no text", { ...good, request_uri: ["urn:x"] }],
    ["a request_uri with a space", { ...good, request_uri: "urn:x y" }],
    ["a request_uri that rewrites the terminal", { ...good, request_uri: "urn:\u001b[2J" }],
    ["a request_uri without end", { ...good, request_uri: `urn:${"x".repeat(4000)}` }],
    ["no lifetime", { request_uri: "urn:x" }],
    ["a lifetime that is over", { ...good, expires_in: 0 }],
    ["a lifetime below zero", { ...good, expires_in: -1 }],
    ["a lifetime that is no number", { ...good, expires_in: true }],
    ["a list", [good]],
    ["a status that is no success", good, 202]
  ] as ReadonlyArray<readonly [string, unknown, number?]>)("refuses an answer with %s", ([, body, status]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(answering(body, status).asking)
      assert.strictEqual(error.reason._tag, "Malformed")
      assert.include(error.message, "pushed authorization request endpoint")
      assert.include(errorText(error), '"pushed_authorization_request_url"')
    })
  )

  it.effect.each([
    ["no network", "broken", "Transient"],
    ["503", () => new Response("", { status: 503 }), "Transient"],
    ["429", () => new Response("", { status: 429 }), "Transient"],
    ["a redirect", () => new Response("", { status: 307, headers: { location: "/x" } }), "Malformed"],
    ["a page", () => new Response("<h1>Hello</h1>", { status: 201 }), "Malformed"],
    ["nothing there", () => new Response("", { status: 404 }), "Malformed"],
    ["invalid_client", () => Response.json({ error: "invalid_client" }, { status: 401 }), "InvalidClient"],
    ["invalid_scope", () => Response.json({ error: "invalid_scope" }, { status: 400 }), "Refused"],
    ["invalid_grant", () => Response.json({ error: "invalid_grant" }, { status: 400 }), "InvalidGrant"]
  ] as const)("that meets %s fails as at the token endpoint", ([, answer, tag]) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(push(answer).asking)).reason._tag, tag)
    })
  )

  it.effect("shows neither the state nor the secret in an error that repeats them", () =>
    Effect.gen(function* () {
      const error_description = `not ${state} and not ${secret}`
      const { asking } = answering({ error: "invalid_request", error_description }, 400)
      const error = yield* Effect.flip(asking)
      assert.strictEqual(error.reason._tag, "Refused")
      for (const shown of [error.message, JSON.stringify(error)]) {
        assert.notInclude(shown, state)
        assert.notInclude(shown, secret)
      }
    })
  )

  it.effect("is not sent without TLS", () =>
    Effect.gen(function* () {
      const { asking, sent } = push(() => Response.json(good), "http://as.test/par")
      assert.strictEqual((yield* Effect.flip(asking)).reason._tag, "Malformed")
      assert.deepEqual(sent, [])
    })
  )
})
