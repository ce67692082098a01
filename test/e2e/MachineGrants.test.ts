import { generateKeyPairSync } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { makeHome, startWorld, type World } from "./World.ts"

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
const machine = { grant_types: ["client_credentials"], redirect_uris: [], response_types: [] }
let world: World

beforeAll(async () => {
  world = await startWorld({
    clients: [
      {
        ...machine,
        client_id: "with-a-secret",
        client_secret: "the secret of a client",
        token_endpoint_auth_method: "client_secret_basic"
      },
      {
        ...machine,
        client_id: "with-a-key",
        token_endpoint_auth_method: "private_key_jwt",
        jwks: { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k1", use: "sig", alg: "ES256" }] }
      }
    ]
  })
  const url = world.mcpServer.url.href
  const entry = (oauth: Record<string, unknown>) => ({
    url,
    oauth: {
      grant_type: "client_credentials",
      issuer: world.authorizationServer.issuer,
      scopes: ["mcp:read"],
      ...oauth
    }
  })
  world.configure({
    mcpServers: {
      secret: entry({ client_id: "with-a-secret", client_secret: "${CLIENT_SECRET}" }),
      stored: entry({ client_id: "with-a-secret", client_secret: "${secret:client}" }),
      elsewhere: entry({ client_id: "with-a-secret", client_secret: "${secret:client}", issuer: url }),
      file: entry({ client_id: "with-a-secret", client_secret_file: "~/client-secret" }),
      lost: entry({ client_id: "with-a-secret", client_secret_file: "~/lost" }),
      misspelled: entry({
        client_id: "with-a-secret",
        client_secret: "${CLIENT_SECRET}",
        token_url: `${world.authorizationServer.issuer}/tokenn`
      }),
      key: entry({ client_id: "with-a-key", private_key_file: "~/client.pem", private_key_id: "k1" }),
      gone: entry({ client_id: "with-a-key", private_key_file: "~/gone.pem" })
    }
  })
  writeFileSync(join(world.home, "client-secret"), "the secret of a client\n")
  writeFileSync(join(world.home, "client.pem"), privateKey.export({ format: "pem", type: "pkcs8" }))
})
afterAll(() => world.close())

const run = (args: ReadonlyArray<string>) =>
  world.run([...args, "--no-interactive"], {
    env: { CLIENT_SECRET: "the secret of a client" }
  })
const requests = () => world.authorizationServer.counts.get("token:client_credentials") ?? 0

describe("a server that this program signs in to by itself", () => {
  it.each(["secret", "file", "key"])("needs nobody: by its %s", async (name) => {
    const before = requests()
    const tools = await run(["tools", name])
    assert.strictEqual(tools.code, 0, tools.stderr)
    assert.strictEqual((await run(["tools", name])).code, 0)
    assert.strictEqual(requests(), before + 1)
    assert.strictEqual(world.browsersOpened(), 0)
  })

  it("needs nobody: by a stored secret, which is bound to its servers", async () => {
    const stdin = "the secret of a client"
    const { origin } = new URL(world.authorizationServer.issuer)
    const stored = await world.run(["secret", "set", "stored", "client"], { stdin })
    assert.include(stored.stderr, `It is used only with ${origin} and ${world.mcpServer.url.origin}.`)
    const tools = await run(["tools", "stored"])
    assert.strictEqual(tools.code, 0, tools.stderr)
    const other = await world.run(["secret", "set", "elsewhere", "client"], { stdin })
    assert.include(other.stderr, `It is used only with ${world.mcpServer.url.origin}.`)
  })

  it("is not signed in any more as one where a user signs in", async () => {
    const status = async (...more: ReadonlyArray<string>) =>
      run(["auth", "status", "secret", "--json", ...more])
    assert.strictEqual((await status()).code, 0)
    const other = join(world.home, "by-a-user.json")
    writeFileSync(other, JSON.stringify({ mcpServers: { secret: { url: world.mcpServer.url.href } } }))
    const file = ["--config-file", other]
    const [tools, now] = [await run(["tools", "secret", ...file]), await status(...file)]
    assert.deepStrictEqual([tools.code, now.code], [3, 3])
    assert.include(now.stderr, "is for another client, grant or endpoint than the configuration names now")
    const [row] = JSON.parse(now.stdout) as ReadonlyArray<object>
    assert.deepInclude(row, { state: "signed out", needsSignIn: true, expiresAt: null })
  })

  it("gets a new token automatically where the server takes the old one no longer", async () => {
    const before = requests()
    world.mcpServer.rejectSeenTokens()
    const tools = await run(["tools", "key"])
    assert.strictEqual(tools.code, 0, tools.stderr)
    assert.strictEqual(requests(), before + 1)
  })

  it("is told in CI without a password what it can do, and nothing is said to be stored", async () => {
    const home = makeHome(world.mcpServer.url.href)
    const env = { CI: "1", CLIENT_SECRET: "the secret of a client", MCP_CLI_ENCRYPTION_KEY: "" }
    const entry = {
      url: world.mcpServer.url.href,
      oauth: {
        grant_type: "client_credentials",
        issuer: world.authorizationServer.issuer,
        client_id: "with-a-secret",
        client_secret: "${CLIENT_SECRET}",
        scopes: ["mcp:read"]
      }
    }
    home.configure({ mcpServers: { secret: entry } })
    const locked = await home.run(["tools", "secret"], { env })
    assert.strictEqual(locked.code, 4, locked.stderr)
    assert.notInclude(locked.stderr, "from now on")
    assert.include(locked.stderr, "MCP_CLI_ENCRYPTION_KEY")
    assert.include(locked.stderr, '"backend": "memory" in "tokenStorage"')
    home.configure({ mcpServers: { secret: entry }, tokenStorage: { backend: "memory" } })
    const unstored = await home.run(["tools", "secret"], { env })
    assert.strictEqual(unstored.code, 0, unstored.stderr)
    await home.close()
  })

  it("names the field of a token endpoint that is none, and does not blame the provider", async () => {
    const { code, stderr } = await run(["auth", "token", "misspelled"])
    assert.strictEqual(code, 5)
    assert.include(stderr, 'Check "token_url" in the oauth block of misspelled.')
    assert.notInclude(stderr, "Tell the provider")
  })

  it("ends with 2, and the path, where its key is not there", async () => {
    const { code, stderr } = await run(["auth", "token", "gone"])
    assert.strictEqual(code, 2)
    assert.match(stderr, /gone\.pem, which "private_key_file" of gone names, does not exist/)
  })

  it("ends with 2, and the path, where the file of its secret is not there", async () => {
    const { code, stderr } = await run(["auth", "token", "lost"])
    assert.strictEqual(code, 2)
    assert.match(stderr, /lost, which "client_secret_file" of lost names, does not exist/)
  })
})
