/** For programs without Effect: a `fetch` that carries the token, as promises. */
export {
  type AuthorizedFetch,
  type AuthorizedFetchOptions,
  createAuthorizedFetch,
  McpAuthError,
  type SignInPrompt
} from "./live/PromiseFetch.ts"
export type { OAuthClientProvider } from "./app/http/OAuthClientProvider.ts"
export * as Remedy from "./domain/Remedy.ts"
