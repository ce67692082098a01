/** An issuer that is an origin alone, with or without the slash of its empty path. */
const bareOrigin = /^(https?:\/\/[^\s/?#@\\]+)\/?$/

/**
 * An issuer as it is compared: a bare origin without the slash at its end. `https://host/` and `https://host` name one origin,
 * and lead to the same addresses of metadata (RFC 8414 §3.1). Libraries write either: a URL type adds the slash.
 *
 * Every other issuer stays as it is written, since issuers are compared as text (RFC 8414 §3.3). Below a path a slash may
 * tell two tenants of a provider apart.
 */
export const comparableIssuer = (issuer: string): string => bareOrigin.exec(issuer)?.[1] ?? issuer

/** True if two texts name one issuer: {@link comparableIssuer}. The only place that decides it. */
export const isSameIssuer = (one: string, other: string): boolean =>
  comparableIssuer(one) === comparableIssuer(other)
