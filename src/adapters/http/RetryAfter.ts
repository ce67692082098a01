/**
 * The wait that a `Retry-After` header asks for, in milliseconds from `now`: seconds or an HTTP date (RFC 9110
 * §10.2.3). Absent where there is none, or none that can be read; never below zero, never over a day.
 */
export const retryAfterMillis = (header: string | null, now: number): number | undefined => {
  if (header === null) return undefined
  const text = header.trim()
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), 86_400_000)
}
