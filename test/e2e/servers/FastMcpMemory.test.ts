import { describe } from "vitest"
import { hasPackages, startPythonServer } from "../../servers/PythonServer.ts"
import { signInSuite } from "./SignInSuite.ts"

describe.skipIf(!hasPackages("mcp-2"))(
  "FastMCP with its own authorization server in memory (needs scripts/test-servers.sh)",
  () => {
    signInSuite({
      start: () => startPythonServer("mcp-2", "fastmcp_server.py", "memory"),
      redirectsSlash: true,
      dropsExpired: true
    })
  }
)
