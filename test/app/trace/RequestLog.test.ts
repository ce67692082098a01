import { assert, describe, it } from "@effect/vitest"
import { ServerSecrets } from "../../../src/ports/ServerSecrets.ts"
import { Effect, Layer, Logger, Redacted, References } from "effect"
import * as RequestLog from "../../../src/app/trace/RequestLog.ts"
import { Configuration, ConfigurationError, type ServerSummary } from "../../../src/ports/Configuration.ts"
import { HttpTransport, NetworkError } from "../../../src/ports/HttpTransport.ts"
import { serverNamed } from "../World.ts"

const secrets = {
  bearer: "access-token-of-demo",
  basic: "client-secret-of-basic",
  proof: "proof-of-possession-jwt",
  header: "api-key-of-a-configured-header",
  otherHeader: "api-key-of-another-server",
  unknownHeader: "value-of-an-unknown-header",
  cookie: "session-cookie-value",
  session: "mcp-session-identifier",
  path: "team-key-in-the-path",
  query: "key-in-the-query",
  refresh: "refresh-token-of-demo",
  client: "client-secret-of-the-form",
  repeated: "secret-that-a-public-field-repeats",
  code: "authorization-code-1",
  verifier: "code-verifier-1",
  assertion: "signed-client-assertion",
  argument: "argument-of-a-tool",
  location: "code-in-a-location",
  answerCookie: "cookie-of-the-answer",
  realm: "secret-parameter-of-a-challenge",
  detail: "api-key-of-a-configured-header"
}

const http = (name: string, url: string, headers: Readonly<Record<string, string>> = {}) => ({
  ...serverNamed(name),
  url: new URL(url),
  headers: Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, Redacted.make(value)]))
})

const servers = {
  demo: http("demo", `https://mcp.test/t/${secrets.path}/mcp`, { "x-key": secrets.header }),
  other: http("other", "https://other.test/mcp", { "x-other": secrets.otherHeader })
}

const summary = (name: string, target: string): ServerSummary => ({
  name,
  transport: "http",
  target,
  authorization: "oauth (discovered)"
})

const configuration = Layer.mock(Configuration, {
  servers: Effect.succeed([
    summary("demo", "https://mcp.test/t/${TEAM}/mcp"),
    summary("other", "https://other.test/mcp"),
    summary("broken", "https://broken.test/${NONE}")
  ]),
  server: (name) =>
    name === "demo" || name === "other"
      ? Effect.succeed(servers[name])
      : Effect.fail(new ConfigurationError({ issues: [] })),
  unlisted: Effect.succeed([http("https://new.test/mcp", "https://new.test/mcp")])
})

/** The secrets that the run has read. */
let stored: ReadonlyArray<Redacted.Redacted> = []

/** The lines of the log of these requests. */
const linesOf = (
  requests: ReadonlyArray<Request>,
  answer: (request: Request) => Effect.Effect<Response, NetworkError>,
  withHeaders = true
) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const recorder = Logger.make(({ message }) => void lines.push([message].flat().join(" ")))
    yield* HttpTransport.use((transport) =>
      Effect.forEach(requests, (request) => Effect.ignore(transport.send(request)))
    ).pipe(
      Effect.provide(
        RequestLog.layer({ withHeaders }).pipe(
          Layer.provide([
            configuration,
            Layer.mock(ServerSecrets, { read: Effect.sync(() => stored) }),
            Layer.succeed(HttpTransport, {
              send: (request) => Effect.tap(answer(request), Effect.logDebug("inside"))
            })
          ]),
          Layer.merge(Logger.layer([recorder]))
        )
      ),
      Effect.provideService(References.MinimumLogLevel, "Debug")
    )
    return lines
  })

const post = (url: string, type: string, body: string, headers: Readonly<Record<string, string>> = {}) =>
  new Request(url, { method: "POST", body, headers: { "content-type": type, ...headers } })

const form = (parameters: Readonly<Record<string, string>>) =>
  post("https://as.test/token", "application/x-www-form-urlencoded", String(new URLSearchParams(parameters)))

const call = post(
  servers.demo.url.href,
  "application/json",
  JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { a: secrets.argument } }),
  { authorization: `Bearer ${secrets.bearer}`, "mcp-session-id": secrets.session, "x-key": secrets.header }
)

describe("the log of requests", () => {
  it.effect("has the method, the address, the status, the time and the reason of each", () =>
    Effect.gen(function* () {
      const challenge = { "www-authenticate": 'Bearer error="invalid_token", scope="read"' }
      const lines = yield* linesOf(
        [
          call,
          form({ grant_type: "refresh_token", refresh_token: secrets.refresh }),
          new Request("https://as.test/.well-known/oauth-authorization-server"),
          new Request("https://elsewhere.test/of/nobody"),
          post("https://new.test/mcp", "application/json", '{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
        ],
        ({ url }) =>
          url.includes("elsewhere")
            ? Effect.fail(
                new NetworkError({ origin: "https://elsewhere.test", detail: `refused ${secrets.detail}` })
              )
            : Effect.succeed(
                url.includes("mcp.test")
                  ? new Response(null, { status: 401, headers: challenge })
                  : new Response()
              ),
        false
      )
      assert.deepStrictEqual(lines, [
        'POST https://mcp.test/t/[redacted]/mcp -> 401 in 0 ms (MCP request: tools/call; bearer error="invalid_token", scope="read")',
        "POST https://as.test/token -> 200 in 0 ms (token request: refresh_token)",
        "GET https://as.test/.well-known/oauth-authorization-server -> 200 in 0 ms (authorization server metadata)",
        "GET https://elsewhere.test/[redacted] -> no answer in 0 ms: refused [redacted] (other request)",
        "POST https://new.test/mcp -> 200 in 0 ms (MCP request: tools/list)"
      ])
    })
  )

  it.effect("holds no stored secret, though it is read after the first request", () =>
    Effect.gen(function* () {
      const secret = "stored-secret-of-a-server"
      const lines = yield* linesOf([call, call], () =>
        Effect.sync(() => {
          const echoed = stored.length === 0 ? "nothing" : secret
          stored = [Redacted.make(secret)]
          return new Response(null, {
            status: 401,
            headers: { "www-authenticate": `Bearer error_description="${echoed}"` }
          })
        })
      )
      stored = []
      assert.include(lines.join("\n"), 'error_description="nothing"')
      assert.include(lines.join("\n"), 'error_description="[redacted]"')
      assert.notInclude(lines.join("\n"), secret)
    })
  )

  it.effect("holds no secret of any kind, with the headers either", () =>
    Effect.gen(function* () {
      const basic = btoa(`client:${secrets.basic}`)
      const lines = yield* linesOf(
        [
          call,
          new Request(`${servers.other.url.href}?token=${secrets.query}&key=${secrets.query}`, {
            headers: {
              authorization: `Basic ${basic}`,
              dpop: secrets.proof,
              cookie: `sid=${secrets.cookie}`,
              "x-unheard-of": secrets.unknownHeader,
              "x-other": secrets.otherHeader
            }
          }),
          new Request("https://as.test/a", { headers: { authorization: `Custom ${secrets.bearer}` } }),
          form({
            grant_type: "refresh_token",
            refresh_token: secrets.refresh,
            client_secret: secrets.client
          }),
          form({ grant_type: "authorization_code", code: secrets.code, code_verifier: secrets.verifier }),
          form({ grant_type: "client_credentials", client_assertion: secrets.assertion }),
          form({ grant_type: secrets.repeated, client_secret: secrets.repeated })
        ],
        () =>
          Effect.succeed(
            new Response(JSON.stringify({ access_token: secrets.bearer }), {
              status: 401,
              headers: {
                "content-type": "application/json",
                "set-cookie": secrets.answerCookie,
                location: `https://as.test/cb?code=${secrets.location}`,
                "mcp-session-id": secrets.session,
                "www-authenticate": `Bearer x="${secrets.realm}", error_description="${secrets.header}"`
              }
            })
          )
      )
      const text = lines.join("\n")
      for (const [kind, secret] of Object.entries(secrets)) assert.notInclude(text, secret, kind)
      assert.notInclude(text, basic)
      for (const shown of [
        "> authorization: Bearer [redacted]",
        "> content-type:",
        "< location: https://as.test/"
      ])
        assert.include(text, shown)
    })
  )
})
