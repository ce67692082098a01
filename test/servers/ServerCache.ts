import { homedir } from "node:os"
import { join } from "node:path"

const { TEST_SERVERS_CACHE, XDG_CACHE_HOME } = process.env

/** Where `scripts/test-servers.sh` installs servers: the same place as there. */
export const serverCache =
  TEST_SERVERS_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), ".cache"), "mcp-cli-test-servers")
