import type { HeaderField, LocalPlace, LocalRequest } from "../../../ports/LocalListener.ts"
import type { BearerCheck } from "../../../ports/ProxyBearers.ts"
import { allowedHeaders, exposedHeaders } from "./ForwardedHeaders.ts"

/** What a proxy lets in. */
export interface AdmissionRules<Route> {
  /** Origins of web pages that may use it. */
  readonly origins: ReadonlySet<string>
  /** Absent: every program of this user may use it. */
  readonly isBearer: BearerCheck | undefined
  /** What is served, by the path as it is in a request. */
  readonly served: ReadonlyMap<string, Route>
}

/** What happens to a request of a local program. */
export type Admission<Route> =
  | {
      readonly _tag: "Refused"
      readonly status: number
      readonly message: string
      readonly headers: ReadonlyArray<HeaderField>
    }
  /** A browser asks what a web page may send (CORS). */
  | { readonly _tag: "Preflight"; readonly headers: ReadonlyArray<HeaderField> }
  | {
      readonly _tag: "Admitted"
      readonly method: Method
      readonly route: Route
      /** What the answer has in addition. */
      readonly headers: ReadonlyArray<HeaderField>
    }

/** Headers that must not be repeated: two parties could read different ones. */
const single = [
  "host",
  "origin",
  "authorization",
  "content-type",
  "content-length",
  "transfer-encoding"
] as const

/** Methods of the MCP endpoint. */
const methods = ["GET", "POST", "DELETE"] as const
type Method = (typeof methods)[number]

/** The values of `Host` that mean a port of this machine. Others are names of another site that points here (DNS rebinding). */
const isLocalHost = (host: string | undefined, at: LocalPlace): boolean => {
  // No web page reaches a Unix socket, and its clients put anything there.
  if (at._tag === "Socket") return true
  const [, name, port = "80"] = /^(localhost|127\.0\.0\.1|\[::1\])(?::(\d{1,5}))?$/i.exec(host ?? "") ?? []
  return name !== undefined && Number(port) === at.port
}

/**
 * The parts of a request target. `authority` is that of the absolute form, which a client sends to a proxy and every server
 * accepts (RFC 9112 §3.2.2); undefined: the target is a path.
 */
const partsOf = (target: string) => {
  const [, scheme, authority, absolutePath = "/"] = /^([a-z]+):\/\/([^/?#]*)(.+)?$/i.exec(target) ?? []
  const [path = "", query] = (scheme === undefined ? target : absolutePath).split("?", 2)
  return { scheme: scheme?.toLowerCase(), authority, path, query }
}

/**
 * Decides about a request, without its body. The checks are in the order in which they tell the least: only a request with the
 * bearer learns which paths there are.
 */
export const admission = <Route>(
  request: Pick<LocalRequest, "headers" | "mayBeOfAnotherUser" | "method" | "target">,
  at: LocalPlace,
  rules: AdmissionRules<Route>
): Admission<Route> => {
  const values = (name: string) =>
    request.headers.flatMap(([other, value]) => (other === name ? [value] : []))
  const value = (name: string) => values(name)[0]
  const origin = value("origin")
  const { authority, path, query, scheme } = partsOf(request.target)
  const isPage = origin !== undefined && rules.origins.has(origin)
  const cors: ReadonlyArray<HeaderField> = isPage
    ? [
        ["access-control-allow-origin", origin],
        ["access-control-expose-headers", exposedHeaders],
        ["vary", "Origin"]
      ]
    : []
  const refused = (
    status: number,
    message: string,
    ...headers: ReadonlyArray<HeaderField>
  ): Admission<Route> => ({
    _tag: "Refused",
    status,
    message,
    headers: [...cors, ...headers]
  })

  const repeated = single.find((name) => values(name).length > 1)
  if (repeated !== undefined) return refused(400, `The header ${repeated} is repeated.`)
  if (!isLocalHost(value("host"), at)) {
    return refused(403, "The Host header does not name this proxy: use localhost, 127.0.0.1 or [::1].")
  }
  // The host of the target counts. That of the header, which RFC 9112 lets a server ignore, is checked all the same.
  if (scheme !== undefined && (scheme !== "http" || !isLocalHost(authority, at))) {
    return refused(
      403,
      "The request target does not name this proxy: use http and localhost, 127.0.0.1 or [::1]."
    )
  }
  // An image of a page has no Origin, and still is a request of that page.
  const isOfPage =
    origin !== undefined || /^(cross-site|same-site|same-origin)$/.test(value("sec-fetch-site") ?? "")
  if (isOfPage && !isPage) {
    return refused(
      403,
      "Web pages of this origin may not use this proxy. Its user names those that may when it starts."
    )
  }
  if (path.startsWith("/.well-known/")) {
    return refused(404, "This proxy signs in for its clients: it has no OAuth metadata.")
  }
  if (isPage && request.method === "OPTIONS" && value("access-control-request-method") !== undefined) {
    return {
      _tag: "Preflight",
      headers: [
        ...cors,
        ["access-control-allow-methods", methods.join(", ")],
        ["access-control-allow-headers", allowedHeaders(value("access-control-request-headers"))],
        ["access-control-max-age", "600"],
        ...(value("access-control-request-private-network") === "true"
          ? [["access-control-allow-private-network", "true"] as const]
          : [])
      ]
    }
  }
  if (rules.isBearer === undefined) {
    if (request.mayBeOfAnotherUser()) {
      return refused(403, "This request was not sent by the user who runs this proxy.")
    }
  } else {
    const bearer = /^Bearer +(\S+)$/i.exec(value("authorization") ?? "")?.[1]
    if (bearer === undefined || !rules.isBearer(bearer)) {
      return refused(
        401,
        "This proxy needs its own bearer token, which it showed when it was first started. That is not a token of the server.",
        ["www-authenticate", 'Bearer realm="mcp-cli"']
      )
    }
  }
  const route = query === undefined ? rules.served.get(path) : undefined
  if (route === undefined) return refused(404, "No server is served at this path.")
  const method = methods.find((served) => served === request.method)
  if (method === undefined) {
    return refused(405, `Only ${methods.join(", ")} are served here.`, ["allow", methods.join(", ")])
  }
  const hasBody = value("transfer-encoding") !== undefined || Number(value("content-length") ?? 0) !== 0
  if (method === "GET" && hasBody) return refused(400, "A GET request has no body here.")
  return { _tag: "Admitted", method, route, headers: cors }
}
