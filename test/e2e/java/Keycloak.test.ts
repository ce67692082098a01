import { assert, describe, it } from "vitest"
import { hasKeycloak, startKeycloakServer } from "../../servers/KeycloakServer.ts"
import { makeHome } from "../World.ts"
import { signInSuite } from "../servers/SignInSuite.ts"

describe.skipIf(!hasKeycloak)("Keycloak (needs Java, and scripts/test-servers.sh --java)", () => {
  signInSuite({ start: startKeycloakServer })
})

describe.skipIf(!hasKeycloak)(
  "Keycloak with few roles (needs Java, and scripts/test-servers.sh --java)",
  () => {
    it("signs in a user without the role offline_access, and refreshes", async () => {
      const server = await startKeycloakServer({ withoutRoles: true })
      const home = makeHome(server.url, { BROWSER_ACCOUNT: JSON.stringify(server.account) })
      try {
        const { code, stderr } = await home.run(["auth", "login", "demo"])
        assert.strictEqual(code, 0, stderr)
        assert.include(stderr, "refuses the scope offline_access. Signing in without it.")
        const sum = ["call", "demo", "add", "a=19", "b=23"]
        assert.strictEqual((await home.run(sum)).stdout, "42\n")
        await server.expire()
        assert.strictEqual((await home.run(sum)).stdout, "42\n")
        assert.strictEqual(home.browsersOpened(), 2)
      } finally {
        await home.close()
        await server.close()
      }
    })
  }
)
