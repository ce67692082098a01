import { describe } from "vitest"
import { hasPackages, startPythonServer } from "../../servers/PythonServer.ts"
import { signInSuite } from "./SignInSuite.ts"

for (const packages of ["mcp-2", "mcp-1"] as const) {
  describe.skipIf(!hasPackages(packages))(
    `the official Python SDK, ${packages} (needs scripts/test-servers.sh)`,
    () => {
      signInSuite({ start: () => startPythonServer(packages, "sdk_server.py") })
    }
  )
}
