/** Limits of one discovery: no list, redirect or slow answer of a server keeps this program busy for long. */
export const discoveryLimits = {
  /** Milliseconds until an answer must start. */
  headTimeout: 15_000,
  /** Seconds for one document with its redirects and retries: an answer that only drips has to end. */
  documentSeconds: 30,
  /** Seconds for all authorization servers of one resource. */
  searchSeconds: 60,
  /** Seconds for what the page of a sign-in says about itself: a user waits, and it may say nothing. */
  pageSeconds: 10,
  /** Redirects that one request for metadata follows. */
  maxRedirects: 3,
  /** Authorization servers of one resource that are tried. */
  maxIssuers: 10
} as const

/** Milliseconds until an endpoint must start to answer: a user or a tool call waits for it. */
export const endpointTimeout = 15_000
/**
 * Milliseconds until a token endpoint must start to answer. A request that is given up may have used a refresh token or a
 * code, so this is as long as common gateways wait (Heroku, AWS API Gateway).
 */
export const tokenTimeout = 30_000

/** Timeout of a deregistration in milliseconds. The user is waiting and has no use for the answer. */
export const deregistrationTimeout = 5000

/** Lifetime of a cached document in milliseconds: a server that moves is noticed within five minutes. */
export const metadataLifetime = 300_000
/** Maximum number of cached documents; the oldest goes first. A program talks to a few servers with 2 documents each. */
export const maxCachedDocuments = 200
/** Maximum length of a cached document in characters. A longer one, which no server needs, is fetched each time. */
export const maxCachedLength = 65_536

/** Maximum number of origins whose DPoP nonces are remembered. A client talks to few; the oldest nonce goes first. */
export const maxNonceOrigins = 64

/** Maximum lifetime of a device code in milliseconds: no user takes longer than an hour to enter one. */
export const maxDeviceCodeLifetime = 3_600_000
/** Time between two token requests if the server names none, in milliseconds (RFC 8628 §3.2). */
export const defaultPollingInterval = 5000
/** Minimum time between two token requests, even if the server allows less; in milliseconds. */
export const minPollingInterval = 1000

/** The latest time that a `Date` can hold, in milliseconds since the epoch: for lifetimes that exceed it. */
export const maxTime = 8_640_000_000_000_000
