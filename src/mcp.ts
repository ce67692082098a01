/** For MCP clients: a `fetch` that carries the token, providers for the official SDK, and sessions over it. */
export * from "./app/http/AuthorizedFetch.ts"
export * from "./app/http/SdkAuthProvider.ts"
export * from "./app/http/OAuthClientProvider.ts"
export { TokenBoundToKey } from "./app/http/BearerHeader.ts"
export * as McpConnectorLive from "./adapters/mcp/McpConnector.ts"
