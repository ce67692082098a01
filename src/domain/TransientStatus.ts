/**
 * True if an HTTP status says that the same request may succeed later: 408 and 5xx (RFC 9110 §15.5.9, §15.6), 425 (RFC
 * 8470 §5.2), 429 (RFC 6585 §4). Such an answer says nothing else about the server.
 */
export const isTransientStatus = (status: number): boolean =>
  status === 408 || status === 425 || status === 429 || status >= 500
