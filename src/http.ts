/** Doors for HTTP clients: an Effect `HttpClient` and a `fetch`, both with the token in them. Nothing of MCP, nothing of Node. */
export * from "./app/http/AuthorizedFetch.ts"
export * from "./app/http/AuthorizedHttpClient.ts"
