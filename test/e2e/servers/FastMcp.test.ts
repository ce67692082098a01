import { describe } from "vitest"
import { startFastMcpServer } from "../../servers/FastMcpServer.ts"
import { hasPackages, startPythonServer } from "../../servers/PythonServer.ts"
import { signInSuite } from "./SignInSuite.ts"

describe.skipIf(!hasPackages("mcp-2"))("FastMCP (needs scripts/test-servers.sh)", () => {
  describe("with its own authorization server in memory", () => {
    signInSuite({
      start: () => startPythonServer("mcp-2", "fastmcp_server.py", "memory"),
      redirectsSlash: true,
      dropsExpired: true
    })
  })
  describe("as a proxy before another authorization server", () => {
    signInSuite({ start: () => startFastMcpServer("proxy"), tokensLiveOn: true })
  })
  describe("with the tokens of another authorization server", () => {
    signInSuite({ start: () => startFastMcpServer("remote"), tokensLiveOn: true })
  })
})
