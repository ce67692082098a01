import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { resolve } from "node:path"
import { afterEach, assert, describe, it } from "@effect/vitest"
import type { Finding } from "../../src/app/doctor/Doctor.ts"
import { freePort, startWorld, type World } from "./World.ts"

let world: World | undefined
const closing: Array<() => Promise<void> | void> = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  await world?.close()
  world = undefined
})

const open = async (...options: Parameters<typeof startWorld>): Promise<World> =>
  (world = await startWorld(...options))

/** A server of a test's own, on loopback. */
const serve = async (listener: RequestListener): Promise<string> => {
  const server = createServer(listener)
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

interface Printed extends Finding {
  readonly remedies: ReadonlyArray<Finding["remedies"][number] & { readonly text: string }>
}

interface Report {
  readonly healthy: boolean
  readonly findings: ReadonlyArray<Printed>
}

/** What can be done about a finding, as a user reads it. */
const fixOf = (finding: Printed | undefined): string =>
  finding?.remedies.map(({ text }) => text).join(" ") ?? ""

/** Examines the server `demo`, as the configuration has it now. */
const examine = async (
  { run }: World,
  env: Readonly<Record<string, string>> = {}
): Promise<
  Report & { readonly code: number | null; readonly of: (check: string) => Printed | undefined }
> => {
  const { code, stderr, stdout } = await run(["auth", "doctor", "demo", "--json"], { env })
  assert.notStrictEqual(stdout, "", stderr)
  const report = JSON.parse(stdout) as Report
  return { ...report, code, of: (name) => report.findings.find(({ check }) => check === name) }
}

describe("auth doctor", () => {
  it("finds nothing wrong where nothing is, opens no browser, and registers no client", async () => {
    const it = await open()
    // Another test may be signing in at the default port.
    const redirect_uri = `http://localhost:${await freePort()}/callback`
    it.configure({ mcpServers: { demo: { url: it.mcpServer.url.href, oauth: { redirect_uri } } } })
    const report = await examine(it)
    assert.strictEqual(report.code, 0)
    assert.isTrue(report.healthy)
    assert.deepStrictEqual(
      report.findings.map(({ check, status }) => `${check}: ${status}`),
      [
        "proxy: ok",
        "server: ok",
        "clock: ok",
        "challenge: ok",
        "metadata: ok",
        "provider: ok",
        "issuer: ok",
        "resource: ok",
        "scopes: ok",
        "registration: ok",
        "PKCE: ok",
        "DPoP: ok",
        "PAR: ok",
        "redirect: ok",
        "token endpoint: ok",
        "sign-in: note",
        "storage: ok"
      ]
    )
    assert.strictEqual(it.browsersOpened(), 0)
    assert.isUndefined(it.authorizationServer.counts.get("register"))
    assert.include(fixOf(report.of("sign-in")), "mcp-cli auth login demo")
  })

  it("says for people what mends it, and ends with 5", async () => {
    const it = await open({ silentOnPkce: true })
    const { code, stderr, stdout } = await it.run(["auth", "doctor", "demo"])
    assert.strictEqual(code, 5)
    assert.match(
      stdout,
      /^WRONG {2}PKCE: \S+ does not announce PKCE.*\.\n +-> If .*, set "assume_pkce": true/m
    )
    assert.include(stderr, "One thing is wrong with demo")
    it.configure({ mcpServers: { demo: { url: it.mcpServer.url.href, oauth: { assume_pkce: true } } } })
    assert.strictEqual((await it.run(["auth", "doctor", "demo"])).code, 0)
  })

  it("knows who is signed in, and sends no token anywhere", async () => {
    const it = await open()
    assert.strictEqual((await it.run(["auth", "login", "demo"])).code, 0)
    const before = it.authorizationServer.tokenRequests.length
    const report = await examine(it)
    assert.strictEqual(report.of("sign-in")?.status, "ok")
    assert.match(
      report.of("sign-in")?.what ?? "",
      /^signed in to demo until \d{4}-[^,]+Z, for mcp:read; the next use after that renews it$/
    )
    const [probe, ...more] = it.authorizationServer.tokenRequests.slice(before)
    assert.deepStrictEqual(more, [])
    assert.deepStrictEqual(
      [probe?.parameters.toString(), probe?.authorization, probe?.dpop],
      ["grant_type=", undefined, undefined]
    )
    assert.isUndefined(it.mcpServer.counts.get("tools/list"))
  })

  it("says what to register where clients do not register themselves", async () => {
    const report = await examine(await open({ registration: false }))
    assert.strictEqual(report.code, 5)
    assert.deepInclude(report.of("registration"), { status: "wrong" })
    assert.include(fixOf(report.of("registration")), '"client_id"')
  })

  it("stops at a server that cannot be reached, and at an address that is none of a server", async () => {
    const it = await open()
    it.configure({ mcpServers: { demo: { url: "https://nowhere.invalid/mcp" } } })
    const gone = await examine(it)
    assert.include(gone.of("server")?.what, "no such host")
    assert.strictEqual(gone.findings.filter(({ status }) => status === "wrong").length, 1)
    const { stderr, stdout } = await it.run(["auth", "doctor", "demo"])
    assert.match(
      stdout,
      /^- {6}not checked: clock, challenge, .*token endpoint \(an earlier check failed\)\.$/m
    )
    assert.lengthOf(stdout.match(/an earlier check failed/g) ?? [], 1)
    assert.include(stderr, "To check again after fixing it, run: mcp-cli auth doctor demo\n")
    const page = await serve((_request, response) => response.writeHead(404).end())
    it.configure({ mcpServers: { demo: { url: page } } })
    assert.include(fixOf((await examine(it)).of("server")), '"url"')
  })

  it("names no entry of a server that has none", async () => {
    const { configure, run } = await open()
    configure({ mcpServers: {} })
    const url = `${await serve((_request, response) => response.writeHead(404).end())}/nothing`
    const { code, stdout } = await run(["auth", "doctor", url])
    assert.strictEqual(code, 5)
    assert.include(stdout, `Check the URL ${url}.`)
    assert.notInclude(stdout, "entry of")
  })

  it("compares the clocks", async () => {
    const it = await open()
    const url = await serve((_request, response) => {
      response.sendDate = false
      response.writeHead(200, { date: "Mon, 01 Jan 2024 00:00:00 GMT" }).end()
    })
    it.configure({ mcpServers: { demo: { url } } })
    const clock = (await examine(it)).of("clock")
    assert.strictEqual(clock?.status, "wrong")
    assert.match(clock?.what ?? "", /^this machine is \d+ seconds ahead of the server$/)
  })

  it("names the issuer that is not the one it was looked up for", async () => {
    const it = await open()
    let origin = ""
    origin = await serve((request, response) => {
      const json = (body: unknown) => response.writeHead(200).end(JSON.stringify(body))
      if (request.url?.includes("oauth-protected-resource") === true) {
        return void json({ resource: `${origin}/mcp`, authorization_servers: [origin] })
      }
      if (request.url?.includes("oauth-authorization-server") === true) {
        return void json({
          issuer: "https://evil.test",
          authorization_endpoint: `${origin}/a`,
          token_endpoint: `${origin}/t`
        })
      }
      response.writeHead(request.method === "POST" ? 401 : 404).end()
    })
    it.configure({ mcpServers: { demo: { url: `${origin}/mcp` } } })
    const report = await examine(it)
    assert.deepInclude(report.of("issuer"), { status: "wrong" })
    assert.include(report.of("issuer")?.what, "https://evil.test")
    assert.strictEqual(report.of("registration")?.status, "skipped")
  })

  it("sees that the port of a registered redirect URI is taken", async () => {
    const it = await open()
    const taken = await serve((_request, response) => response.end())
    const { issuer } = it.authorizationServer
    const oauth = {
      authorization_url: `${issuer}/authorize`,
      token_url: `${issuer}/token`,
      client_id: "known",
      redirect_uri: `${taken}/callback`
    }
    it.configure({ mcpServers: { demo: { url: it.mcpServer.url.href, oauth } } })
    const report = await examine(it)
    assert.strictEqual(report.of("metadata")?.status, "ok")
    assert.deepInclude(report.of("redirect"), { status: "wrong" })
    assert.include(fixOf(report.of("redirect")), '"redirect_uri"')
  })

  it("finds that a token_url is none, and asks a real one for nothing", async () => {
    const it = await open()
    const { issuer } = it.authorizationServer
    const oauth = { grant_type: "client_credentials", client_id: "known", client_secret: "${SECRET}", issuer }
    const configured = async (token_url: string) => {
      it.configure({
        mcpServers: { demo: { url: it.mcpServer.url.href, oauth: { ...oauth, token_url } } }
      })
      return examine(it, { SECRET: "hunter2" })
    }
    const wrong = await configured(`${issuer}/tokenn`)
    assert.strictEqual(wrong.code, 5)
    assert.include(wrong.of("token endpoint")?.what, `${issuer}/tokenn is no token endpoint: it answers 404`)
    assert.include(fixOf(wrong.of("token endpoint")), '"token_url"')
    const right = await configured(`${issuer}/token`)
    assert.deepInclude(right.of("token endpoint"), { status: "ok" })
    assert.strictEqual(right.code, 0)
  })

  it("tells which proxy requests go through, without its password", async () => {
    const it = await open()
    it.configure({ mcpServers: { demo: { url: "https://nowhere.invalid/mcp" } } })
    const report = await examine(it, { HTTPS_PROXY: "http://user:hidden@127.0.0.1:1", NO_PROXY: "" })
    assert.deepInclude(report.of("proxy"), {
      status: "ok",
      what: "HTTPS_PROXY names 127.0.0.1:1, and requests go through it"
    })
    assert.strictEqual(report.of("server")?.status, "wrong")
    assert.notInclude(JSON.stringify(report), "hidden")
  })
})

describe("auth doctor of a program on this machine", () => {
  it("starts it, and says how that went", async () => {
    const it = await open()
    const stdio = resolve("test/servers/stdio.ts")
    for (const [entry, code, status, what] of [
      [
        { command: process.execPath, args: [stdio] },
        0,
        "ok",
        /^it starts, and answers as example 1\.0\.0 \(MCP /
      ],
      [{ command: "no-such-program" }, 5, "wrong", /there is no program "no-such-program"$/],
      [
        {
          command: process.execPath,
          args: ["-e", 'console.error("Error: no key\\nset KEY"); process.exit(3)']
        },
        5,
        "wrong",
        /its program ended with exit code 3\. It wrote:\nError: no key\nset KEY$/
      ]
    ] as const) {
      it.configure({ mcpServers: { demo: entry } })
      const report = await examine(it)
      assert.strictEqual(report.code, code)
      assert.strictEqual(report.of("server")?.status, status)
      assert.match(report.of("server")?.what ?? "", what)
      assert.strictEqual(report.of("sign-in")?.status, "note")
    }
  })
})

describe("a proxy of the environment", () => {
  it("that is none breaks no command, and is told without its password", async () => {
    const it = await open()
    // Node itself reads the broken one where it is told of none for http.
    for (const env of [
      { HTTP_PROXY: "http//user:hidden@nowhere" },
      { HTTP_PROXY: "http://user:hidden@nowhere:99999", HTTPS_PROXY: "http://127.0.0.1:1" }
    ]) {
      const report = await examine(it, { ...env, NO_PROXY: "" })
      assert.strictEqual(report.of("proxy")?.status, "wrong")
      assert.include(fixOf(report.of("proxy")), "HTTP_PROXY")
      assert.notInclude(JSON.stringify(report), "hidden")
      assert.strictEqual(report.of("server")?.status, "ok")
    }
  })
})
