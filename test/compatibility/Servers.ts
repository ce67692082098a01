import { startFastMcpServer } from "../servers/FastMcpServer.ts"
import { hasKeycloak, keycloakVersion, startKeycloakServer } from "../servers/KeycloakServer.ts"
import { hasPackages, type Packages, startPythonServer, versionOf } from "../servers/PythonServer.ts"
import { hasSpring, springVersion, startSpringServer } from "../servers/SpringServer.ts"
import type { RealServer } from "../servers/RealServer.ts"

/** A server of the table. */
export interface Listed {
  readonly name: string
  readonly isInstalled: boolean
  readonly start: () => Promise<RealServer>
}

const sdk = (packages: Packages): Listed => ({
  name: `Python MCP SDK ${versionOf(packages, "mcp")}`,
  isInstalled: hasPackages(packages),
  start: () => startPythonServer(packages, "sdk_server.py")
})
const fastMcp = `FastMCP ${versionOf("mcp-2", "fastmcp")}`
const isInstalled = hasPackages("mcp-2")

/** Every server that the table has a row for. */
export const servers: ReadonlyArray<Listed> = [
  sdk("mcp-2"),
  sdk("mcp-1"),
  {
    name: `${fastMcp}, in memory`,
    isInstalled,
    start: () => startPythonServer("mcp-2", "fastmcp_server.py", "memory")
  },
  {
    name: `${fastMcp}, OAuthProxy`,
    isInstalled,
    start: () => startFastMcpServer("proxy")
  },
  {
    name: `${fastMcp}, RemoteAuthProvider`,
    isInstalled,
    start: () => startFastMcpServer("remote")
  },
  {
    name: `Authlib ${versionOf("mcp-2", "authlib")}, Flask`,
    isInstalled,
    start: () => startPythonServer("mcp-2", "authlib_server.py")
  },
  { name: `Keycloak ${keycloakVersion}`, isInstalled: hasKeycloak, start: startKeycloakServer },
  {
    name: `Spring Authorization Server (Boot ${springVersion})`,
    isInstalled: hasSpring,
    start: startSpringServer
  }
]
