import type { HeaderField } from "../../../ports/LocalListener.ts"

/**
 * Headers of a request that reach the server: those of MCP, of its HTTP transport, and of traces (SEP-414). All others are
 * about the program, or about this machine. A server that needs another one has it in its configuration.
 */
const ofRequest =
  /^(accept|accept-language|content-type|last-event-id|mcp-[a-z0-9-]+|traceparent|tracestate|baggage|user-agent)$/

/**
 * Headers of an answer that reach the program. A challenge (`WWW-Authenticate`) would start a sign-in of its own, a cookie
 * would be the server's at this machine, and the CORS headers of the server would open this proxy to the origins it trusts.
 */
const ofAnswer =
  /^(content-type|content-language|cache-control|retry-after|allow|date|mcp-[a-z0-9-]+|x-request-id|(x-)?ratelimit(-[a-z0-9-]+)?|traceparent|tracestate)$/

/** Lists of codings that `fetch` undoes. A body in another one arrives as it is. */
const undone = /^((^|\s*,\s*)(x-gzip|gzip|deflate|br))+$/i

/** Headers of answers that a web page may read, with those of CORS that every page may. */
export const exposedHeaders = "Mcp-Session-Id, Mcp-Protocol-Version, Retry-After, X-Request-Id"

/** Headers that a web page may send. */
export const allowedHeaders = (requested: string | undefined): string =>
  [
    "Authorization",
    "Content-Type",
    "Accept",
    "Last-Event-ID",
    ...(requested ?? "").split(",").flatMap((name) => {
      const lower = name.trim().toLowerCase()
      return lower.startsWith("mcp-") && ofRequest.test(lower) ? [lower] : []
    })
  ].join(", ")

/** The headers of a request to the server. */
export const requestHeaders = (fields: ReadonlyArray<HeaderField>): Headers => {
  // An answer in a coding would be changed on its way.
  const headers = new Headers({ "accept-encoding": "identity" })
  for (const [name, value] of fields) if (ofRequest.test(name)) headers.append(name, value)
  return headers
}

/** The headers of the answer to a program. */
export const answerHeaders = (headers: Headers): ReadonlyArray<HeaderField> => {
  const coding = headers.get("content-encoding")
  return [
    ...Array.from(headers).filter(([name]) => ofAnswer.test(name)),
    ...(coding === null || undone.test(coding) ? [] : [["content-encoding", coding] as const])
  ]
}
