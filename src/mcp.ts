/** Doors for MCP clients: a `fetch` that carries the token, an `authProvider`, and sessions over the official SDK. */
export * from "./app/http/AuthorizedFetch.ts"
export * from "./app/http/SdkAuthProvider.ts"
export { TokenBoundToKey } from "./app/http/BearerHeader.ts"
export * as McpConnector from "./adapters/mcp/McpConnector.ts"
