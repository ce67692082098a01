import { isSameOrigin } from "./SecureUrl.ts"

/** Where an answer redirects a request to. */
export interface Redirect {
  readonly target: URL
  /** True if the request may follow, with its token: it keeps its method and stays at its origin. */
  readonly mayFollow: boolean
}

/** The redirect of an answer; `undefined` for any other answer. */
export const redirectOf = (request: Request, { headers, status }: Response): Redirect | undefined => {
  const location = [301, 302, 303, 307, 308].includes(status) ? headers.get("location") : null
  const target = location === null ? null : URL.parse(location, request.url)
  if (target === null) return undefined
  const keepsMethod = request.method === "GET" || status === 307 || status === 308
  return { target, mayFollow: keepsMethod && isSameOrigin(target, new URL(request.url)) }
}
