import type { TokenFailure } from "./TokenFailure.ts"

/** Statuses by which a server or its gateway says that a request may succeed later. */
const passing = new Set([408, 425, 429, 502, 503, 504, 520, 521, 522, 523, 524])

/**
 * True if a server answered a refresh in a way that says nothing about the refresh token: 500, a web page, JSON of its own.
 * Some answer like that for good (zitadel: 500 for an unknown client), so a sign-in is the way out. Without an answer, and
 * with 429 or 503, waiting is.
 */
export const isUnclear = (failure: TokenFailure): boolean => {
  switch (failure._tag) {
    case "Malformed":
      // A refresh token in the answer is good, and replaces the one that was sent.
      return failure.refreshToken === undefined
    case "Refused":
      return true
    case "Transient":
      if (failure.error === "temporarily_unavailable") return false
      return failure.status !== undefined && failure.status >= 500 && !passing.has(failure.status)
    default:
      return false
  }
}

/** True if a sign-in is the advice after such an answer. `server_error` says that the server will recover. */
export const suggestsSignIn = (failure: TokenFailure): boolean =>
  isUnclear(failure) && !(failure._tag === "Transient" && failure.error === "server_error")
