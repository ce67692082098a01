/** Doors for MCP clients: a `fetch` that carries the token, and sessions over the official SDK. */
export * from "./app/AuthorizedFetch.ts"
export * as McpConnector from "./adapters/mcp/McpConnector.ts"
