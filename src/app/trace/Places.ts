import { Predicate } from "effect"
import { endpointRows } from "../../domain/OAuthEndpoints.ts"
import type { MessageKind } from "../../domain/TraceEvent.ts"
import type { FlowConfiguration } from "./FlowConfiguration.ts"

/** The body of a request, as far as it tells what the request is for. */
export interface FormedText {
  readonly form: "JSON" | "form"
  readonly text: string
}

/** The addresses of one flow, and what the requests to each are for. */
export interface Places {
  /** Records what an address is for. An address that is known already keeps its kind. */
  readonly learn: (kind: MessageKind, address: unknown, base?: URL) => void
  /** What a request is for: by its address, otherwise by its body. */
  readonly kindOf: (url: URL, body?: FormedText) => MessageKind
  /** True if the flow uses this address, so that its path is public. */
  readonly isKnown: (url: URL) => boolean
}

/** Parses JSON; `undefined` if the text is malformed. */
export const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const placeOf = ({ origin, pathname }: URL): string => `${origin}${pathname}`

/** The metadata document at a well-known path (RFC 9728 §3, RFC 8414 §3). */
const wellKnownKind = ({ pathname }: URL): MessageKind | undefined => {
  const [, name] =
    /\/\.well-known\/(oauth-protected-resource|oauth-authorization-server|openid-configuration)(\/|$)/.exec(
      pathname
    ) ?? []
  if (name === undefined) return undefined
  return name === "oauth-protected-resource" ? "resource metadata" : "authorization server metadata"
}

const kindByBody = ({ form, text }: FormedText): MessageKind => {
  if (form === "form") {
    const names = new URLSearchParams(text)
    const endpoint = endpointRows.find(({ parameter }) => parameter !== undefined && names.has(parameter))
    return endpoint?.trace ?? "other request"
  }
  const json = jsonOf(text)
  return Predicate.isObject(json) && "redirect_uris" in json ? "client registration" : "other request"
}

/** Makes the places of one flow, starting with those of its configuration. */
export const makePlaces = ({ endpoints, server }: FlowConfiguration): Places => {
  const known = new Map<string, MessageKind>()
  const learn: Places["learn"] = (kind, address, base) => {
    const url = typeof address === "string" ? URL.parse(address, base?.href) : null
    if (url !== null && !known.has(placeOf(url))) known.set(placeOf(url), kind)
  }
  learn("MCP request", server.href)
  for (const [kind, url] of endpoints) learn(kind, url.href)
  return {
    learn,
    kindOf: (url, body) =>
      known.get(placeOf(url)) ??
      wellKnownKind(url) ??
      (body === undefined ? "other request" : kindByBody(body)),
    isKnown: (url) => known.has(placeOf(url)) || wellKnownKind(url) !== undefined
  }
}
