import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import * as FetchTransport from "../../../src/adapters/http/FetchTransport.ts"
import { HostAddresses } from "../../../src/adapters/http/HostAddresses.ts"
import * as ClientRegistrar from "../../../src/adapters/oauth/ClientRegistrar.ts"
import * as Discovery from "../../../src/adapters/oauth/Discovery.ts"
import * as DpopProofs from "../../../src/adapters/oauth/DpopProofs.ts"
import * as TokenEndpoint from "../../../src/adapters/oauth/TokenEndpoint.ts"
import { AuthorizationServerMetadata } from "../../../src/domain/AuthorizationServer.ts"
import type { RemoteServer } from "../../../src/domain/Server.ts"
import { ClientRegistrar as Registrar } from "../../../src/ports/ClientRegistrar.ts"
import { Discovery as Port, type DiscoveryRefusal } from "../../../src/ports/Discovery.ts"
import { HttpTransport } from "../../../src/ports/HttpTransport.ts"
import { TokenEndpoint as Tokens } from "../../../src/ports/TokenEndpoint.ts"
import { endpointRows, oauthEndpoints, optionalEndpoints } from "../../../src/domain/OAuthEndpoints.ts"
import { serverNamed } from "../../app/World.ts"

type Answer = (response: ServerResponse, request: IncomingMessage) => void

const json =
  (value: unknown): Answer =>
  (response) =>
    void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value))
const challenged =
  (resourceMetadata?: string): Answer =>
  (response) =>
    void response
      .writeHead(401, {
        "www-authenticate":
          resourceMetadata === undefined ? "Bearer" : `Bearer resource_metadata="${resourceMetadata}"`
      })
      .end()
const redirect =
  (location: string, status = 302): Answer =>
  (response) =>
    void response.writeHead(status, { location }).end()

const mcp = "https://hostile.test/mcp"
const prm = "https://hostile.test/.well-known/oauth-protected-resource/mcp"
const as = "https://as.test"
const asMetadata = `${as}/.well-known/oauth-authorization-server`
const resource = { resource: mcp, authorization_servers: [as] }
const metadata = { issuer: as, authorization_endpoint: `${as}/authorize`, token_endpoint: `${as}/token` }

/** Names as an attacker's own resolver may answer for them; any other one is a public host. */
const resolver: Readonly<Record<string, ReadonlyArray<string>>> = {
  "internal.test": ["10.1.2.3"],
  "mixed.test": ["203.0.113.9", "192.168.1.1"],
  "here.test": ["::1"],
  "mapped.test": ["::ffff:169.254.169.254"],
  "metadata.google.internal": ["169.254.169.254"],
  "private.test": ["10.0.0.7", "fd00::7"]
}

/**
 * A hostile server on a real socket of loopback, which plays every host that has an answer here: requests to public
 * names are sent to it, and what they asked for is remembered.
 */
const hostile = Effect.fnUntraced(function* (answers: Readonly<Record<string, Answer>>) {
  const asked: Array<string> = []
  const http = createServer((request, response) => {
    const url = String(request.headers["x-asked-url"])
    asked.push(url)
    const answer = answers[url]
    if (answer === undefined) response.writeHead(404).end()
    else answer(response, request)
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void http.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.sync(() => {
        http.close()
        http.closeAllConnections()
      })
  )
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const network = Layer.effect(
    HttpTransport,
    Effect.map(HttpTransport, (real) =>
      HttpTransport.of({
        send: (request, options) => {
          const headers = new Headers(request.headers)
          headers.set("x-asked-url", request.url)
          const to = new Request(origin, {
            method: request.method,
            headers,
            body: request.body,
            duplex: "half"
          } as RequestInit)
          return real.send(to, options)
        }
      })
    )
  ).pipe(Layer.provide(FetchTransport.layer))
  const names = Layer.succeed(HostAddresses, (name) => Effect.succeed(resolver[name] ?? ["203.0.113.7"]))
  const layer = Layer.mergeAll(Discovery.layer, ClientRegistrar.layer, TokenEndpoint.layer).pipe(
    Layer.provide([network, names, DpopProofs.layer])
  )
  return { asked, layer }
})

const server = serverNamed("hostile")

const namedBy = Effect.fnUntraced(function* (page: string, answers: Readonly<Record<string, Answer>>) {
  const { asked, layer } = yield* hostile(answers)
  const found = yield* Port.use((discovery) => discovery.tokenEndpointsFor(server, new URL(page))).pipe(
    Effect.provide(layer)
  )
  return { asked, found: found.map(({ href }) => href) }
})

describe("what the page of a sign-in says about itself", () => {
  const own = (at: string, token: string, page = `${at}/authorize`): Answer =>
    json({ issuer: "https://any.test", authorization_endpoint: page, token_endpoint: token })

  it.live.each<readonly [string, string]>([
    ["https://google.test/o/oauth2/v2/auth", "https://google.test/.well-known/openid-configuration"],
    [
      "https://github.test/login/oauth/authorize",
      "https://github.test/.well-known/oauth-authorization-server/login/oauth"
    ],
    [
      "https://kc.test/realms/a/protocol/openid-connect/auth",
      "https://kc.test/realms/a/.well-known/openid-configuration"
    ]
  ])("is found above %s", ([page, at]) =>
    Effect.gen(function* () {
      const { found } = yield* namedBy(page, { [at]: own(new URL(page).origin, "https://token.test/token") })
      assert.deepEqual(found, ["https://token.test/token"])
    })
  )

  it.live("counts from the root downwards, and only about this origin", () =>
    Effect.gen(function* () {
      const at = "https://as.test/.well-known/oauth-authorization-server"
      const { asked, found } = yield* namedBy("https://as.test/a/authorize", {
        [at]: own("https://elsewhere.test", "https://elsewhere.test/token"),
        [`${at}/a`]: own("https://as.test", "https://as.test/a/token"),
        "https://as.test/.well-known/openid-configuration": (response) => void response.end("<html>")
      })
      assert.deepEqual(found, ["https://as.test/a/token"])
      assert.lengthOf(asked, 6)
    })
  )

  it.live("is nothing if there is no metadata, or if it only redirects to a private address", () =>
    Effect.gen(function* () {
      assert.deepEqual((yield* namedBy("https://as.test/authorize", {})).found, [])
      const { found } = yield* namedBy("https://as.test/authorize", {
        [asMetadata]: redirect("https://internal.test/x")
      })
      assert.deepEqual(found, [])
    })
  )
})
const allowed = serverNamed("hostile", { allowPrivateAddresses: true })
const at = (url: string): RemoteServer => ({ ...server, url: new URL(url) })

const discover = Effect.fnUntraced(function* (answers: Readonly<Record<string, Answer>>, of = server) {
  const { asked, layer } = yield* hostile({ [mcp]: challenged(), ...answers })
  const found = Port.use((discovery) => discovery.discover(of, undefined)).pipe(Effect.provide(layer))
  return { asked, found }
})

/** Discovery ends in this refusal, with a next step, and has asked for these addresses only. */
const refuses = Effect.fnUntraced(function* (
  reason: DiscoveryRefusal,
  answers: Readonly<Record<string, Answer>>,
  expected: ReadonlyArray<string> | undefined = undefined,
  of = server
) {
  const { asked, found } = yield* discover(answers, of)
  const error = yield* Effect.flip(found)
  assert.strictEqual(error._tag, "DiscoveryError", error.message)
  assert.strictEqual(error._tag === "DiscoveryError" && error.reason, reason, error.message)
  if (expected !== undefined) assert.deepEqual(asked, expected)
  return errorText(error)
})

const inside: ReadonlyArray<string> = [
  "https://127.0.0.1",
  "http://127.0.0.1:9",
  "https://localhost",
  "https://2130706433",
  "https://0",
  "https://10.0.0.1",
  "https://172.16.0.1",
  "https://192.168.1.1",
  "https://100.64.0.1",
  "https://169.254.169.254",
  "http://169.254.169.254",
  "https://224.0.0.1",
  "https://[::1]",
  "https://[::]",
  "https://[fd00:ec2::254]",
  "https://[fe80::1]",
  "https://[ff02::1]",
  "https://[::ffff:10.0.0.1]",
  "https://[64:ff9b::a00:1]",
  "https://internal.test",
  "https://mixed.test",
  "https://here.test",
  "https://mapped.test",
  "https://metadata.google.internal"
]

describe("a public server that points inside", () => {
  it.live.each(inside)("in its challenge is refused, and nothing is asked for there: %s", (place) =>
    Effect.gen(function* () {
      const message = yield* refuses("private address", { [mcp]: challenged(`${place}/secret?key`) }, [mcp])
      assert.include(message, `"allow_private_addresses": true in the oauth block of hostile`)
      assert.notInclude(message, "secret")
    })
  )

  it.live.each(inside)("as its authorization server is refused: %s", (place) =>
    refuses("private address", { [prm]: json({ ...resource, authorization_servers: [place] }) }, [mcp, prm])
  )

  it.live.each(inside)("by a redirect of its metadata is refused: %s", (place) =>
    Effect.gen(function* () {
      const { asked, found } = yield* discover({ [prm]: redirect(`${place}/`) })
      const error = yield* Effect.flip(found)
      // Without TLS the redirect itself is reason enough.
      const reason = place.startsWith("http:") ? "redirect" : "private address"
      assert.strictEqual(error._tag === "DiscoveryError" && error.reason, reason)
      assert.deepEqual(asked, [mcp, prm])
    })
  )

  it.live.each(endpointRows.map(({ metadataKey }) => metadataKey))("by its %s is refused", (endpoint) =>
    Effect.gen(function* () {
      for (const place of ["https://10.0.0.1/x", "https://mixed.test/x", "http://localhost:9/x"]) {
        const message = yield* refuses("private address", {
          [prm]: json(resource),
          [asMetadata]: json({ ...metadata, [endpoint]: place })
        })
        assert.include(message, endpoint)
      }
    })
  )

  it.live("may do so once the configuration allows it, though never without TLS", () =>
    Effect.gen(function* () {
      const answers = {
        [prm]: json(resource),
        [asMetadata]: json({ ...metadata, token_endpoint: "https://10.0.0.1/token" })
      }
      const { found } = yield* discover(answers, allowed)
      assert.strictEqual((yield* found).metadata.token_endpoint, "https://10.0.0.1/token")
      const plain = {
        ...answers,
        [asMetadata]: json({ ...metadata, token_endpoint: "http://10.0.0.1/token" })
      }
      yield* refuses("insecure URL", plain, undefined, allowed)
    })
  )
})

describe("a server on a private network", () => {
  const home = (of: string) => {
    const { href, origin, pathname } = new URL(of)
    return (endpoint: string) => ({
      [href]: challenged(),
      [`${origin}/.well-known/oauth-protected-resource${pathname}`]: json({ ...resource, resource: href }),
      [asMetadata]: json({ ...metadata, token_endpoint: endpoint })
    })
  }

  it.live.each<readonly [of: string, endpoint: string]>([
    ["https://10.0.0.5/mcp", "https://192.168.0.9/token"],
    ["https://private.test/mcp", "https://internal.test/token"],
    ["https://private.test/mcp", "https://public.test/token"],
    ["http://127.0.0.1:3000/mcp", "http://localhost:4000/token"],
    ["http://localhost:3000/mcp", "https://10.0.0.1/token"],
    ["https://here.test/mcp", "https://localhost/token"]
  ])("may point to its neighbours: %s to %s", ([of, endpoint]) =>
    Effect.gen(function* () {
      const { found } = yield* discover(home(of)(endpoint), at(of))
      assert.strictEqual((yield* found).metadata.token_endpoint, endpoint)
    })
  )

  it.live.each<readonly [of: string, endpoint: string]>([
    // Whoever has one public address among others is public.
    ["https://mixed.test/mcp", "https://internal.test/token"],
    // What this machine serves to itself is for nobody else.
    ["https://10.0.0.5/mcp", "http://localhost:4000/token"],
    ["https://private.test/mcp", "https://[::ffff:127.0.0.1]/token"]
  ])("is one only if all of it is, and reaches no further in: %s to %s", ([of, endpoint]) =>
    refuses("private address", home(of)(endpoint), undefined, at(of))
  )
})

describe("metadata that lies", () => {
  it.live("of another resource leads nowhere", () =>
    Effect.gen(function* () {
      for (const other of [
        "https://victim.test/mcp",
        `${mcp}#x`,
        "https://u:p@hostile.test/mcp",
        `${mcp}/deeper`
      ]) {
        const message = yield* refuses(
          "resource mismatch",
          { [prm]: json({ ...resource, resource: other }), [asMetadata]: json(metadata) },
          [mcp, prm]
        )
        assert.include(message, `Check "url" in the entry of hostile`)
      }
    })
  )

  it.live("of another issuer, or of the same one otherwise written, is not used", () =>
    Effect.gen(function* () {
      for (const other of ["https://attacker.test", `${as}//`, "https://AS.test", "https://as.test:443"]) {
        const message = yield* refuses("issuer mismatch", {
          [prm]: json(resource),
          [asMetadata]: json({ ...metadata, issuer: other })
        })
        assert.include(message, other)
        assert.include(message, `If you know that issuer, and trust it, set "issuer": "${other}"`)
      }
    })
  )

  it.live.each([
    "javascript:alert(document.cookie)",
    "JavaScript:alert(1)",
    "vbscript:x",
    "file:///etc/passwd",
    "data:text/html,<script>alert(1)</script>",
    "ssh://as.test",
    "http://as.test/authorize",
    "https://as.test@evil.test/authorize",
    "//as.test",
    "calc.exe"
  ])("about where a browser is sent to opens none: %s", (place) =>
    Effect.gen(function* () {
      const message = yield* refuses("authorization URL", {
        [prm]: json(resource),
        [asMetadata]: json({ ...metadata, authorization_endpoint: place })
      })
      assert.include(message, "No browser was opened")
      assert.notInclude(message, "alert")
      assert.notInclude(message, "passwd")
    })
  )

  it.live.each(["http://as.test/x", "file:///x", "https://u:p@as.test/x", "nothing"])(
    "about where tokens are is refused without TLS: %s",
    (place) =>
      Effect.gen(function* () {
        for (const endpoint of ["token_endpoint", "registration_endpoint"]) {
          yield* refuses("insecure URL", {
            [prm]: json(resource),
            [asMetadata]: json({ ...metadata, [endpoint]: place })
          })
        }
        // A sign-in does not need these.
        for (const name of optionalEndpoints) {
          const { metadataKey } = oauthEndpoints[name]
          const { found } = yield* discover({
            [prm]: json(resource),
            [asMetadata]: json({ ...metadata, [metadataKey]: place })
          })
          assert.isUndefined((yield* found).metadata[metadataKey])
        }
      })
  )

  it.live.each(["https://u:p@hostile.test/x", "http://other.test/x", "file:///x", "data:,x"])(
    "about where it is is not fetched: %s",
    (place) => refuses("insecure URL", { [mcp]: challenged(place) }, [mcp])
  )

  it.live("about TLS is asked over TLS alone", () =>
    refuses("insecure URL", { [mcp]: challenged("http://hostile.test/x") }, [
      mcp,
      prm,
      "https://hostile.test/.well-known/oauth-protected-resource"
    ])
  )
})

describe("a redirect of metadata", () => {
  it.live("from https to http is not followed, not even on this machine", () =>
    Effect.gen(function* () {
      const elsewhere = yield* refuses("redirect", { [prm]: redirect("http://hostile.test/x") }, [mcp, prm])
      assert.include(elsewhere, "from https to http")
      const local = at("https://localhost:3000/mcp")
      const own = "https://localhost:3000/.well-known/oauth-protected-resource/mcp"
      yield* refuses(
        "redirect",
        { [local.url.href]: challenged(), [own]: redirect("http://localhost:3001/x") },
        [local.url.href, own],
        local
      )
    })
  )

  it.live("is followed three times and no more", () =>
    Effect.gen(function* () {
      const hops = (count: number) => `https://hostile.test/${count}`
      const message = yield* refuses(
        "redirect",
        {
          [prm]: redirect(hops(1)),
          [hops(1)]: redirect(hops(2), 301),
          [hops(2)]: redirect(hops(3), 307),
          [hops(3)]: redirect(hops(4), 308),
          [hops(4)]: json(resource)
        },
        [mcp, prm, hops(1), hops(2), hops(3)]
      )
      assert.include(message, "more than 3 times")
    })
  )

  it.live("to what is no web address is not followed", () =>
    Effect.gen(function* () {
      for (const place of ["file:///etc/passwd", "data:,{}", "https://u:p@hostile.test/x"]) {
        yield* refuses("insecure URL", { [prm]: redirect(place) }, [mcp, prm])
      }
      yield* refuses("redirect", { [prm]: redirect("https://[") }, [mcp, prm])
    })
  )
})

describe("an answer without end", () => {
  it.live("is dropped after a mebibyte", () =>
    Effect.gen(function* () {
      const closed = yield* Deferred.make<void>()
      const endless: Answer = (response) => {
        response.writeHead(200)
        const more = () => {
          while (response.write(Buffer.alloc(65_536, " "))) if (response.destroyed) return
        }
        response.on("drain", more).once("close", () => Deferred.doneUnsafe(closed, Effect.void))
        more()
      }
      const message = yield* refuses("too long", { [prm]: endless })
      assert.include(message, "over 1 MiB")
      yield* Deferred.await(closed)
    })
  )

  it.live("is counted as it is unpacked", () =>
    Effect.gen(function* () {
      const bomb = gzipSync(Buffer.alloc(20_000_000, " "))
      assert.isBelow(bomb.length, 100_000)
      const message = yield* refuses("too long", {
        [prm]: (response) => void response.writeHead(200, { "content-encoding": "gzip" }).end(bomb)
      })
      assert.include(message, "over 1 MiB")
    })
  )

  it.effect("that drips ends by the clock", () =>
    Effect.gen(function* () {
      const arrived = yield* Deferred.make<void>()
      const { found } = yield* discover({
        [prm]: (response) => {
          response.writeHead(200)
          response.write("{")
          Deferred.doneUnsafe(arrived, Effect.void)
        }
      })
      const asking = yield* Effect.forkChild(Effect.flip(found))
      yield* Deferred.await(arrived)
      yield* TestClock.adjust("30 seconds")
      const error = yield* Fiber.join(asking)
      assert.strictEqual(error._tag, "NetworkError")
      assert.include(error.message, "no complete answer within 30 seconds")
    })
  )
})

describe("a redirect of what secrets are sent to", () => {
  const elsewhere = "https://elsewhere.test/taken"
  const client = {
    clientId: "id",
    clientSecret: Redacted.make("hidden"),
    authenticationMethod: "client_secret_post" as const
  }

  it.live.each([301, 302, 303, 307, 308])(
    "is not followed by tokens, revocations or registrations: %i",
    (status) =>
      Effect.gen(function* () {
        const place = `${as}/endpoint`
        const { asked, layer } = yield* hostile({ [place]: redirect(elsewhere, status) })
        yield* Effect.gen(function* () {
          const tokens = yield* Tokens
          const request = { server: "hostile", client }
          const errors = [
            yield* Effect.flip(
              tokens.refresh({
                ...request,
                tokenEndpoint: new URL(place),
                resource: undefined,
                refreshToken: Redacted.make("hidden")
              })
            ),
            yield* Effect.flip(
              tokens.revoke({
                ...request,
                revocationEndpoint: new URL(place),
                token: Redacted.make("hidden"),
                hint: "refresh_token"
              })
            ),
            yield* Effect.flip(
              Registrar.use((registrar) =>
                registrar.register({
                  server: "hostile",
                  metadata: new AuthorizationServerMetadata({ ...metadata, registration_endpoint: place }),
                  redirectUri: new URL("http://localhost:8080/callback"),
                  scopes: []
                })
              )
            )
          ]
          for (const { message } of errors) {
            assert.include(message, `HTTP ${status}`)
            assert.notInclude(message, "hidden")
          }
        }).pipe(Effect.provide(layer))
        assert.deepEqual(asked, [place, place, place])
      })
  )
})
