import { getEventListeners } from "node:events"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createMCPClient } from "@ai-sdk/mcp"
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2
} from "@modelcontextprotocol/client"
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import { createAuthorizedFetch, McpAuthError, type SignInPrompt } from "../../src/fetch.ts"
import { type AuthorizationServer, startAuthorizationServer } from "../servers/AuthorizationServer.ts"
import { followRedirects } from "../servers/BrowserUser.ts"
import { type McpServer, startMcpServer } from "../servers/McpServer.ts"

let authorizationServer: AuthorizationServer
let mcpServer: McpServer
let home: string
beforeEach(async () => {
  authorizationServer = await startAuthorizationServer({ autoApprove: true })
  mcpServer = await startMcpServer({ authorizationServer })
  home = mkdtempSync(join(tmpdir(), "mcp-cli-fetch-"))
})
afterEach(async () => {
  await Promise.all([authorizationServer.close(), mcpServer.close()])
  rmSync(home, { recursive: true, force: true })
})

const tools = ["echo", "add", "fail"]
const approve = ({ url }: SignInPrompt) => followRedirects(url.href).then(() => undefined)
const signIns = () => authorizationServer.counts.get("token:authorization_code") ?? 0

/** A `fetch` whose user approves, with a store that ends with it. */
const inMemory = () => createAuthorizedFetch({ url: mcpServer.url, store: "memory", onSignIn: approve })

const listTools = {
  method: "POST",
  headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
  body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} })
}

const rejection = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    await promise
  } catch (error) {
    return error
  }
  return assert.fail("it did not reject")
}

describe("createAuthorizedFetch, as the fetch of another client", () => {
  it("signs in once and connects version 1 of the official SDK", async () => {
    await using fetch = await inMemory()
    const client = new ClientV1({ name: "test", version: "1" })
    await client.connect(new TransportV1(mcpServer.url, { fetch }) as Parameters<typeof client.connect>[0])
    assert.deepEqual(
      (await client.listTools()).tools.map(({ name }) => name),
      tools
    )
    await client.close()
    assert.strictEqual(signIns(), 1)
  })

  it("signs in once and connects version 2 of the official SDK", async () => {
    await using fetch = await inMemory()
    const client = new ClientV2({ name: "test", version: "1" })
    await client.connect(new TransportV2(mcpServer.url, { fetch }))
    assert.deepEqual(
      (await client.listTools()).tools.map(({ name }) => name),
      tools
    )
    await client.close()
    assert.strictEqual(signIns(), 1)
  })

  it("signs in once and connects the AI SDK of Vercel", async () => {
    await using fetch = await inMemory()
    const client = await createMCPClient({
      transport: { type: "http", url: mcpServer.url.href, fetch }
    })
    assert.sameMembers(Object.keys(await client.tools()), tools)
    await client.close()
    assert.strictEqual(signIns(), 1)
  })

  it("gives an OAuthClientProvider to a client that takes no fetch", async () => {
    await using fetch = await inMemory()
    const authProvider = fetch.toOAuthClientProvider()
    const client = new ClientV1({ name: "test", version: "1" })
    const transport = new TransportV1(mcpServer.url, { authProvider })
    await client.connect(transport as Parameters<typeof client.connect>[0])
    assert.lengthOf((await client.listTools()).tools, 3)
    assert.strictEqual(signIns(), 1)

    mcpServer.rejectSeenTokens()
    const error = await rejection(client.listTools())
    assert.instanceOf(error, McpAuthError)
    assert.strictEqual(error.code, "TokenRenewed")
    assert.lengthOf((await client.listTools()).tools, 3)
    assert.strictEqual(signIns(), 1)
    await client.close()
    await fetch.close()
    const closed = await rejection(authProvider.tokens())
    assert.isTrue(closed instanceof DOMException && closed.name === "AbortError")
  })
})

describe("createAuthorizedFetch", () => {
  it("stores the sign-in in the folder that it is given, encrypted, with its lock beside it", async () => {
    const options = {
      url: mcpServer.url,
      name: "demo",
      store: "encrypted",
      home,
      password: "a password"
    } as const
    {
      await using fetch = await createAuthorizedFetch({ ...options, onSignIn: approve })
      assert.strictEqual((await fetch(mcpServer.url, listTools)).status, 200)
    }
    assert.includeMembers(readdirSync(home), ["tokens", "storage"])
    assert.includeMembers(readdirSync(join(home, "storage")), ["in-use"])
    assert.include(readdirSync(join(home, "tokens")), "demo.enc")

    await using later = await createAuthorizedFetch(options)
    assert.strictEqual((await later(mcpServer.url, listTools)).status, 200)
    assert.strictEqual(signIns(), 1)
  })

  describe("with the URL alone", () => {
    const stored = () => ({ url: mcpServer.url, store: "encrypted", home, password: "a password" }) as const
    const configure = (servers: (url: string) => unknown) =>
      writeFileSync(
        join(home, "server_config.json"),
        JSON.stringify({ mcpServers: servers(mcpServer.url.href) }),
        { mode: 0o600 }
      )
    const signInAs = async (name?: string) => {
      await using fetch = await createAuthorizedFetch({ ...stored(), name, onSignIn: approve })
      assert.strictEqual((await fetch(mcpServer.url, listTools)).status, 200)
    }
    /** Uses the sign-in that is stored, with no user. */
    const use = async (url = mcpServer.url) => {
      await using fetch = await createAuthorizedFetch({ ...stored(), url })
      return (await fetch(mcpServer.url, listTools)).status
    }

    it.each([
      ["under the name of the configuration", "notion", (url: string) => ({ notion: { url } })],
      [
        "under that name, whose URL is written otherwise",
        "notion",
        (url: string) => ({ other: { url: `${url}/other` }, notion: { url: url.replace("http:", "HTTP:") } })
      ],
      ["under the host, before the server had a name", "HOST", (url: string) => ({ notion: { url } })],
      ["under the URL, as the CLI stores it", undefined, () => ({ other: { command: "true" } })]
    ] as const)("uses the sign-in that is stored %s", async (_, name, servers) => {
      await signInAs(name === "HOST" ? mcpServer.url.host : name)
      configure(servers)
      assert.strictEqual(await use(), 200)
      assert.strictEqual(signIns(), 1)
    })

    it("names the server in an error as the CLI does", async () => {
      const nameFor = async () => {
        const error = await rejection(use())
        assert.instanceOf(error, McpAuthError)
        return /^Not signed in to (\S+)\.(\s|$)/.exec(error.message)?.[1]
      }
      assert.strictEqual(await nameFor(), mcpServer.url.href)
      configure((url) => ({ notion: { url } }))
      assert.strictEqual(await nameFor(), "notion")
      configure((url) => ({ one: { url }, two: { url } }))
      const error = await rejection(use())
      assert.instanceOf(error, McpAuthError)
      assert.include(error.message, "one, two")
    })

    it("signs in as the configuration says, and sends none of its headers", async () => {
      configure((url) => ({
        notion: { url, headers: { Authorization: "Bearer secret" }, oauth: { scopes: ["mcp:read"] } }
      }))
      const asked: Array<string | null> = []
      await using fetch = await createAuthorizedFetch({
        ...stored(),
        onSignIn: (prompt) => {
          asked.push(prompt.server, prompt.url.searchParams.get("scope"))
          return approve(prompt)
        }
      })
      assert.strictEqual((await fetch(mcpServer.url, listTools)).status, 200)
      assert.deepEqual(asked, ["notion", "mcp:read"])
    })

    it("makes no name of a URL with a secret in it", async () => {
      const url = new URL(`?api_key=sk-live-0123456789abcdef`, mcpServer.url)
      const error = await rejection(use(url))
      assert.instanceOf(error, McpAuthError)
      assert.strictEqual(error.code, "SignInRequired")
      assert.notInclude(JSON.stringify(error.remedies), "sk-live")
    })
  })

  it("rejects with a code and remedies where a sign-in is needed and no user is there", async () => {
    await using fetch = await createAuthorizedFetch({ url: mcpServer.url, store: "memory" })
    const error = await rejection(fetch(mcpServer.url, listTools))
    assert.instanceOf(error, Error)
    assert.instanceOf(error, McpAuthError)
    assert.strictEqual(error.name, "McpAuthError")
    assert.strictEqual(error.code, "SignInRequired")
    assert.isArray(error.remedies)
    assert.include(error.message, "127.0.0.1")
  })

  it("rejects with a code where the URL cannot be one of a server", async () => {
    const error = await rejection(createAuthorizedFetch({ url: "http://mcp.example.com/mcp" }))
    assert.instanceOf(error, McpAuthError)
    assert.strictEqual(error.code, "InvalidServer")
  })

  it("rejects with the error of onSignIn", async () => {
    const failure = new Error("the window is closed")
    await using fetch = await createAuthorizedFetch({
      url: mcpServer.url,
      store: "memory",
      onSignIn: () => Promise.reject(failure)
    })
    assert.strictEqual(await rejection(fetch(mcpServer.url, listTools)), failure)
  })

  it("takes the redirected URL from onSignIn, for a browser that cannot reach this machine", async () => {
    await using fetch = await createAuthorizedFetch({
      url: mcpServer.url,
      store: "memory",
      onSignIn: async ({ url }) => {
        const redirectUri = url.searchParams.get("redirect_uri") ?? ""
        return (await followRedirects(url.href, redirectUri)).url
      }
    })
    assert.strictEqual((await fetch(mcpServer.url, listTools)).status, 200)
  })

  it("reads what onSignIn returns once, and waits for the browser if that is no such URL", async () => {
    const told = vi.spyOn(console, "log").mockImplementation(() => undefined)
    await using fetch = await createAuthorizedFetch({
      url: mcpServer.url,
      store: "memory",
      onSignIn: (prompt) => {
        setImmediate(() => void approve(prompt))
        return "shown"
      }
    })
    assert.strictEqual((await fetch(mcpServer.url, listTools)).status, 200)
    assert.lengthOf(told.mock.calls, 1)
    vi.restoreAllMocks()
  })

  it("rejects an aborted request with the reason of its signal, and goes on", async () => {
    const asked = Promise.withResolvers<void>()
    let approves = false
    await using fetch = await createAuthorizedFetch({
      url: mcpServer.url,
      store: "memory",
      onSignIn: (prompt) => (asked.resolve(), approves ? approve(prompt) : undefined)
    })
    const controller = new AbortController()
    const aborted = rejection(fetch(mcpServer.url, { ...listTools, signal: controller.signal }))
    await asked.promise
    const reason = new DOMException("enough", "AbortError")
    controller.abort(reason)
    assert.strictEqual(await aborted, reason)

    approves = true
    assert.strictEqual((await fetch(mcpServer.url, listTools)).status, 200)
  })

  it("closes with its signal: what is in progress and what comes later reject with the reason", async () => {
    const asked = Promise.withResolvers<void>()
    const controller = new AbortController()
    const fetch = await createAuthorizedFetch({
      url: mcpServer.url,
      store: "memory",
      signal: controller.signal,
      onSignIn: () => asked.resolve()
    })
    const aborted = rejection(fetch(mcpServer.url, listTools))
    await asked.promise
    const reason = new Error("the program ends")
    controller.abort(reason)
    assert.strictEqual(await aborted, reason)
    assert.strictEqual(await rejection(fetch(mcpServer.url, listTools)), reason)
    assert.strictEqual(
      await rejection(createAuthorizedFetch({ url: mcpServer.url, signal: controller.signal })),
      reason
    )
  })

  it("leaves its signal when it is closed, and when it could not be made", async () => {
    const { signal } = new AbortController()
    writeFileSync(join(home, "server_config.json"), "{")
    await rejection(createAuthorizedFetch({ url: mcpServer.url, home, signal }))
    rmSync(join(home, "server_config.json"))
    const fetch = await createAuthorizedFetch({ url: mcpServer.url, home, store: "memory", signal })
    assert.strictEqual(getEventListeners(signal, "abort").length, 1)
    await fetch.close()
    assert.strictEqual(getEventListeners(signal, "abort").length, 0)
  })

  it("introduces itself as the product that it is part of", async () => {
    const registrations: Array<unknown> = []
    const real = globalThis.fetch
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
      if (input instanceof Request && new URL(input.url).pathname === "/register") {
        registrations.push(await input.clone().json())
      }
      return real(input, init)
    })
    for (const identity of [{ name: "Example Agent" }, undefined]) {
      await using fetch = await createAuthorizedFetch({
        url: mcpServer.url,
        store: "memory",
        identity,
        onSignIn: approve
      })
      assert.strictEqual((await fetch(mcpServer.url, listTools)).status, 200)
    }
    vi.restoreAllMocks()
    assert.deepEqual(
      registrations.map((registration) => (registration as { readonly client_name: string }).client_name),
      ["Example Agent", "mcp-cli"]
    )
  })

  it("rejects after close", async () => {
    const fetch = await inMemory()
    await fetch.close()
    assert.strictEqual(((await rejection(fetch(mcpServer.url, listTools))) as Error).name, "AbortError")
  })
})
