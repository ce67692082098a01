import { execFile } from "node:child_process"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { promisify } from "node:util"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { type Collector, startCollector } from "../../examples/telemetry/Collector.ts"
import { password, startWorld, type World } from "./World.ts"

let world: World
let collector: Collector
beforeEach(async () => {
  world = await startWorld()
  collector = await startCollector()
})
afterEach(() => Promise.all([world.close(), collector.close()]))

const run = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  world.run(args, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, ...env } })

describe("telemetry of the program", () => {
  it("exports the spans of a sign-in in one trace, under the name of the service, with the headers", async () => {
    const login = await run(["auth", "login", "demo"], {
      OTEL_SERVICE_NAME: "agent",
      OTEL_EXPORTER_OTLP_HEADERS: "x-tenant=blue%20team"
    })
    assert.strictEqual(login.code, 0, login.stderr)
    const spans = collector.spans()
    assert.includeMembers(
      spans.map(({ name }) => name),
      ["mcp-cli", "SignIn.signIn", "TokenEndpoint.exchange"]
    )
    assert.lengthOf(
      spans.filter(({ parentSpanId }) => parentSpanId === undefined),
      1
    )
    const traces = collector.received.filter(({ path }) => path === "/v1/traces")
    assert.isAbove(traces.length, 0)
    for (const { body, headers } of traces) {
      assert.strictEqual(headers["x-tenant"], "blue team")
      assert.include(body, `{"key":"service.name","value":{"stringValue":"agent"}}`)
    }
  })

  it("exports no secret: no token, code, verifier, state or password, in success, refresh and failure", async () => {
    await run(["auth", "login", "demo", "--scope", "openid mcp:read offline_access"])
    const token = (await run(["auth", "token", "demo"])).stdout.trim()
    world.mcpServer.rejectSeenTokens()
    assert.strictEqual((await run(["tools", "demo"])).code, 0)
    await run(["auth", "logout", "demo"])
    assert.strictEqual((await run(["auth", "token", "demo"], { CI: "1" })).code, 3)

    const { revocations, tokenRequests } = world.authorizationServer
    const sent = [...tokenRequests, ...revocations].flatMap(({ parameters }) =>
      ["code", "code_verifier", "refresh_token", "token"].flatMap((name) => parameters.get(name) ?? [])
    )
    assert.lengthOf(sent, 4)
    const secrets = [token, password, ...sent]
    const everything = collector.received.map(({ body }) => body).join("\n")
    assert.include(everything, "SignInRequired")
    for (const secret of secrets) {
      assert.isAbove(secret.length, 8)
      assert.notInclude(everything, secret)
      assert.notInclude(everything, Buffer.from(secret).toString("base64url"))
    }
    for (const url of everything.match(/https?:\/\/[^"\\\s]+/g) ?? []) assert.notInclude(url, "?")
  })

  it("says nothing on stdout, and changes no exit code, if there is no collector or the variables are invalid", async () => {
    await run(["auth", "login", "demo"])
    const { endpoint } = collector
    await collector.close()
    const absent = await run(["auth", "token", "demo"], { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })
    assert.deepInclude(absent, { code: 0, stderr: "" })
    assert.match(absent.stdout, /^\S+\n$/)

    const invalid = await run(["auth", "token", "demo"], { OTEL_EXPORTER_OTLP_ENDPOINT: "not a url" })
    assert.deepInclude(invalid, { code: 0, stdout: absent.stdout })
    assert.include(invalid.stderr, "OTEL_")
  })

  it("does not hang with a collector that never answers", async () => {
    const silent = createServer(() => undefined)
    await new Promise<void>((done) => silent.listen(0, "127.0.0.1", done))
    const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
    assert.strictEqual((await run(["servers"], { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })).code, 0)
    silent.closeAllConnections()
    await new Promise((done) => silent.close(done))
  })

  it("is shown by examples/telemetry", async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["examples/telemetry/main.ts", "--config-file", `${world.home}/.mcp_cli/server_config.json`, "servers"],
      { env: { ...process.env, HOME: world.home } }
    )
    assert.match(stdout, /^mcp-cli \d/m)
  })
})
