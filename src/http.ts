/** For HTTP clients: a `fetch` and an Effect `HttpClient`, both with the token in each request. No Node, no MCP SDK. */
export * from "./app/http/AuthorizedFetch.ts"
export * from "./app/http/AuthorizedHttpClient.ts"
