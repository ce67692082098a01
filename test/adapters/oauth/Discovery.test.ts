import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { HostAddresses } from "../../../src/adapters/http/HostAddresses.ts"
import * as Discovery from "../../../src/adapters/oauth/Discovery.ts"
import { Discovery as Port } from "../../../src/ports/Discovery.ts"
import { serverNamed } from "../../app/World.ts"
import { type Sent, wire } from "./Wire.ts"

const server = serverNamed("notion")
const mcp = "https://notion.test/mcp"
const atPath = "https://notion.test/.well-known/oauth-protected-resource/mcp"
const atRoot = "https://notion.test/.well-known/oauth-protected-resource"
const as = "https://as.test"
const asMetadata = `${as}/.well-known/oauth-authorization-server`
const asOpenId = `${as}/.well-known/openid-configuration`

/** Every name is a public host, unless a test says otherwise; no resolver is asked. */
const names = (addresses: Readonly<Record<string, ReadonlyArray<string>>> = {}) =>
  Layer.succeed(HostAddresses, (hostname) => Effect.succeed(addresses[hostname] ?? ["203.0.113.7"]))

const json = (value: unknown) => () => Response.json(value)
const refused =
  (header = "Bearer") =>
  () =>
    new Response("", { status: 401, headers: { "www-authenticate": header } })
const resource = { resource: mcp, authorization_servers: [as], scopes_supported: ["read"] }
const issuer = { issuer: as, authorization_endpoint: `${as}/authorize`, token_endpoint: `${as}/token` }

const discover = (
  answers: Parameters<typeof wire>[0],
  of = server,
  addresses: Readonly<Record<string, ReadonlyArray<string>>> = {}
) => {
  const network = wire({ [mcp]: refused(), ...answers })
  const asking = Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Port.use((service) => service.discover(of, undefined)))
    yield* TestClock.adjust("1 minute")
    return yield* Fiber.join(fiber)
  }).pipe(Effect.provide(Discovery.layer.pipe(Layer.provide([network.layer, names(addresses)]))))
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

  it.effect(
    "takes no issuer and no scope that could control a terminal: messages and tables repeat them",
    () =>
      Effect.gen(function* () {
        for (const control of ["\u001b[2J", "\u009b2J", "\u202e", "\n"]) {
          const hostile = `${as}/a${control}b`
          const document = json({ ...issuer, issuer: hostile })
          const { asking } = discover({
            [atPath]: json({ ...resource, authorization_servers: [hostile] }),
            [new URL(`/.well-known/oauth-authorization-server/a${control}b`, as).href]: document
          })
          const error = yield* Effect.flip(asking)
          assert.deepInclude(error, { _tag: "DiscoveryError", reason: "insecure URL" })
          assert.notInclude(error.message, control)
        }
        const { asking } = discover({
          [atPath]: json({ ...resource, scopes_supported: ["read", "\u001b[2J"] }),
          [asMetadata]: json(issuer)
        })
        assert.deepEqual((yield* asking).scopes, ["read"])
      })
  )

  it.effect("says which revision it speaks wherever it asks for metadata", () =>
    Effect.gen(function* () {
      const { asking, sent } = discover({ [atPath]: json(resource), [asMetadata]: json(issuer) })
      yield* asking
      const [, ...documents] = sent
      assert.lengthOf(documents, 2)
      for (const { headers } of documents) {
        assert.strictEqual(headers.get("mcp-protocol-version"), "2025-11-25")
        assert.isNull(headers.get("authorization"))
      }
    })
  )

  it.effect("looks at the server's own places where the challenge points to nothing", () =>
    Effect.gen(function* () {
      const gone = "https://notion.test/gone"
      const { asked, asking } = discover({
        [mcp]: refused(`Bearer resource_metadata="${gone}"`),
        [atPath]: () => new Response("<html>"),
        [atRoot]: json(resource),
        [asMetadata]: json(issuer)
      })
      assert.strictEqual((yield* asking).metadata.issuer, as)
      assert.deepEqual(asked(), [mcp, gone, atPath, atRoot, asMetadata])
      const nowhere = discover({ [mcp]: refused(`Bearer resource_metadata="${gone}"`) })
      assert.strictEqual((yield* Effect.flip(nowhere.asking))._tag, "DiscoveryError")
      assert.deepEqual(nowhere.asked(), [mcp, gone, atPath, atRoot])
    })
  )

  it.effect.each([
    "",
    '""',
    "https://",
    "/gone.json",
    "//other.test/x",
    "gone.json",
    "https:",
    "''",
    "notion.test:8443/x",
    "localhost:3000/x",
    "{url}"
  ])("goes on with the server's own places where the challenge names no usable address: %s", (named) =>
    Effect.gen(function* () {
      const { asked, asking } = discover({
        [mcp]: refused(`Bearer resource_metadata=${named}, scope="a"`),
        [atPath]: json(resource),
        [asMetadata]: json(issuer)
      })
      assert.strictEqual((yield* asking).metadata.issuer, as)
      for (const url of asked()) assert.notInclude(url, "other.test")
      const origin = "https://notion.test"
      const fallback = discover({
        [mcp]: refused(`Bearer resource_metadata=${named}`),
        [`${origin}/.well-known/oauth-authorization-server`]: json({ ...issuer, issuer: origin })
      })
      assert.strictEqual((yield* fallback.asking).metadata.issuer, origin)
    })
  )

  it.effect.each(["/custom.json", "../custom.json", "https://notion.test/custom.json", "'/custom.json'"])(
    "reads metadata of the server's own origin that the challenge names: %s",
    (named) =>
      Effect.gen(function* () {
        const { asked, asking } = discover({
          [mcp]: refused(`Bearer resource_metadata=${named}`),
          "https://notion.test/custom.json": json(resource),
          [asMetadata]: json(issuer)
        })
        yield* asking
        assert.deepEqual(asked(), [mcp, "https://notion.test/custom.json", asMetadata])
      })
  )

  it.effect.each([
    ["read write", ["read", "write"]],
    ["read,write", ["read", "write"]],
    [
      ["read", null, 7, "write"],
      ["read", "write"]
    ],
    [{ read: true }, []]
  ] as const)("reads a list in metadata that is none: %j", ([list, scopes]) =>
    Effect.gen(function* () {
      const { asking } = discover({
        [atPath]: json({ ...resource, authorization_servers: as, scopes_supported: list }),
        [asMetadata]: json({ ...issuer, code_challenge_methods_supported: "S256", grant_types_supported: 7 })
      })
      const found = yield* asking
      assert.deepEqual(found.scopes, scopes)
      assert.deepEqual(found.metadata.code_challenge_methods_supported, ["S256"])
    })
  )

  it.effect("takes the challenge that it is given, and asks the server for none", () =>
    Effect.gen(function* () {
      const network = wire({ [atPath]: json(resource), [asMetadata]: json(issuer) })
      const challenge = { error: undefined, scope: "given", resourceMetadata: undefined }
      const found = yield* Port.use((service) => service.discover(server, challenge)).pipe(
        Effect.provide(Discovery.layer.pipe(Layer.provide([network.layer, names()])))
      )
      assert.deepEqual(found.scopes, ["given"])
      assert.deepEqual(
        network.sent.map(({ url }) => url),
        [atPath, asMetadata]
      )
    })
  )

  it.effect("asks the server with its own headers, but for a token of its own", () =>
    Effect.gen(function* () {
      const headers = { "X-Tenant": Redacted.make("7"), Authorization: Redacted.make("Bearer own") }
      const { asking, sent } = discover(
        { [atPath]: json(resource), [asMetadata]: json(issuer) },
        { ...server, headers }
      )
      yield* asking
      const [probe, ...others] = sent
      assert.strictEqual(probe?.method, "POST")
      assert.strictEqual(probe?.headers.get("x-tenant"), "7")
      assert.isNull(probe?.headers.get("authorization"))
      assert.strictEqual(probe?.headers.get("accept"), "application/json, text/event-stream")
      // Nobody else gets what belongs to the server.
      for (const other of others) assert.isNull(other.headers.get("x-tenant"))
    })
  )

  it.effect("takes the first issuer that serves metadata", () =>
    Effect.gen(function* () {
      const { asking } = discover({
        [atPath]: json({ ...resource, authorization_servers: ["no address", "https://gone.test", as] }),
        [asMetadata]: json(issuer)
      })
      assert.strictEqual((yield* asking).metadata.issuer, as)
    })
  )

  it.effect(
    "reads past what servers leave out as null or nothing, and past metadata that it cannot use",
    () =>
      Effect.gen(function* () {
        const { asking } = discover({
          [atPath]: json({ ...resource, scopes_supported: null }),
          [asMetadata]: json({ issuer: as, token_endpoint: `${as}/token` }),
          [asOpenId]: json({ ...issuer, registration_endpoint: "", scopes_supported: null })
        })
        const { metadata, scopes } = yield* asking
        assert.deepEqual(scopes, [])
        assert.isUndefined(metadata.registration_endpoint)
      })
  )

  it.effect("asks the server's own origin if no issuer is named, however that is written", () =>
    Effect.gen(function* () {
      const place = "https://notion.test/.well-known/oauth-authorization-server"
      for (const own of ["https://notion.test", "https://notion.test/"]) {
        const { asking } = discover({ [place]: json({ ...issuer, issuer: own }) })
        const found = yield* asking
        assert.strictEqual(found.metadata.issuer, own)
        assert.strictEqual(found.resource, mcp)
      }
      const other = discover({ [place]: json({ ...issuer, issuer: "https://notion.test/x" }) })
      assert.strictEqual((yield* Effect.flip(other.asking))._tag, "DiscoveryError")
    })
  )

  it.effect("stops at metadata for another resource, and asks no other server", () =>
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

  it.effect.each([
    [as, `${as}/`],
    [`${as}/`, as]
  ] as const)("takes the issuer %s for %s: they differ by the slash of an origin", ([named, own]) =>
    Effect.gen(function* () {
      const answers = {
        [atPath]: json({ ...resource, authorization_servers: [named] }),
        [asMetadata]: json({ ...issuer, issuer: own })
      }
      for (const configured of [undefined, named, own]) {
        const of = serverNamed("notion", configured === undefined ? {} : { issuer: configured })
        const found = yield* discover(answers, of).asking
        assert.strictEqual(found.metadata.issuer, own)
        assert.strictEqual(found.issuerSpelling, named)
      }
    })
  )

  it.effect.each<readonly [string, string]>([
    [as, "https://attacker.test"],
    [as, `${as}//`],
    [as, "http://as.test"],
    [as, "https://AS.test/"],
    [as, `${as}:443/`],
    [`${as}/tenant`, `${as}/tenant/`],
    [`${as}/tenant/`, `${as}/tenant`],
    [`${as}/tenant`, as]
  ])("uses no metadata of another issuer: %s is not %s", ([named, own]) =>
    Effect.gen(function* () {
      const atTenant = `${as}/.well-known/oauth-authorization-server/tenant`
      const { asking } = discover({
        [atPath]: json({ ...resource, authorization_servers: [named] }),
        [named === as ? asMetadata : atTenant]: json({ ...issuer, issuer: own })
      })
      const error = yield* Effect.flip(asking)
      assert.strictEqual(error._tag === "DiscoveryError" && error.reason, "issuer mismatch")
      const text = errorText(error)
      for (const part of [named, own, `"issuer": "${own}"`, "registration_url"]) assert.include(text, part)
    })
  )

  it.effect("follows the configuration to the issuer that the metadata of the named one names", () =>
    Effect.gen(function* () {
      const tenant = `${as}/tenant`
      const evil = { ...issuer, token_endpoint: "https://evil.test/token" }
      const answers = {
        [atPath]: json({ ...resource, authorization_servers: [tenant] }),
        [`${as}/.well-known/oauth-authorization-server/tenant`]: json(evil)
      }
      const of = serverNamed("notion", { issuer: as })
      // Its own metadata counts, and never what another place says about it.
      const found = yield* discover({ ...answers, [asMetadata]: json(issuer) }, of).asking
      assert.strictEqual(found.metadata.token_endpoint, issuer.token_endpoint)
      const error = yield* Effect.flip(discover(answers, of).asking)
      assert.strictEqual(error._tag === "DiscoveryError" && error.reason, "no metadata")
    })
  )

  it.effect.each([
    ["http://192.168.1.5", "http://192.168.1.5:9000", true],
    ["http://nas.local", "http://nas.local", true],
    ["http://mcp:8000", "http://as:9000", true],
    ["http://192.168.1.5", "http://as.test", false],
    ["http://192.168.1.5", "http://203.0.113.9", false]
  ] as const)("uses http in a private network only if the entry allows it: %s", ([host, named, isUsed]) =>
    Effect.gen(function* () {
      const at = new URL("/mcp", host)
      const metadata = { issuer: named, authorization_endpoint: `${named}/a`, token_endpoint: `${named}/t` }
      const answers = {
        [at.href]: refused(),
        [`${host}/.well-known/oauth-protected-resource/mcp`]: json({
          resource: at.href,
          authorization_servers: [named]
        }),
        [`${named}/.well-known/oauth-authorization-server`]: json(metadata)
      }
      const names = { mcp: ["10.0.0.2"], as: ["10.0.0.3"], "nas.local": ["10.0.0.4"] }
      const entry = { ...server, url: at }
      const found = yield* Effect.result(discover(answers, { ...entry, allowHttp: true }, names).asking)
      assert.strictEqual(Result.isSuccess(found), isUsed)
      assert.isTrue(Result.isFailure(yield* Effect.result(discover(answers, entry, names).asking)))
    })
  )

  it.effect("sends no request from a public server to this machine, or to a place without TLS", () =>
    Effect.gen(function* () {
      for (const place of [
        "http://127.0.0.1:9",
        "https://localhost",
        "https://a.localhost.",
        "https://[::ffff:127.0.0.1]",
        "http://as.test",
        "file:///etc"
      ]) {
        const { asked, asking } = discover({ [mcp]: refused(`Bearer resource_metadata="${place}/x"`) })
        assert.strictEqual((yield* Effect.flip(asking))._tag, "DiscoveryError")
        assert.deepEqual(asked(), [mcp])
        const endpoint = discover({
          [atPath]: json(resource),
          [asMetadata]: json({ ...issuer, token_endpoint: `${place}/token` })
        })
        assert.strictEqual((yield* Effect.flip(endpoint.asking))._tag, "DiscoveryError")
        const registration = discover({
          [atPath]: json(resource),
          [asMetadata]: json({ ...issuer, registration_endpoint: `${place}/register` })
        })
        assert.strictEqual((yield* Effect.flip(registration.asking))._tag, "DiscoveryError")
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

  it.effect.each<readonly [string, "broken" | (() => Response) | undefined]>([
    ["https://internal.test/prm", "broken"],
    ["http://notion.test/prm", undefined],
    ["http://notion.test:8000/prm", undefined],
    ["https://other.test/prm", () => new Response("", { status: 503 })]
  ])(
    "goes on with the server's own places where the address in its challenge cannot be used: %s",
    ([named, at]) =>
      Effect.gen(function* () {
        const challenge = refused(`Bearer resource_metadata="${named}"`)
        const broken = at === undefined ? {} : { [named]: at }
        const { asked, asking } = discover({
          [mcp]: challenge,
          ...broken,
          [atPath]: json(resource),
          [asMetadata]: json(issuer)
        })
        assert.strictEqual((yield* asking).metadata.issuer, as)
        if (at === undefined) assert.notInclude(asked(), named)
        // The reason is told where those have nothing either.
        const error = yield* Effect.flip(discover({ [mcp]: challenge, ...broken }).asking)
        assert.include(error.message, at === undefined ? "its challenge" : new URL(named).origin)
      })
  )

  it.effect.each([
    ["authorization_response_iss_parameter_supported", "false", false],
    ["authorization_response_iss_parameter_supported", "True", true],
    ["client_id_metadata_document_supported", 1, undefined],
    ["revocation_endpoint", { href: "https://as.test/revoke" }, undefined],
    ["registration_endpoint", false, undefined],
    ["scopes_supported", "a b", ["a", "b"]]
  ] as const)("reads an odd %s of %j as %j, and the rest of the document", ([member, value, expected]) =>
    Effect.gen(function* () {
      const { asking } = discover({
        [atPath]: json(resource),
        [asMetadata]: json({ ...issuer, [member]: value })
      })
      const { metadata } = yield* asking
      assert.deepEqual(metadata[member], expected as never)
      assert.strictEqual(metadata.token_endpoint, issuer.token_endpoint)
    })
  )

  it.effect("reads texts without the line break at their end, and a path of RFC 8414 that is appended", () =>
    Effect.gen(function* () {
      const tenant = `${as}/tenant`
      const { asking } = discover({
        [atPath]: json({ resource: `${mcp}\n`, authorization_servers: [` ${tenant}\r\n`] }),
        [`${tenant}/.well-known/oauth-authorization-server`]: json({ ...issuer, issuer: `${tenant}\n` })
      })
      const { metadata, resource: found } = yield* asking
      assert.deepEqual([found, metadata.issuer], [mcp, tenant])
    })
  )

  it.effect.each([
    ["read,write", undefined, ["read", "write"]],
    [undefined, ["read,write"], ["read", "write"]],
    ["other,more", undefined, ["other,more"]]
  ] as const)("reads the scopes %j and %j by those of the metadata", ([challenged, supported, expected]) =>
    Effect.gen(function* () {
      const { asking } = discover({
        [mcp]: refused(challenged === undefined ? "Bearer" : `Bearer scope="${challenged}"`),
        [atPath]: json({ ...resource, scopes_supported: supported }),
        [asMetadata]: json({ ...issuer, scopes_supported: ["read", "write"] })
      })
      assert.deepEqual((yield* asking).scopes, expected)
    })
  )

  it.effect("does not advise to configure an issuer that is no URL", () =>
    Effect.gen(function* () {
      const { asking } = discover({
        [atPath]: json(resource),
        [asMetadata]: json({ ...issuer, issuer: "/" })
      })
      const text = errorText(yield* Effect.flip(asking))
      assert.notInclude(text, '"issuer"')
      assert.include(text, "registration_url")
    })
  )

  it.effect.each<readonly [unknown, string]>([
    [{ ...issuer, token_endpoint: undefined }, 'has no "token_endpoint"'],
    [{ ...issuer, token_endpoint: null }, 'has no "token_endpoint"'],
    [{ ...issuer, token_endpoint: 7 }, 'has no usable "token_endpoint"'],
    [{ ...issuer, issuer: undefined }, 'has no "issuer"'],
    [[issuer], "is not a JSON object"]
  ])("says what is wrong with metadata that is there: %j", ([document, what]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        discover({ [atPath]: json(resource), [asMetadata]: json(document) }).asking
      )
      assert.include(error.message, `the metadata at ${asMetadata} ${what}.`)
    })
  )

  it.effect.each<readonly [unknown, string]>([
    [{ ...resource, resource: undefined }, 'has no "resource"'],
    [{ ...resource, resource: [mcp] }, 'has no usable "resource"'],
    ["{", "is not a JSON object"]
  ])("says what is wrong with the metadata of the resource: %j", ([document, what]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        discover({ [mcp]: refused(`Bearer resource_metadata="${atPath}"`), [atPath]: json(document) }).asking
      )
      assert.include(error.message, `the metadata at ${atPath} ${what}.`)
    })
  )

  it.effect.each<readonly [string, string, string]>([
    [asMetadata, as, asMetadata],
    [asOpenId, as, asMetadata],
    [`${asMetadata}/tenant`, `${as}/tenant`, `${asMetadata}/tenant`],
    [`${as}/tenant/.well-known/openid-configuration`, `${as}/tenant`, `${asMetadata}/tenant`],
    [`${as}/tenant/.well-known/oauth-authorization-server`, `${as}/tenant`, `${asMetadata}/tenant`]
  ])("takes the address of metadata for its issuer: %s", ([listed, name, place]) =>
    Effect.gen(function* () {
      const { asking } = discover({
        [atPath]: json({ ...resource, authorization_servers: [listed] }),
        [place]: json({ ...issuer, issuer: name })
      })
      assert.strictEqual((yield* asking).metadata.issuer, name)
      // Its metadata must still be that of the issuer.
      const other = discover({
        [atPath]: json({ ...resource, authorization_servers: [listed] }),
        [place]: json({ ...issuer, issuer: "https://other.test" })
      })
      assert.deepInclude(yield* Effect.flip(other.asking), { reason: "issuer mismatch" })
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

  it.effect.each([429, 500, 503])(
    "does not take a server that is away for one that wants no token: %i",
    (status) =>
      Effect.gen(function* () {
        const { asked, asking } = discover({ [mcp]: () => new Response("", { status }) })
        assert.strictEqual((yield* Effect.flip(asking))._tag, "NetworkError")
        assert.deepEqual(asked(), [mcp, mcp, mcp, mcp])
      })
  )

  it.effect("goes on once the server is back", () =>
    Effect.gen(function* () {
      let requests = 0
      const { asking } = discover({
        [mcp]: () => (++requests < 3 ? new Response("", { status: 502 }) : refused()()),
        [atPath]: json(resource),
        [asMetadata]: json(issuer)
      })
      assert.strictEqual((yield* asking).metadata.issuer, as)
    })
  )

  it.effect.each([
    ["its server", { [mcp]: () => new Response(null, { status: 501 }) }, "https://notion.test"],
    [
      "its metadata",
      { [mcp]: refused(), [atPath]: () => new Response("", { status: 500 }) },
      "https://notion.test"
    ]
  ] as const)("names the status with which %s is unavailable", ([, answers, origin]) =>
    Effect.gen(function* () {
      const error = errorText(yield* Effect.flip(discover(answers).asking))
      assert.match(error, new RegExp(`^${origin} is not available now \\(HTTP 50[01]\\)\\.`))
      assert.notInclude(error, "network")
    })
  )

  it.effect("names where a server has moved to", () =>
    Effect.gen(function* () {
      const { asking } = discover({ [mcp]: () => Response.redirect("https://new.test/mcp?secret", 308) })
      const { message } = yield* Effect.flip(asking)
      assert.include(message, "redirects to https://new.test/mcp.")
      assert.notInclude(message, "secret")
    })
  )

  it.effect("cannot be done for a server that no request can be sent to", () =>
    Effect.gen(function* () {
      const { asked, asking } = discover({}, { ...server, url: new URL("https://u:p@notion.test/mcp") })
      assert.strictEqual((yield* Effect.flip(asking))._tag, "DiscoveryError")
      assert.deepEqual(asked(), [])
    })
  )

  describe("of a server without a challenge and metadata", () => {
    const rpc = { jsonrpc: "2.0", id: 1 }
    const stream = (text = ": hello\n\n") =>
      new Response(text, { headers: { "content-type": "text/event-stream" } })
    const message = `data: ${JSON.stringify({ ...rpc, result: {} })}`
    const endpoint = "event: endpoint\ndata: /messages\n\n"
    const openStream = (text: string) =>
      new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode(text)) })
    const page = () => new Response("<title>App</title>", { headers: { "content-type": "text/html" } })
    const isGreeting = ({ method }: Sent) => method === "POST"

    it.effect.each<readonly [string, (request: Sent) => Response]>([
      ["a result", () => Response.json({ ...rpc, result: {} })],
      [
        "an error",
        () => Response.json({ ...rpc, error: { code: -32000, message: "No session" } }, { status: 400 })
      ],
      ["an error of 2026-07-28", () => Response.json({ ...rpc, error: { code: -32601 } }, { status: 404 })],
      ["a stream", () => stream(`: hello\r\nevent: message\r\n${message}\r\n\r\n`)],
      ["a stream that does not end", () => new Response(openStream(`${message}\n\n`), stream())],
      ["a stream whose last line does not end", () => stream(message)],
      [
        "405, and a stream of the older transport",
        (request) => (isGreeting(request) ? new Response(null, { status: 405 }) : stream(endpoint))
      ],
      [
        "404, and a stream of the older transport",
        (request) => (isGreeting(request) ? new Response(null, { status: 404 }) : stream(endpoint))
      ]
    ])("says that it requires no sign-in if it answers with %s", ([, answer]) =>
      Effect.gen(function* () {
        const { asking } = discover({ [mcp]: answer })
        assert.strictEqual((yield* Effect.flip(asking))._tag, "SignInNotOffered")
      })
    )

    it.effect.each<readonly [string, () => Response]>([
      ["HTTP 404", () => new Response("no", { status: 404 })],
      ["HTTP 405", () => new Response(null, { status: 405 })],
      ["HTTP 400", () => Response.json({ error: "bad" }, { status: 400 })],
      ["HTTP 402", () => Response.json({ error: "payment_required" }, { status: 402 })],
      ["HTTP 403", () => new Response("<h1>Blocked</h1>", { status: 403 })],
      ["HTTP 410", () => new Response(null, { status: 410 })],
      ["HTTP 200 with text/html", page],
      ["HTTP 200 with nothing", () => new Response(null)],
      ["HTTP 204 with nothing", () => new Response(null, { status: 204 })],
      ["HTTP 200 with application/json", () => Response.json({ ok: true })],
      ["HTTP 200 with text/event-stream", () => stream("")],
      ["HTTP 200 with text/event-stream", () => stream(": hello\n\nevent: ping\ndata: {}\n\n")]
    ])("says what to check if it answers %s", ([what, answer]) =>
      Effect.gen(function* () {
        const { asking } = discover({ [mcp]: answer })
        const error = errorText(yield* Effect.flip(asking))
        assert.include(error, `it answers ${what}, and not as an MCP server`)
        assert.include(error, 'Check "url" and "type" in the entry of notion.')
        assert.include(error, "/mcp")
        assert.notInclude(error, "as it is")
      })
    )

    it.effect("says what to check if a GET opens a stream of something else", () =>
      Effect.gen(function* () {
        const { asking } = discover({
          [mcp]: (request) =>
            isGreeting(request)
              ? new Response(null, { status: 405 })
              : stream("event: tick\ndata: endpoint\n\n")
        })
        assert.include(errorText(yield* Effect.flip(asking)), "it answers HTTP 405, and not as an MCP server")
      })
    )

    it.effect("continues with a 401 that only its greeting gets", () =>
      Effect.gen(function* () {
        let isPinged = false
        const { asking } = discover({
          [mcp]: () => {
            const first = !isPinged
            isPinged = true
            return first ? Response.json({ ...rpc, result: {} }) : refused('Bearer scope="late"')()
          },
          "https://notion.test/.well-known/oauth-authorization-server": json({
            issuer: "https://notion.test",
            authorization_endpoint: "https://notion.test/authorize",
            token_endpoint: "https://notion.test/token"
          })
        })
        assert.deepEqual((yield* asking).scopes, ["late"])
      })
    )

    it.effect("ends the session that the greeting opened", () =>
      Effect.gen(function* () {
        const { asking, sent } = discover({
          [mcp]: () => Response.json({ ...rpc, result: {} }, { headers: { "mcp-session-id": "s1" } })
        })
        yield* Effect.flip(asking)
        assert.strictEqual(sent.at(-1)?.method, "DELETE")
        assert.strictEqual(sent.at(-1)?.headers.get("mcp-session-id"), "s1")
      })
    )

    it.effect("follows a redirect within the origin, with the request", () =>
      Effect.gen(function* () {
        const { asking, sent } = discover({
          [mcp]: () => new Response(null, { status: 307, headers: { location: "/mcp/" } }),
          [`${mcp}/`]: () => Response.json({ ...rpc, result: {} })
        })
        assert.strictEqual((yield* Effect.flip(asking))._tag, "SignInNotOffered")
        const greeted = sent.filter(({ url }) => url === `${mcp}/`).map(({ body }) => JSON.parse(body).method)
        assert.deepEqual(greeted, ["ping", "initialize"])
      })
    )
  })

  it.effect("refuses an endless document", () =>
    Effect.gen(function* () {
      const { asking } = discover({ [atPath]: () => new Response("x".repeat(1_100_000)) })
      assert.include((yield* Effect.flip(asking)).message, "over 1 MiB")
    })
  )

  it.effect("asks one authorization server after the other, until the metadata of one can be used", () =>
    Effect.gen(function* () {
      const place = (name: string) => `https://${name}.test/.well-known/oauth-authorization-server`
      const of = (name: string) => ({
        issuer: `https://${name}.test`,
        authorization_endpoint: `https://${name}.test/authorize`,
        token_endpoint: `https://${name}.test/token`
      })
      const { asking } = discover({
        [atPath]: json({
          ...resource,
          authorization_servers: [
            "https://swapped.test",
            "https://script.test",
            "https://down.test",
            "https://10.0.0.1",
            "https://query.test?x",
            as,
            "https://later.test"
          ]
        }),
        [place("swapped")]: json(of("other")),
        [place("script")]: json({ ...of("script"), authorization_endpoint: "javascript:alert(1)" }),
        [place("down")]: "broken",
        [asMetadata]: json(issuer),
        [place("later")]: json(of("later"))
      })
      assert.strictEqual((yield* asking).metadata.issuer, as)
    })
  )

  it.effect("asks nobody for an issuer with a query or a fragment, which no issuer has", () =>
    Effect.gen(function* () {
      for (const name of [`${as}/?tenant=1`, `${as}/#x`]) {
        const { asked, asking } = discover({
          [atPath]: json({ ...resource, authorization_servers: [name] }),
          [asMetadata]: json({ ...issuer, issuer: name })
        })
        assert.strictEqual((yield* Effect.flip(asking))._tag, "DiscoveryError")
        assert.deepEqual(asked(), [mcp, atPath])
      }
    })
  )

  it.effect("says first what may pass where no authorization server can be used", () =>
    Effect.gen(function* () {
      const { asking } = discover({
        [atPath]: json({ ...resource, authorization_servers: ["https://10.0.0.1", "https://down.test"] }),
        "https://down.test/.well-known/oauth-authorization-server": "broken"
      })
      const error = yield* Effect.flip(asking)
      assert.strictEqual(error._tag, "NetworkError")
      assert.include(error.message, "https://down.test")
    })
  )

  it.effect("asks ten authorization servers of one document and no more", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 12 }, (_, index) => `https://as${index}.test`)
      const { asked, asking } = discover({ [atPath]: json({ ...resource, authorization_servers: many }) })
      assert.strictEqual((yield* Effect.flip(asking))._tag, "DiscoveryError")
      assert.lengthOf(
        asked().filter((url) => url.includes("oauth-authorization-server")),
        10
      )
    })
  )

  it.effect("goes on to the next place where one holds the metadata of another issuer", () =>
    Effect.gen(function* () {
      const { asking } = discover({
        [atPath]: json(resource),
        [asMetadata]: json({ ...issuer, issuer: "https://other.test" }),
        [asOpenId]: json(issuer)
      })
      assert.strictEqual((yield* asking).metadata.issuer, as)
    })
  )

  it.effect("uses the authorization server that the configuration names, and no other", () =>
    Effect.gen(function* () {
      const listed = { ...resource, authorization_servers: ["https://first.test", as] }
      const first = "https://first.test/.well-known/oauth-authorization-server"
      const chosen = (name: string) => serverNamed("notion", { issuer: name })
      const found = discover({ [atPath]: json(listed), [asMetadata]: json(issuer) }, chosen(as))
      assert.strictEqual((yield* found.asking).metadata.issuer, as)
      assert.notInclude(found.asked(), first)
      for (const other of [`${as}/tenant`, "https://AS.test", "https://third.test"]) {
        const { asked, asking } = discover(
          { [atPath]: json(listed), [asMetadata]: json(issuer) },
          chosen(other)
        )
        const error = yield* Effect.flip(asking)
        assert.strictEqual(error._tag === "DiscoveryError" && error.reason, "issuer not listed")
        assert.include(errorText(error), `names https://first.test, ${as} as its authorization servers`)
        assert.include(errorText(error), `Set "issuer" in the oauth block of notion`)
        // Only what the listed ones say of themselves is read.
        for (const url of asked().slice(2)) assert.match(url, /^https:\/\/(first|as)\.test\//)
      }
    })
  )

  it.effect("asks the issuer of the configuration where the server names none", () =>
    Effect.gen(function* () {
      const of = serverNamed("notion", { issuer: as })
      const { asking } = discover({ [asMetadata]: json(issuer) }, of)
      assert.strictEqual((yield* asking).metadata.issuer, as)
      const nowhere = yield* Effect.flip(discover({}, of).asking)
      assert.strictEqual(nowhere._tag === "DiscoveryError" && nowhere.reason, "no metadata")
      assert.include(nowhere.message, `no metadata of an authorization server at ${as}`)
    })
  )

  it.effect("falls back to the endpoints of revision 2025-03-26 where there is no metadata at all", () =>
    Effect.gen(function* () {
      const { asked, asking } = discover({})
      const { metadata, resource: parameter, scopes } = yield* asking
      assert.strictEqual(metadata.issuer, "https://notion.test")
      assert.strictEqual(metadata.authorization_endpoint, "https://notion.test/authorize")
      assert.deepEqual(metadata.code_challenge_methods_supported, ["S256"])
      assert.strictEqual(parameter, mcp)
      assert.deepEqual(scopes, [])
      assert.deepEqual(asked(), [
        mcp,
        atPath,
        atRoot,
        "https://notion.test/.well-known/oauth-authorization-server",
        "https://notion.test/.well-known/openid-configuration"
      ])
      // A server with metadata of its resource is of a later revision, and has no such fallback.
      const later = discover({ [atPath]: json({ resource: mcp }) })
      assert.include((yield* Effect.flip(later.asking)).message, "no metadata of an authorization server")
      const down = discover({ "https://notion.test/.well-known/openid-configuration": "broken" })
      assert.strictEqual((yield* Effect.flip(down.asking))._tag, "NetworkError")
    })
  )

  it.effect("leaves it to the sign-in what silence about PKCE means", () =>
    Effect.gen(function* () {
      const answers = { [atPath]: json(resource), [asMetadata]: json(issuer) }
      for (const assumePkce of [undefined, true]) {
        const { asking } = discover(answers, serverNamed("notion", { assumePkce }))
        assert.isUndefined((yield* asking).metadata.code_challenge_methods_supported)
      }
    })
  )

  it.effect("uses metadata again for five minutes, but not after a challenge", () =>
    Effect.gen(function* () {
      const network = wire({ [mcp]: refused(), [atPath]: json(resource), [asMetadata]: json(issuer) })
      const asked = () => network.sent.splice(0).map(({ url }) => url)
      yield* Effect.gen(function* () {
        const { discover: find } = yield* Port
        yield* find(server, undefined)
        assert.deepEqual(asked(), [mcp, atPath, asMetadata])
        yield* TestClock.adjust("4 minutes")
        yield* find(server, undefined)
        assert.deepEqual(asked(), [mcp])
        const challenge = { error: undefined, scope: undefined, resourceMetadata: undefined }
        yield* find(server, challenge)
        assert.deepEqual(asked(), [atPath, asMetadata])
        // What the challenge found is new, and kept from then on.
        yield* TestClock.adjust("4 minutes")
        yield* find(server, undefined)
        assert.deepEqual(asked(), [mcp])
        yield* TestClock.adjust("1 minute")
        yield* find(server, undefined)
        assert.deepEqual(asked(), [mcp, atPath, asMetadata])
        // No server lives on what another one said.
        const allowed = serverNamed("notion", { allowPrivateAddresses: true })
        yield* find(allowed, undefined)
        assert.deepEqual(asked(), [mcp, atPath, asMetadata])
      }).pipe(Effect.provide(Discovery.layer.pipe(Layer.provide([network.layer, names()]))))
    })
  )

  it.effect("keeps nothing of what led nowhere", () =>
    Effect.gen(function* () {
      let swapped = true
      const network = wire({
        [mcp]: refused(),
        [atPath]: json(resource),
        [asMetadata]: () => Response.json(swapped ? { ...issuer, issuer: "https://other.test" } : issuer)
      })
      yield* Effect.gen(function* () {
        const { discover: find } = yield* Port
        assert.strictEqual((yield* Effect.flip(find(server, undefined)))._tag, "DiscoveryError")
        swapped = false
        assert.strictEqual((yield* find(server, undefined)).metadata.issuer, as)
      }).pipe(Effect.provide(Discovery.layer.pipe(Layer.provide([network.layer, names()]))))
    })
  )

  it.effect("ends in time however long each part of it takes", () =>
    Effect.gen(function* () {
      const dripping = () =>
        new Response(new ReadableStream({ start: (out) => out.enqueue(Uint8Array.of(32)) }))
      const one = discover({ [atPath]: dripping })
      const error = yield* Effect.flip(one.asking)
      assert.strictEqual(error._tag, "NetworkError")
      assert.include(error.message, "within 30 seconds")
      const listed = Array.from({ length: 10 }, (_, index) => `https://as${index}.test`)
      const all = discover({
        [atPath]: json({ ...resource, authorization_servers: listed }),
        ...Object.fromEntries(
          listed.map((name) => [`${name}/.well-known/oauth-authorization-server`, dripping])
        )
      })
      assert.include((yield* Effect.flip(all.asking)).message, "within 60 seconds")
    })
  )
})
