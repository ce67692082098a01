import { describe } from "vitest"
import { startFastMcpServer } from "../../servers/FastMcpServer.ts"
import { hasPackages } from "../../servers/PythonServer.ts"
import { signInSuite } from "./SignInSuite.ts"

describe.skipIf(!hasPackages("mcp-2"))(
  "FastMCP as a proxy before another authorization server (needs scripts/test-servers.sh)",
  () => {
    signInSuite({ start: () => startFastMcpServer("proxy"), tokensLiveOn: true })
  }
)
