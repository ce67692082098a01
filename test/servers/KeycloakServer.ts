import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { startMcpServer } from "./McpServer.ts"
import type { RealServer } from "./RealServer.ts"
import { serverCache } from "./ServerCache.ts"

/** The version that `scripts/test-servers.sh --java` installs. */
export const keycloakVersion = "26.7.3"
const folder = join(serverCache, `keycloak-${keycloakVersion}`)

export const hasKeycloak = existsSync(join(folder, "bin", "kc.sh"))

const account = { username: "demo", password: "a password of a test" }
const watcher = { clientId: "watcher", secret: "a secret of a test" }

/** What an administrator sets up for MCP: rotating tokens, a scope, and clients of this host that register themselves. */
const realm = {
  realm: "demo",
  enabled: true,
  revokeRefreshToken: true,
  refreshTokenMaxReuse: 0,
  eventsEnabled: true,
  enabledEventTypes: [
    "CLIENT_REGISTER",
    "REFRESH_TOKEN",
    "REFRESH_TOKEN_ERROR",
    "REVOKE_GRANT",
    "REVOKE_GRANT_ERROR"
  ],
  clients: [{ clientId: watcher.clientId, secret: watcher.secret, serviceAccountsEnabled: true }]
}

/** A client is told about tokens only if it is in their audience. */
const mcpScope = {
  name: "mcp:read",
  protocol: "openid-connect",
  protocolMappers: [
    {
      name: "audience",
      protocol: "openid-connect",
      protocolMapper: "oidc-audience-mapper",
      config: {
        "included.client.audience": watcher.clientId,
        "access.token.claim": "true",
        "introspection.token.claim": "true"
      }
    }
  ]
}

const user = {
  username: account.username,
  enabled: true,
  emailVerified: true,
  email: "demo@example.com",
  firstName: "Demo",
  lastName: "User",
  credentials: [{ type: "password", value: account.password }]
}

/** Events of Keycloak by what was asked. */
const events: Readonly<Record<string, string>> = {
  "/register": "type=CLIENT_REGISTER",
  "/token": "type=REFRESH_TOKEN&type=REFRESH_TOKEN_ERROR",
  "/revoke": "type=REVOKE_GRANT&type=REVOKE_GRANT_ERROR"
}

const freePort = async (): Promise<number> => {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}

/** Starts Keycloak with its database in memory, and an MCP server that asks it about tokens. */
export const startKeycloakServer = async (
  options: {
    /** The user has no roles, and so not that of `offline_access`. */
    readonly withoutRoles?: boolean
  } = {}
): Promise<RealServer> => {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const child = spawn(
    join(folder, "bin", "kc.sh"),
    ["start-dev", "--db=dev-mem", "--http-host=127.0.0.1", `--http-port=${port}`],
    {
      // A process group of its own: the script starts Java.
      detached: true,
      env: { ...process.env, KC_BOOTSTRAP_ADMIN_USERNAME: "admin", KC_BOOTSTRAP_ADMIN_PASSWORD: "admin" }
    }
  )
  const ended = new Promise<void>((done) => child.once("close", () => done()))
  let output = ""
  await new Promise<void>((done, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString()
      if (output.includes("Listening on:")) done()
    }
    child.stdout.on("data", read)
    child.stderr.on("data", read)
    void ended.then(() => reject(new Error(`Keycloak ended: ${output}`)))
  })

  const post = async (path: string, fields: Readonly<Record<string, string>>) => {
    const answer = await fetch(origin + path, { method: "POST", body: new URLSearchParams(fields) })
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as Readonly<Record<string, unknown>>
  }
  const administer = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const { access_token } = await post("/realms/master/protocol/openid-connect/token", {
      grant_type: "password",
      client_id: "admin-cli",
      username: "admin",
      password: "admin"
    })
    const answer = await fetch(`${origin}/admin/realms${path}`, {
      method,
      headers: { authorization: `Bearer ${String(access_token)}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return text === "" ? undefined : JSON.parse(text)
  }
  const createRealm = async () => {
    await administer("POST", "", realm)
    // Not with the realm: users that are imported lack the default roles.
    await administer("POST", "/demo/users", user)
    if (options.withoutRoles === true) {
      const [created] = (await administer("GET", "/demo/users")) as ReadonlyArray<{ readonly id: string }>
      const roles = `/demo/users/${created?.id ?? ""}/role-mappings/realm`
      await administer("DELETE", roles, await administer("GET", roles))
    }
    await administer("POST", "/demo/client-scopes", mcpScope)
    const scopes = (await administer("GET", "/demo/client-scopes")) as ReadonlyArray<{
      readonly id: string
      readonly name: string
    }>
    const scope = scopes.find(({ name }) => name === "mcp:read")?.id ?? ""
    await administer("PUT", `/demo/default-optional-client-scopes/${scope}`)
    const policies = (await administer(
      "GET",
      "/demo/components?type=org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy"
    )) as ReadonlyArray<{ readonly id: string; readonly providerId: string }>
    for (const { id, providerId } of policies) {
      if (providerId === "trusted-hosts") await administer("DELETE", `/demo/components/${id}`)
    }
  }
  await createRealm()

  const mcpServer = await startMcpServer({
    authorizationServer: {
      issuer: `${origin}/realms/demo`,
      introspect: async (token) => {
        const { active, scope } = await post("/realms/demo/protocol/openid-connect/token/introspect", {
          token,
          client_id: watcher.clientId,
          client_secret: watcher.secret
        })
        return {
          active: active === true,
          scopes: typeof scope === "string" ? scope.split(" ") : [],
          thumbprint: undefined
        }
      }
    }
  })
  return {
    url: mcpServer.url.href,
    account,
    expire: async () => mcpServer.rejectSeenTokens(),
    forget: async () => {
      await administer("DELETE", "/demo")
      await createRealm()
    },
    count: async (path) =>
      ((await administer("GET", `/demo/events?max=1000&${events[path] ?? ""}`)) as ReadonlyArray<unknown>)
        .length,
    close: async () => {
      await mcpServer.close()
      process.kill(-(child.pid ?? 0), "SIGKILL")
      await ended
    }
  }
}
