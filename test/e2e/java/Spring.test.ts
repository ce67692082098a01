import { describe } from "vitest"
import { hasSpring, startSpringServer } from "../../servers/SpringServer.ts"
import { signInSuite } from "../servers/SignInSuite.ts"

describe.skipIf(!hasSpring)(
  "Spring Authorization Server (needs Java, and scripts/test-servers.sh --java)",
  () => {
    signInSuite({ start: startSpringServer })
  }
)
