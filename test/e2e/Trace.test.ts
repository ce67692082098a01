import { existsSync, readFileSync, statSync } from "node:fs"
import { createServer, type IncomingMessage, ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import { freePort, startWorld, type World } from "./World.ts"

let world: World
const begin = async (...options: Parameters<typeof startWorld>) => {
  world = await startWorld(...options)
}
afterEach(async () => {
  vi.restoreAllMocks()
  await world.close()
})

const traceFile = () => join(world.home, "trace.html")
const page = () => readFileSync(traceFile(), "utf8")

/** Every way in which a secret could stand in a page. */
const writingsOf = (secret: string): ReadonlyArray<string> => [
  secret,
  encodeURIComponent(secret),
  new URLSearchParams({ "": secret }).toString().slice(1),
  Buffer.from(secret).toString("base64"),
  Buffer.from(secret).toString("base64url"),
  Buffer.from(secret).toString("hex"),
  secret.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`),
  secret
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;")
]

const assertWithout = (text: string, secrets: Readonly<Record<string, string | null | undefined>>) => {
  for (const [name, secret] of Object.entries(secrets)) {
    assert.isAtLeast(secret?.length ?? 0, 8, `the flow has its ${name}`)
    for (const written of writingsOf(secret ?? "")) assert.notInclude(text, written, name)
  }
}

/** The bodies of all JSON answers of the servers of this process from now on, merged into one object. */
const answersOfServers = (): Record<string, unknown> => {
  const fields: Record<string, unknown> = {}
  // The servers run in this process, and say nowhere else which tokens they give.
  const end = ServerResponse.prototype.end
  vi.spyOn(ServerResponse.prototype, "end").mockImplementation(function (
    this: ServerResponse,
    ...args: ReadonlyArray<unknown>
  ) {
    const [body] = args
    if (typeof body === "string" || Buffer.isBuffer(body)) {
      try {
        Object.assign(fields, JSON.parse(body.toString()))
      } catch {
        // A page.
      }
    }
    return Reflect.apply(end, this, args)
  })
  return fields
}

/** The numbers under which a name stands in a page, in order. */
const marksOf = (text: string, name: string): ReadonlyArray<string> =>
  [...text.matchAll(/<td>([^<]*)<\/td><td><span class="struck"[^>]*>(value \d+)/g)].flatMap((match) =>
    match[1] === name ? [match[2] ?? ""] : []
  )

describe("the trace of a sign-in", () => {
  beforeEach(() => begin())

  it("has every request and no secret, written any way, and is for its owner only", async () => {
    const given = answersOfServers()
    const args = ["auth", "login", "demo", "--trace", "trace.html"]
    const login = await world.run([...args, "--scope", "openid mcp:read offline_access"])
    assert.strictEqual(login.code, 0, login.stderr)
    assert.include(login.stderr, `Trace written to ${traceFile()}.`)
    const [asked] = world.authorizationServer.authorizations
    const [exchange] = world.authorizationServer.tokenRequests
    const text = page()
    assertWithout(text, {
      state: asked?.get("state"),
      "code challenge": asked?.get("code_challenge"),
      code: exchange?.parameters.get("code"),
      verifier: exchange?.parameters.get("code_verifier"),
      "access token": given["access_token"] as string,
      "refresh token": given["refresh_token"] as string,
      "ID token": given["id_token"] as string,
      "registration access token": given["registration_access_token"] as string,
      password: "correct horse battery staple"
    })
    for (const shown of [
      "POST /mcp",
      "GET /.well-known/oauth-protected-resource/mcp",
      "GET /.well-known/oauth-authorization-server",
      "POST /register",
      "GET /authorize?…",
      "GET /callback?…",
      "POST /token",
      asked?.get("client_id") ?? "?",
      "Signed in"
    ])
      assert.include(text, shown)
    const states = marksOf(text, "state")
    assert.strictEqual(states.length, 2)
    assert.strictEqual(states[0], states[1])
    assert.strictEqual(new Set(marksOf(text, "code")).size, 1)
    assert.strictEqual(statSync(traceFile()).mode & 0o777, 0o600)
  })

  it("is written when it fails: the reason is on it", async () => {
    world.authorizationServer.failNext({ kind: "status", status: 400 })
    const login = await world.run(["auth", "login", "demo", "--trace", "trace.html"])
    assert.strictEqual(login.code, 5, login.stderr)
    const reason = login.stderr.split("\n").findLast((line) => line.startsWith("mcp-cli: ")) ?? "no reason"
    assert.include(page(), "The sign-in failed")
    assert.include(page().replaceAll("&#39;", "'").replaceAll("&quot;", '"'), reason.slice(9))
    assert.include(page(), '<span class="status">400</span>')
  })

  it("is written on Ctrl-C", async () => {
    const login = world.start(["auth", "login", "demo", "--no-browser", "--trace", "trace.html"])
    await login.shows(/Waiting up to/)
    login.child.kill("SIGINT")
    const ended = await login.ended
    assert.strictEqual(ended.code, 130)
    assert.include(ended.stderr, traceFile())
    assert.include(page(), "The sign-in was interrupted")
    assert.include(page(), "GET /authorize?…")
  })

  it("is refused where it cannot be written, before the browser opens", async () => {
    const login = await world.run(["auth", "login", "demo", "--trace", "missing/trace.html"])
    assert.strictEqual(login.code, 2, login.stderr)
    assert.include(
      login.stderr,
      `The trace cannot be written to ${join(world.home, "missing/trace.html")}: the folder does not exist.`
    )
    assert.strictEqual(world.browsersOpened(), 0)
    assert.strictEqual(world.mcpServer.counts.size, 0)
  })

  it("is not written where nobody asked for it", async () => {
    assert.strictEqual((await world.run(["auth", "login", "demo"])).code, 0)
    assert.isFalse(existsSync(traceFile()))
  })

  it("leaves --json to programs", async () => {
    const login = await world.run(["auth", "login", "demo", "--json", "--trace", "trace.html"])
    assert.strictEqual((JSON.parse(login.stdout) as { readonly server: string }).server, "demo")
    assert.isTrue(existsSync(traceFile()))
  })
})

describe("the trace of a sign-in with a client of the configuration", () => {
  it("has neither its secret nor what the configuration adds", async () => {
    const redirectUri = `http://localhost:${await freePort()}/callback`
    const secret = 'the "secret" of <known> & co'
    await begin({
      registration: false,
      clients: [
        {
          client_id: "known",
          client_secret: secret,
          redirect_uris: [redirectUri],
          application_type: "native",
          grant_types: ["authorization_code", "refresh_token"],
          token_endpoint_auth_method: "client_secret_basic"
        }
      ]
    })
    const { href } = world.mcpServer.url
    world.configure({
      mcpServers: {
        demo: {
          url: `${href}?key=\${KEY}`,
          headers: { "X-Team": "${TEAM}" },
          oauth: {
            client_id: "known",
            client_secret: secret,
            redirect_uri: redirectUri,
            extra_auth_params: { login_hint: "ada@lovelace.test", prompt: "consent" }
          }
        }
      }
    })
    const login = await world.run(["auth", "login", "demo", "--trace", "trace.html"], {
      env: { KEY: "key of the address", TEAM: "team of the header" }
    })
    assert.strictEqual(login.code, 0, login.stderr)
    const text = page()
    assertWithout(text, {
      "client secret": secret,
      "key of the address": "key of the address",
      "configured header": "team of the header",
      "login hint": "ada@lovelace.test"
    })
    const [exchange] = world.authorizationServer.tokenRequests
    assertWithout(text, { "Basic credentials": exchange?.authorization?.slice("Basic ".length) })
    assert.include(text, "Basic (client_id known, client_secret ")
  })
})

describe("the trace of a sign-in at a server that says too much", () => {
  const code = "code-that-is-said-again/+"
  const secrets = {
    code,
    nonce: "nonce-of-the-challenge",
    "client secret": "secret-of-the-registered",
    "registration access token": "token-of-the-registration",
    "address of the registration": "address-of-the-registration",
    cookie: "cookie-of-the-session"
  }

  /** An MCP server and its authorization server at one origin, by hand. */
  const answerTo = (request: IncomingMessage, response: ServerResponse, origin: string) => {
    const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
      void response
        .writeHead(status, { "content-type": "application/json", ...headers })
        .end(JSON.stringify(body))
    const url = new URL(request.url ?? "/", origin)
    switch (url.pathname) {
      case "/mcp":
        return json(
          401,
          { error: "invalid_token" },
          {
            "set-cookie": `session=${secrets.cookie}`,
            "www-authenticate": `Bearer realm="<i>", nonce="${secrets.nonce}", resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`
          }
        )
      case "/.well-known/oauth-protected-resource/mcp":
        return json(200, { resource: `${origin}/mcp`, authorization_servers: [origin] })
      case "/.well-known/oauth-authorization-server":
        return json(200, {
          issuer: origin,
          authorization_endpoint: `${origin}/authorize`,
          token_endpoint: `${origin}/token`,
          registration_endpoint: `${origin}/register`,
          response_types_supported: ["code"],
          code_challenge_methods_supported: ["S256"]
        })
      case "/register":
        return json(201, {
          client_id: "a-client",
          client_secret: secrets["client secret"],
          token_endpoint_auth_method: "client_secret_post",
          registration_access_token: secrets["registration access token"],
          registration_client_uri: `${origin}/${secrets["address of the registration"]}`
        })
      case "/authorize": {
        const back = new URL(url.searchParams.get("redirect_uri") ?? "")
        back.searchParams.set("code", code)
        back.searchParams.set("state", url.searchParams.get("state") ?? "")
        return void response.writeHead(302, { location: back.href }).end()
      }
      default:
        return json(400, {
          error: "invalid_request",
          error_description: `<b>${code}</b> ${encodeURIComponent(code)} <script>alert(1)</script>`,
          debug: { code, client: secrets["client secret"] }
        })
    }
  }

  it("has its words as text, without the secrets that they repeat", async () => {
    await begin()
    const server = createServer((request, response) =>
      answerTo(request, response, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    )
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
    const { port } = server.address() as AddressInfo
    world.configure({ mcpServers: { demo: { url: `http://127.0.0.1:${port}/mcp` } } })
    const login = await world.run(["auth", "login", "demo", "--trace", "trace.html"])
    server.close()
    server.closeAllConnections()
    assert.strictEqual(login.code, 5, login.stderr)
    const text = page()
    assertWithout(text, secrets)
    assert.include(text, "The sign-in failed")
    assert.include(text, "&lt;script&gt;alert(1)&lt;/script&gt;")
    assert.notInclude(text, "<script")
    assert.include(text, "MCP server and authorization server")
  })
})
