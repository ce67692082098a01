/** Default timeout until the head of an answer, in milliseconds. Endpoints that a user waits for have shorter ones. */
export const headTimeout = 30_000
/** Seconds for the body of an OAuth message, which is a few kilobytes. */
export const bodySeconds = 15
/** Maximum size of the body of an OAuth message, in bytes: metadata and tokens are far smaller. */
export const maxBody = 1024 * 1024
/** No server may postpone this client for longer than a day; in milliseconds. */
export const maxRetryAfter = 86_400_000
/** Seconds for the addresses of a host. The request itself has a timeout of its own. */
export const resolverSeconds = 5
/** Seconds until a connection through a proxy is there; undici has the same limit for direct ones. */
export const connectSeconds = 10
/** Requests by `node:http`, before undici is loaded. A session with a few lists and calls stays below, an agent at work does not. */
export const maxCoreRequests = 24
/** Milliseconds without traffic, after which the system looks whether the other end of a connection is still there; as undici. */
export const keepAliveProbe = 60_000
/** The codings of a body that are decoded. */
export const acceptEncoding = "gzip, br"
/** Maximum length of the head of a proxy's answer to CONNECT, in bytes. */
export const maxProxyHead = 16_384
/**
 * Milliseconds that a server keeps an idle connection if it does not say how long. Gunicorn closes it after 2 seconds by
 * default, uvicorn and hypercorn after 5.
 */
export const keptIdle = 2000
