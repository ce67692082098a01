import { describe } from "vitest"
import { hasPackages, startPythonServer } from "../../servers/PythonServer.ts"
import { signInSuite } from "./SignInSuite.ts"

describe.skipIf(!hasPackages("mcp-2"))("Authlib and Flask (needs scripts/test-servers.sh)", () => {
  signInSuite({ start: () => startPythonServer("mcp-2", "authlib_server.py") })
})
