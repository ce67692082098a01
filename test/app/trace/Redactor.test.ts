import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import type { FlowConfiguration } from "../../../src/app/trace/FlowConfiguration.ts"
import { makeRedactor } from "../../../src/app/trace/Redactor.ts"
import { endpointRows } from "../../../src/domain/OAuthEndpoints.ts"
import type { Field, MessageKind, ShownBody, ShownText } from "../../../src/domain/TraceEvent.ts"

const places: FlowConfiguration = {
  server: new URL("https://mcp.test/mcp"),
  serverAsWritten: "https://mcp.test/mcp",
  endpoints: [],
  configuredHeaders: [],
  secrets: []
}
const redactor = () => makeRedactor(places)

const plain = (text: ShownText): string =>
  text.map((piece) => (piece._tag === "Open" ? piece.text : `#${piece.mark}`)).join("")
const record = (fields: ReadonlyArray<Field>) =>
  Object.fromEntries(fields.map(({ name, value }) => [name, plain(value)]))
const shown = (body: ShownBody) => (body._tag === "Fields" ? record(body.fields) : body)

const kinds: ReadonlyArray<MessageKind> = [
  "MCP request",
  "resource metadata",
  "authorization server metadata",
  ...endpointRows.map(({ trace }) => trace),
  "authorization response",
  "other request"
]
/** Text that cannot stand in a page by chance. */
const secretOf = (text: string) => `§${text.toWellFormed()}§secret§`

describe("what may be shown", () => {
  it.prop(
    "is nothing that stands under a name which is not public, in any message and any form",
    [Schema.Literals(kinds), Schema.String, Schema.Literals(["request", "answer"])],
    ([kind, text, from]) => {
      const value = secretOf(text)
      const { body, fields, headers, settle, url } = redactor()
      const nested = JSON.stringify({ unheard_of: { of: [value] }, access_token: value, scope: { a: value } })
      const all = settle([
        body(kind, from, "JSON", nested),
        body(kind, from, "form", new URLSearchParams({ x: value }).toString()),
        fields({}, [["x", value]]),
        url(kind, new URL(`https://as.test/token?${new URLSearchParams({ code: value })}`)),
        headers(kind, new Headers({ "x-unheard-of": encodeURIComponent(value) }), places.server)
      ])
      const page = JSON.stringify(all)
      for (const written of [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)]) {
        assert.notInclude(page, written)
      }
    }
  )

  it.prop(
    "is nothing public that repeats a secret, before or after the secret was met",
    [Schema.String, Schema.Boolean],
    ([text, before]) => {
      const value = secretOf(text)
      const { body, settle } = redactor()
      const repeat = () =>
        body("token request", "answer", "JSON", JSON.stringify({ error_description: `no ${value}, sorry` }))
      const meet = () =>
        body("token request", "request", "form", new URLSearchParams({ code: value }).toString())
      const all = before ? [repeat(), meet()] : [meet(), repeat()]
      const lines = settle(all)
        .flatMap((one) => (one._tag === "Fields" ? one.fields : []))
        .map((field) => `${field.name}=${plain(field.value)}`)
      assert.includeMembers(lines, ["code=#1", "error_description=no #1, sorry"])
    }
  )

  it("is no value that is of another type than its name says", () => {
    const { body } = redactor()
    const answer = {
      token_type: "a b",
      expires_in: "soon",
      scope: 7,
      error: { deep: 1 },
      error_uri: "not a url"
    }
    for (const value of Object.values(shown(body("token request", "answer", "JSON", JSON.stringify(answer)))))
      assert.match(value, /^#\d$/)
  })

  it("is what the protocol has in the open", () => {
    const { body } = redactor()
    const answer = {
      token_type: "Bearer",
      expires_in: 3600,
      scope: "a b",
      refresh_token: "r",
      id_token: null
    }
    assert.deepEqual(shown(body("token request", "answer", "JSON", JSON.stringify(answer))), {
      token_type: "Bearer",
      expires_in: "3600",
      scope: "a b",
      refresh_token: "#1",
      id_token: "null"
    })
    assert.deepEqual(
      shown(
        body(
          "MCP request",
          "answer",
          "JSON",
          '{"error":{"code":-32001,"message":"Unauthorized","data":1},"id":null}'
        )
      ),
      { "error.code": "-32001", "error.message": "Unauthorized", "error.data": "#2", id: "null" }
    )
  })

  it("is origin and path of public addresses, and of their queries what is public", () => {
    const { body } = redactor()
    const asked = new URLSearchParams({
      redirect_uri: "http://localhost:8080/callback?tenant=of-somebody&scope=a#part",
      resource: "https://user:word@mcp.test"
    })
    assert.deepEqual(shown(body("token request", "request", "form", asked.toString())), {
      redirect_uri: "http://localhost:8080/callback?tenant=#1&scope=a##2",
      resource: "https://#3@mcp.test"
    })
    assert.deepEqual(shown(body("token request", "request", "form", "resource=javascript:alert")), {
      resource: "javascript:…#4"
    })
  })

  it("is the path of the server as the configuration writes it: not what a variable stands for", () => {
    const server = new URL("https://mcp.test/t/abc/v-1-key/mcp")
    const { url } = makeRedactor({
      ...places,
      server,
      serverAsWritten: "https://mcp.test/t/${TEAM}/v-1-${KEY}/mcp?x=y"
    })
    assert.strictEqual(plain(url("MCP request", server).path), "/t/#1/#2/mcp")
    const metadata = new URL(`https://mcp.test/.well-known/oauth-protected-resource${server.pathname}`)
    assert.strictEqual(
      plain(url("resource metadata", metadata).path),
      "/.well-known/oauth-protected-resource/t/#1/#2/mcp"
    )
  })

  it("is the letter of an issuer: with a slash at its end, and without", () => {
    const { body } = redactor()
    for (const issuer of ["https://as.test", "https://as.test/", "https://as.test/a/", "https://as.test/a"])
      assert.deepEqual(
        shown(body("authorization server metadata", "answer", "JSON", JSON.stringify({ issuer }))),
        {
          issuer
        }
      )
  })
})

describe("a header", () => {
  const header = (name: string, value: string, using = redactor()) =>
    record(using.headers("token request", new Headers({ [name]: value }), new URL("https://as.test/token")))[
      name
    ]

  it("with credentials shows their scheme, and of Basic the client", () => {
    assert.strictEqual(header("authorization", "Bearer abcdefgh"), "Bearer #1")
    assert.strictEqual(header("authorization", "DPoP abcdefgh"), "DPoP #1")
    assert.strictEqual(header("authorization", "abcdefgh"), "#1")
    assert.strictEqual(header("authorization", "Unheard abcdefgh"), "#1")
    assert.match(
      header("authorization", `Basic ${btoa("the+client:the%2Bsecret")}`) ?? "",
      /^Basic \(client_id the client, client_secret #\d\)$/
    )
    assert.strictEqual(header("authorization", "Basic ???"), "Basic #1")
  })

  it("with a challenge shows its known parameters", () => {
    assert.strictEqual(
      header("www-authenticate", 'DPoP error="use_dpop_nonce", nonce="n0nce", Odd x="y", Bearer'),
      'dpop error="use_dpop_nonce", nonce="#1", #2 x="#3", bearer'
    )
  })

  it("with a place shows the path of one that is known, and of others the origin", () => {
    const using = redactor()
    assert.strictEqual(header("location", "/interaction/some-id", using), "https://as.test/#1")
    assert.strictEqual(
      header("location", "https://mcp.test/mcp?scope=a&code=c", using),
      "https://mcp.test/mcp?scope=a&code=#2"
    )
    using.learn("authorization response", new URL("http://localhost:8080/callback"))
    assert.strictEqual(
      header("location", "http://localhost:8080/callback?error=access_denied", using),
      "http://localhost:8080/callback?error=access_denied"
    )
  })

  it("of the configuration is struck out, whatever its name", () => {
    const using = makeRedactor({ ...places, configuredHeaders: ["User-Agent"] })
    assert.strictEqual(header("user-agent", "a secret", using), "#1")
  })
})

describe("the kind of a request", () => {
  it("is known by its address, once metadata has named it", () => {
    const { body, kindOf } = redactor()
    const endpoint = new URL("https://as.test/anything")
    assert.strictEqual(kindOf(endpoint), "other request")
    body(
      "authorization server metadata",
      "answer",
      "JSON",
      JSON.stringify({ token_endpoint: endpoint.href, registration_endpoint: "https://as.test/more" })
    )
    assert.strictEqual(kindOf(endpoint), "token request")
    assert.strictEqual(kindOf(new URL("https://as.test/more")), "client registration")
    assert.strictEqual(kindOf(places.server), "MCP request")
    assert.strictEqual(
      kindOf(new URL("https://x.test/.well-known/oauth-protected-resource/mcp")),
      "resource metadata"
    )
    assert.strictEqual(
      kindOf(new URL("https://x.test/a/.well-known/openid-configuration")),
      "authorization server metadata"
    )
  })

  it("shows of a pushed request what an authorization request shows, and not the reference to it", () => {
    const { body, url } = redactor()
    const kind = "pushed authorization request"
    const pushed = "response_type=code&client_id=c&scope=read&state=the-state-1&code_challenge=the-challenge"
    const { state, code_challenge, ...open } = shown(body(kind, "request", "form", pushed)) as Record<
      string,
      string
    >
    assert.deepEqual(open, { response_type: "code", client_id: "c", scope: "read" })
    for (const value of [state, code_challenge]) assert.match(value ?? "", /^#\d+$/)
    const answer = shown(body(kind, "answer", "JSON", '{"request_uri":"urn:x:reference","expires_in":60}'))
    assert.deepInclude(answer, { expires_in: "60" })
    assert.notInclude(JSON.stringify(answer), "reference")
    const opened = new URL("https://as.test/authorize?client_id=c&request_uri=urn:x:reference")
    assert.notInclude(JSON.stringify(url("authorization request", opened)), "reference")
  })

  it("is known by what it asks, where nothing has named its address", () => {
    const { kindOf } = redactor()
    const at = new URL("https://as.test/x")
    const form = (text: string) => kindOf(at, { form: "form", text })
    assert.strictEqual(form("grant_type=refresh_token"), "token request")
    assert.strictEqual(form("token=t"), "revocation request")
    assert.strictEqual(form("client_id=c"), "device authorization request")
    assert.strictEqual(form("response_type=code&client_id=c"), "pushed authorization request")
    assert.strictEqual(form("x=y"), "other request")
    assert.strictEqual(kindOf(at, { form: "JSON", text: '{"redirect_uris":[]}' }), "client registration")
  })
})
