import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Discovery from "../../../src/adapters/oauth/Discovery.ts"
import { Discovery as Port } from "../../../src/ports/Discovery.ts"
import { serverNamed } from "../../app/World.ts"
import { wire } from "./Wire.ts"

const server = serverNamed("notion")
const mcp = "https://notion.test/mcp"
const atPath = "https://notion.test/.well-known/oauth-protected-resource/mcp"
const atRoot = "https://notion.test/.well-known/oauth-protected-resource"
const as = "https://as.test"
const asMetadata = `${as}/.well-known/oauth-authorization-server`
const asOpenId = `${as}/.well-known/openid-configuration`

const json = (value: unknown) => () => Response.json(value)
const refused =
  (header = "Bearer") =>
  () =>
    new Response("", { status: 401, headers: { "www-authenticate": header } })
const resource = { resource: mcp, authorization_servers: [as], scopes_supported: ["read"] }
const issuer = { issuer: as, authorization_endpoint: `${as}/authorize`, token_endpoint: `${as}/token` }

const discover = (answers: Parameters<typeof wire>[0], of = server) => {
  const network = wire({ [mcp]: refused(), ...answers })
  const asking = Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Port.use((service) => service.discover(of, undefined)))
    yield* TestClock.adjust("1 minute")
    return yield* Fiber.join(fiber)
  }).pipe(Effect.provide(Discovery.layer.pipe(Layer.provide(network.layer))))
  return { ...network, asking, asked: () => network.sent.map(({ url }) => url) }
}

describe("discovery", () => {
  it.effect("goes where the challenge points, and takes the scope of the challenge", () =>
    Effect.gen(function* () {
      const custom = "https://notion.test/custom.json"
      const { asked, asking } = discover({
        [mcp]: refused(`Bearer resource_metadata="${custom}", scope="a b"`),
        [custom]: json(resource),
        [asMetadata]: json(issuer)
      })
      const found = yield* asking
      assert.deepEqual(found.scopes, ["a", "b"])
      assert.strictEqual(found.resource, mcp)
      assert.deepEqual(asked(), [mcp, custom, asMetadata])
    })
  )

  it.effect("looks at the path, then at the root, and at OpenID Connect's place after OAuth's", () =>
    Effect.gen(function* () {
      const { asked, asking } = discover({ [atRoot]: json(resource), [asOpenId]: json(issuer) })
      const found = yield* asking
      assert.deepEqual(found.scopes, ["read"])
      assert.deepEqual(asked(), [mcp, atPath, atRoot, asMetadata, asOpenId])
    })
  )

  it.effect("stops at metadata for another resource, and asks nobody else", () =>
    Effect.gen(function* () {
      const { asked, asking } = discover({
        [atPath]: json({ ...resource, resource: "https://evil.test/mcp" })
      })
      const error = yield* Effect.flip(asking)
      assert.strictEqual(error._tag, "DiscoveryError")
      assert.include(error.message, "evil.test")
      assert.deepEqual(asked(), [mcp, atPath])
    })
  )

  it.effect("uses no metadata of another issuer, a trailing slash included", () =>
    Effect.gen(function* () {
      for (const other of ["https://attacker.test", `${as}/`]) {
        const { asking } = discover({
          [atPath]: json(resource),
          [asMetadata]: json({ ...issuer, issuer: other })
        })
        assert.strictEqual((yield* Effect.flip(asking))._tag, "DiscoveryError")
      }
    })
  )

  it.effect("sends nobody from a public server to this machine, or to a place without TLS", () =>
    Effect.gen(function* () {
      for (const place of ["http://127.0.0.1:9", "https://localhost", "http://as.test", "file:///etc"]) {
        const { asked, asking } = discover({ [mcp]: refused(`Bearer resource_metadata="${place}/x"`) })
        assert.strictEqual((yield* Effect.flip(asking))._tag, "DiscoveryError")
        assert.deepEqual(asked(), [mcp])
        const endpoint = discover({
          [atPath]: json(resource),
          [asMetadata]: json({ ...issuer, token_endpoint: `${place}/token` })
        })
        assert.strictEqual((yield* Effect.flip(endpoint.asking))._tag, "DiscoveryError")
      }
    })
  )

  it.effect("follows three redirects and no more, each to a place that is allowed", () =>
    Effect.gen(function* () {
      const hop = (to: string) => () => new Response("", { status: 302, headers: { location: to } })
      const one = {
        [atPath]: hop("/1"),
        "https://notion.test/1": hop("/2"),
        "https://notion.test/2": hop("/3")
      }
      const three = discover({ ...one, "https://notion.test/3": json(resource), [asMetadata]: json(issuer) })
      assert.strictEqual((yield* three.asking).metadata.issuer, as)
      const inside = discover({ [atPath]: hop("http://127.0.0.1:9/") })
      assert.strictEqual((yield* Effect.flip(inside.asking))._tag, "DiscoveryError")
      const four = discover({
        ...one,
        "https://notion.test/3": hop("/4"),
        "https://notion.test/4": json(resource)
      })
      assert.strictEqual((yield* Effect.flip(four.asking))._tag, "DiscoveryError")
    })
  )

  it.effect("takes a server that is away for one that is away, after asking again", () =>
    Effect.gen(function* () {
      const { asked, asking } = discover({
        [atPath]: () => new Response("", { status: 503 }),
        [atRoot]: json(resource)
      })
      const error = yield* Effect.flip(asking)
      assert.strictEqual(error._tag, "NetworkError")
      assert.deepEqual(asked(), [mcp, atPath, atPath, atPath, atPath])
    })
  )

  it.effect("says so where nobody asks for a sign-in", () =>
    Effect.gen(function* () {
      const { asking } = discover({ [mcp]: () => new Response("{}") })
      assert.strictEqual((yield* Effect.flip(asking))._tag, "SignInNotOffered")
    })
  )

  it.effect("refuses an endless document", () =>
    Effect.gen(function* () {
      const { asking } = discover({ [atPath]: () => new Response("x".repeat(1_100_000)) })
      assert.include((yield* Effect.flip(asking)).message, "over 1 MiB")
    })
  )
})
