import { describe } from "vitest"
import { hasKeycloak, startKeycloakServer } from "../../servers/KeycloakServer.ts"
import { signInSuite } from "../servers/SignInSuite.ts"

describe.skipIf(!hasKeycloak)("Keycloak (needs Java, and scripts/test-servers.sh --java)", () => {
  signInSuite({ start: startKeycloakServer })
})
