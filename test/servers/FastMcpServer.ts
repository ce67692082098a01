import { startAuthorizationServer } from "./AuthorizationServer.ts"
import { startPythonServer } from "./PythonServer.ts"
import type { RealServer } from "./RealServer.ts"

/** FastMCP with `oidc-provider`: a proxy before it, or the resource server of its signed tokens. */
export const startFastMcpServer = async (kind: "proxy" | "remote"): Promise<RealServer> => {
  const authorizationServer = await startAuthorizationServer({ autoApprove: true, jwt: true })
  const server = await startPythonServer("mcp-2", "fastmcp_server.py", kind, authorizationServer.issuer)
  const close = async () => void (await Promise.all([server.close(), authorizationServer.close()]))
  if (kind === "proxy") return { ...server, close }
  return {
    ...server,
    forget: async () => {
      await server.expire()
      authorizationServer.forgetTokens()
      authorizationServer.forgetClients()
    },
    count: async (path, grant) =>
      authorizationServer.counts.get(`${path.slice(1)}${grant === undefined ? "" : `:${grant}`}`) ?? 0,
    close
  }
}
