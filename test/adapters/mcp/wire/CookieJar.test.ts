import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { CookieJar } from "../../../../src/adapters/mcp/wire/CookieJar.ts"
import { McpWire } from "../../../../src/ports/McpWire.ts"
import { httpServer } from "../McpWorld.ts"
import {
  initialize,
  json,
  openWire,
  plainSend,
  post,
  request,
  scripted,
  started,
  wires
} from "./WireWorld.ts"

const at = (url: string) => new URL(url)
const server = "https://mcp.example/a/mcp"

/** What goes back to a place, after one answer of the server. */
const sentTo = (url: string, ...headers: ReadonlyArray<string>) => {
  const jar = new CookieJar()
  jar.take(at(server), headers, 1000)
  return jar.headerOf(at(url), 2000).map(({ name, value }) => `${name}=${value}`)
}

describe("the cookies of a server", () => {
  const rows: ReadonlyArray<readonly [string, ReadonlyArray<string>, string, ReadonlyArray<string>]> = [
    ["goes back", ["a=1"], server, ["a=1"]],
    ["goes back with its whole value", ['a="x=y,z"; HttpOnly'], server, ['a="x=y,z"']],
    ["replaces the one before", ["a=1", "a=2"], server, ["a=2"]],
    ["goes to paths below its own", ["a=1; Path=/a"], "https://mcp.example/a/b", ["a=1"]],
    ["goes to no path beside it", ["a=1; Path=/a"], "https://mcp.example/ab", []],
    ["has the folder of the request without a path", ["a=1"], "https://mcp.example/b", []],
    ["with a longer path comes first", ["a=1; Path=/", "b=2; Path=/a"], server, ["b=2", "a=1"]],
    ["goes to no other host", ["a=1; Path=/; Domain=mcp.example"], "https://x.mcp.example/", []],
    ["goes to no other port", ["a=1; Path=/"], "https://mcp.example:8443/", []],
    ["goes to no other scheme", ["a=1; Path=/"], "http://mcp.example/", []],
    ["of a domain above goes back to its host only", ["a=1; Domain=.example; Path=/"], server, ["a=1"]],
    ["of another domain is not taken", ["a=1; Domain=other.example"], server, []],
    ["of the end of a name is not taken", ["a=1; Domain=cp.example"], server, []],
    ["ends by Max-Age", ["a=1", "a=1; Max-Age=0"], server, []],
    ["that lasts less than a second has ended", ["a=1; Max-Age=1", "b=1; Max-Age=2"], server, ["b=1"]],
    ["ends by Expires", ["a=1; Expires=Thu, 01 Jan 1970 00:00:01 GMT"], server, []],
    ["is taken with an Expires that is no date", ["a=1; Expires=never"], server, ["a=1"]],
    [
      "has Max-Age before Expires",
      ["a=1; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=9"],
      server,
      ["a=1"]
    ],
    ["needs a name", ["=1", "a", " ", "a b=1"], server, []],
    [
      "has no control characters",
      ["a=1\\u0000", "b=x\\ry"].map((text) => JSON.parse(`"${text}"`)),
      server,
      []
    ],
    ["is short", [`a=${"x".repeat(5000)}`], server, []],
    [
      "of __Host- has no domain and the path /",
      ["__Host-a=1; Secure", "__host-b=1; Secure; Path=/; Domain=mcp.example"],
      server,
      []
    ],
    ["of __Host- goes back", ["__Host-a=1; Secure; Path=/"], server, ["__Host-a=1"]],
    ["of __Secure- is secure", ["__Secure-a=1"], server, []]
  ]
  it.each(rows)("a cookie %s", (_, headers, url, expected) =>
    assert.deepEqual(sentTo(url, ...headers), expected)
  )

  it("a secure cookie is not taken over http", () => {
    const jar = new CookieJar()
    jar.take(at("http://127.0.0.1/"), ["a=1; Secure", "b=1"], 0)
    assert.deepEqual(
      jar.headerOf(at("http://127.0.0.1/"), 1).map(({ name }) => name),
      ["b"]
    )
  })

  it("are at most fifty of an origin, the newest", () => {
    const cookies = Array.from({ length: 60 }, (_, number) => `c${number}=1`)
    const sent = sentTo(server, ...cookies)
    assert.strictEqual(sent.length, 50)
    assert.include(sent, "c59=1")
  })

  it.effect("go with every later request, and beside a configured header", () =>
    Effect.gen(function* () {
      const first = json({ jsonrpc: "2.0", id: 1, result: { protocolVersion: "2025-11-25" } }, 200, {
        "set-cookie": "AWSALB=node-1; Path=/"
      })
      for (const [configured, expected] of [
        [{}, "AWSALB=node-1"],
        [{ Cookie: Redacted.make("mine=1") }, "mine=1; AWSALB=node-1"],
        [{ Cookie: Redacted.make("AWSALB=pinned") }, "AWSALB=pinned"]
      ] as const) {
        const { got, url } = yield* scripted(first, started)
        const wire = yield* openWire(url, { headers: configured })
        yield* post(wire, initialize)
        yield* post(wire, request("ping"))
        assert.strictEqual(got[1]?.headers.cookie, expected)
      }
    }).pipe(Effect.provide(wires))
  )

  it.effect("are not taken where the caller says so", () =>
    Effect.gen(function* () {
      const { got, url } = yield* scripted(
        json({ jsonrpc: "2.0", id: 1, result: {} }, 200, { "set-cookie": "a=1" })
      )
      const wire = yield* McpWire.use((wires) => wires.open(httpServer(url), plainSend, { cookies: false }))
      yield* post(wire, request("ping"))
      yield* post(wire, request("ping"))
      assert.isUndefined(got[1]?.headers.cookie)
    }).pipe(Effect.provide(wires))
  )
})
