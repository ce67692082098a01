/** Doors for MCP clients: a `fetch` that carries the token, an `authProvider`, and sessions over the official SDK. */
export * from "./app/AuthorizedFetch.ts"
export * from "./app/SdkAuthProvider.ts"
export { TokenBoundToKey } from "./app/BearerHeader.ts"
export * as McpConnector from "./adapters/mcp/McpConnector.ts"
