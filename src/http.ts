/** Doors for HTTP clients: an Effect `HttpClient` and a `fetch`, both with the token in them. Nothing of MCP, nothing of Node. */
export * from "./app/AuthorizedFetch.ts"
export * from "./app/AuthorizedHttpClient.ts"
