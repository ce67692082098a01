import { assert, describe, it } from "@effect/vitest"
import { admission, type AdmissionRules } from "../../../../src/app/proxy/http/Admission.ts"
import type { HeaderField, LocalPlace } from "../../../../src/ports/LocalListener.ts"

const bearer = "a-bearer-of-32-characters-or-more"
const port: LocalPlace = { _tag: "Port", port: 8700 }
const socket: LocalPlace = { _tag: "Socket", path: "/run/user/1/mcp.sock" }
const good: ReadonlyArray<HeaderField> = [
  ["host", "localhost:8700"],
  ["authorization", `Bearer ${bearer}`]
]
const page = "https://app.example.com"
const rules: AdmissionRules<string> = {
  origins: new Set([page]),
  isBearer: (text) => text === bearer,
  served: new Map([
    ["/mcp", "one"],
    ["/a%20b", "two"]
  ])
}

interface Sent {
  readonly method?: string
  readonly target?: string
  readonly headers?: ReadonlyArray<HeaderField>
  readonly isOthers?: boolean
}

const decide = (sent: Sent, at: LocalPlace = port, more: Partial<AdmissionRules<string>> = {}) =>
  admission(
    {
      method: sent.method ?? "POST",
      target: sent.target ?? "/mcp",
      headers: sent.headers ?? good,
      mayBeOfAnotherUser: () => sent.isOthers === true
    },
    at,
    { ...rules, ...more }
  )

const statusOf = (admitted: ReturnType<typeof decide>) =>
  admitted._tag === "Refused" ? admitted.status : admitted._tag

const without = (name: string) => good.filter(([other]) => other !== name)
const withHost = (host: string): ReadonlyArray<HeaderField> => [["host", host], ...without("host")]
const withOrigin = (origin: string): ReadonlyArray<HeaderField> => [...good, ["origin", origin]]
const withBearer = (value: string): ReadonlyArray<HeaderField> => [
  ...without("authorization"),
  ["authorization", value]
]

describe("a request of a local program", () => {
  it.each(["localhost:8700", "127.0.0.1:8700", "[::1]:8700", "LOCALHOST:8700"])(
    "is admitted for host %s",
    (host) => {
      assert.strictEqual(statusOf(decide({ headers: withHost(host) })), "Admitted")
    }
  )

  it.each([
    "evil.test:8700",
    "localhost",
    "localhost:8701",
    "localhost.evil.test:8700",
    "evil.test#localhost:8700",
    "user@localhost:8700",
    "127.0.0.1.nip.io:8700",
    "0.0.0.0:8700",
    "127.0.0.2:8700",
    "[::ffff:127.0.0.1]:8700",
    "localhost:08700x",
    "localhost:8700:8700",
    "localhost.:8700",
    ""
  ])("is refused for host %s, which may be of another site that points here", (host) => {
    assert.strictEqual(statusOf(decide({ headers: withHost(host) })), 403)
  })

  it.each(["http://localhost:8700/mcp", "http://127.0.0.1:8700/mcp", "HTTP://[::1]:8700/mcp"])(
    "is admitted for an absolute target, as programs with a proxy send it: %s",
    (target) => {
      assert.strictEqual(statusOf(decide({ target })), "Admitted")
    }
  )

  it.each([
    "http://evil.test:8700/mcp",
    "http://localhost:8701/mcp",
    "http://localhost/mcp",
    "http://user@localhost:8700/mcp",
    "http://evil.test#localhost:8700/mcp",
    "https://localhost:8700/mcp",
    "http:///mcp"
  ])("is refused for the target %s, which another server has", (target) => {
    assert.strictEqual(statusOf(decide({ target })), 403)
  })

  it("is refused for another host in the header, whatever its target names", () => {
    const target = "http://localhost:8700/mcp"
    assert.strictEqual(statusOf(decide({ target, headers: withHost("evil.test:8700") })), 403)
  })

  it("has the same paths with an absolute target", () => {
    const at = (path: string) => statusOf(decide({ target: `http://localhost:8700${path}` }))
    assert.strictEqual(at("/other"), 404)
    assert.strictEqual(at("/mcp?a=b"), 404)
    assert.strictEqual(at(""), 404)
    assert.strictEqual(at("/.well-known/oauth-protected-resource"), 404)
    assert.strictEqual(statusOf(decide({ target: "http://anything/mcp" }, socket)), "Admitted")
  })

  it("needs a host, except at a socket, where programs send anything", () => {
    assert.strictEqual(statusOf(decide({ headers: without("host") })), 403)
    assert.strictEqual(statusOf(decide({ headers: without("host") }, socket)), "Admitted")
    assert.strictEqual(statusOf(decide({ headers: withHost("anything") }, socket)), "Admitted")
  })

  it("may leave out the port of http", () => {
    const http: LocalPlace = { _tag: "Port", port: 80 }
    assert.strictEqual(statusOf(decide({ headers: withHost("localhost") }, http)), "Admitted")
  })

  it.each([
    "https://evil.test",
    "null",
    "http://localhost:8700",
    "https://app.example.com.evil.test",
    `${page}/`,
    "file://",
    ""
  ])("is refused for origin %s, at a port and at a socket", (origin) => {
    assert.strictEqual(statusOf(decide({ headers: withOrigin(origin) })), 403)
    assert.strictEqual(statusOf(decide({ headers: withOrigin(origin) }, socket)), 403)
  })

  it.each(["cross-site", "same-site", "same-origin"])(
    "is refused as a part of a page that sends no origin: %s",
    (site) => {
      assert.strictEqual(
        statusOf(decide({ method: "GET", headers: [...good, ["sec-fetch-site", site]] })),
        403
      )
    }
  )

  it.each([
    "",
    "Bearer",
    "Bearer ",
    `Basic ${bearer}`,
    `Bearer ${bearer}x`,
    `Bearer ${bearer.slice(0, -1)}`,
    `Bearer ${bearer} ${bearer}`,
    `Bearer ${bearer.toUpperCase()}`,
    bearer
  ])("is refused without the bearer: %s", (value) => {
    const refused = decide({ headers: withBearer(value) })
    assert.strictEqual(statusOf(refused), 401)
    assert.deepInclude(refused.headers, ["www-authenticate", 'Bearer realm="mcp-cli"'])
    assert.strictEqual(statusOf(decide({ headers: withBearer(value) }, socket)), 401)
  })

  it("is refused without a bearer before it learns which paths there are", () => {
    for (const target of ["/mcp", "/other"]) {
      assert.strictEqual(statusOf(decide({ target, headers: without("authorization") })), 401)
    }
  })

  it("of another user is refused where no bearer is needed", () => {
    const open = { isBearer: undefined }
    const headers = without("authorization")
    assert.strictEqual(statusOf(decide({ headers }, port, open)), "Admitted")
    assert.strictEqual(statusOf(decide({ headers, isOthers: true }, port, open)), 403)
    assert.strictEqual(statusOf(decide({ isOthers: true })), "Admitted")
  })

  it.each([
    "/",
    "",
    "*",
    "/mcp/",
    "//mcp",
    "/mcp/..",
    "/../mcp",
    "/./mcp",
    "/x/../mcp",
    "/%2e%2e/mcp",
    "/mcp%2f",
    "/mcp%00",
    "/%6dcp",
    "/MCP",
    "/mcp;x=1",
    "/mcp#x",
    "/mcp?",
    "/mcp?x=1",
    "\\mcp",
    "//evil.test/mcp",
    "/a b",
    "/a+b",
    "/a%20b/x"
  ])("is refused at another path: %s", (target) => {
    assert.strictEqual(statusOf(decide({ target })), 404)
  })

  it.each([
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration?x"
  ])("finds no metadata to sign in by, with and without the bearer: %s", (target) => {
    assert.strictEqual(statusOf(decide({ method: "GET", target })), 404)
    assert.strictEqual(statusOf(decide({ method: "GET", target, headers: without("authorization") })), 404)
  })

  it.each(["PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "POSTS", ""])(
    "is refused for method %s",
    (method) => {
      assert.strictEqual(statusOf(decide({ method })), 405)
    }
  )

  it.each([
    ["host", "localhost:8700"],
    ["origin", page],
    ["authorization", `Bearer ${bearer}`],
    ["content-type", "application/json"],
    ["content-length", "1"]
  ] as const)("is refused if it repeats %s", (name, value) => {
    const headers: ReadonlyArray<HeaderField> = [
      ...good.filter(([other]) => other !== name),
      [name, value],
      [name, value]
    ]
    assert.strictEqual(statusOf(decide({ headers })), 400)
  })

  it("has no body in a GET", () => {
    for (const field of [
      ["content-length", "1"],
      ["transfer-encoding", "chunked"]
    ] as const) {
      assert.strictEqual(statusOf(decide({ method: "GET", headers: [...good, field] })), 400)
    }
    assert.strictEqual(
      statusOf(decide({ method: "GET", headers: [...good, ["content-length", "0"]] })),
      "Admitted"
    )
  })
})

describe("a web page", () => {
  const preflight = (origin: string, ...more: ReadonlyArray<HeaderField>) =>
    decide({
      method: "OPTIONS",
      headers: [
        ["host", "localhost:8700"],
        ["origin", origin],
        ["access-control-request-method", "POST"],
        ...more
      ]
    })

  it("of an allowed origin is told what it may send, without a bearer", () => {
    const asked = "authorization,content-type,mcp-session-id, Mcp-Param-Region,x-secret,cookie"
    const { _tag, headers } = preflight(page, ["access-control-request-headers", asked])
    assert.strictEqual(_tag, "Preflight")
    const fields = new Map(headers)
    assert.strictEqual(fields.get("access-control-allow-origin"), page)
    assert.strictEqual(fields.get("access-control-allow-methods"), "GET, POST, DELETE")
    assert.strictEqual(
      fields.get("access-control-allow-headers"),
      "Authorization, Content-Type, Accept, Last-Event-ID, mcp-session-id, mcp-param-region"
    )
    assert.isFalse(fields.has("access-control-allow-credentials"))
    assert.isFalse(fields.has("access-control-allow-private-network"))
  })

  it("is let into this machine if it asks", () => {
    const { headers } = preflight(page, ["access-control-request-private-network", "true"])
    assert.deepInclude(headers, ["access-control-allow-private-network", "true"])
  })

  it.each(["https://evil.test", "null"])("of origin %s is told nothing", (origin) => {
    const { _tag, headers } = preflight(origin)
    assert.strictEqual(_tag, "Refused")
    assert.deepEqual(headers, [])
  })

  it("of an allowed origin can read every answer, refusals too", () => {
    const expected = ["access-control-allow-origin", page] as const
    assert.deepInclude(decide({ headers: withOrigin(page) }).headers, expected)
    assert.deepInclude(decide({ headers: [...withBearer("Bearer x"), ["origin", page]] }).headers, expected)
  })
})
