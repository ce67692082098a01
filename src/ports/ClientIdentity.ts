import { Context } from "effect"
import type { ClientIdentitySettings } from "../domain/ClientMetadata.ts"

/** Introduces the client as this program. */
export const defaultClientIdentity: ClientIdentitySettings = { name: "mcp-cli" }

/**
 * How the client introduces itself to users, authorization servers and MCP servers. Provide it to the layers of
 * `ClientRegistrar` and `McpConnector` to sign in as another product.
 */
export const ClientIdentity = Context.Reference<ClientIdentitySettings>(
  "mcp-cli-oauth/ports/ClientIdentity",
  {
    defaultValue: () => defaultClientIdentity
  }
)
