import { Effect, Result } from "effect"
import { discardBody, HttpTransport } from "../../ports/HttpTransport.ts"

/** How an authorization endpoint refuses a request. */
export interface AuthorizationRefusal {
  /** True: it redirects to our redirect URI. False: the user would see a page of the server, and no callback would follow. */
  readonly isCallback: boolean
  /** The error code, or the status of the answer. */
  readonly error: string
  readonly description?: string | undefined
}

const isSamePlace = (one: URL, other: URL): boolean =>
  one.origin === other.origin && one.pathname === other.pathname

/**
 * Sends an authorization request without a browser, and reads what is refused before a user signs in. Undefined: nothing, as
 * far as the answer says. Some servers refuse with a page of status 400 or 401, others (Hydra, better-auth) redirect to a page
 * of their own with `error`. A 403 says nothing about the client: some endpoints refuse every program.
 */
export const probeAuthorization = Effect.fn("AuthorizationProbe.probe")(function* (
  url: URL,
  redirectUri: URL
): Effect.fn.Return<AuthorizationRefusal | undefined, never, HttpTransport> {
  const transport = yield* HttpTransport
  const answer = yield* Effect.result(transport.send(new Request(url, { method: "GET" })))
  if (Result.isFailure(answer)) return undefined
  const { headers, status } = answer.success
  yield* discardBody(answer.success)
  if (status === 400 || status === 401) return { isCallback: false, error: `HTTP ${status}` }
  if (status < 300 || status >= 400) return undefined
  const location = URL.parse(headers.get("location") ?? "", url)
  if (location === null) return undefined
  const fragment = new URLSearchParams(location.hash.slice(1))
  const read = (name: string) => location.searchParams.get(name) ?? fragment.get(name)
  const error = read("error")
  return error === null
    ? undefined
    : {
        isCallback: isSamePlace(location, redirectUri),
        error,
        description: read("error_description") ?? undefined
      }
})
