import { Effect, Layer, Option, Redacted, Schema } from "effect"
import * as DiscoveryLive from "../../src/adapters/oauth/Discovery.ts"
import {
  authorizationServerMetadataUrls,
  type DiscoveredServer,
  ProtectedResourceMetadata,
  protectedResourceMetadataUrls
} from "../../src/domain/AuthorizationServer.ts"
import { bearerChallenge } from "../../src/domain/Challenge.ts"
import { endpointRows, oauthEndpoints, optionalEndpoints } from "../../src/domain/OAuthEndpoints.ts"
import { defaultOAuth, type RemoteServer } from "../../src/domain/Server.ts"
import { Discovery } from "../../src/ports/Discovery.ts"
import { anyDocument, anyText, anyUrl, mutated } from "./Mutation.ts"
import { type Answer, anyAnswer, isInner, isUsable, makeNetwork } from "./Network.ts"
import type { Random } from "./Random.ts"
import { mustAll, outcomeOf, secretIn, type Target } from "./Target.ts"

const secrets = ["the-key-of-this-server-0123", "the-token-of-this-server-4567"]

/** A server, how it is configured, and what is at every address around it. */
export interface World {
  readonly server: string
  readonly issuer: string | null
  readonly assumePkce: boolean
  readonly allowPrivateAddresses: boolean
  /** The challenge that led to discovery; absent: the server is asked. */
  readonly challenge: string | null
  readonly probe: Answer
  readonly places: ReadonlyArray<{ readonly url: string; readonly answer: Answer }>
  /** What is anywhere else, in turn. */
  readonly elsewhere: ReadonlyArray<Answer>
}

const servers = [
  "https://notion.test/mcp",
  "https://notion.test/mcp",
  "https://notion.test/mcp",
  "https://notion.test/",
  "https://notion.test/mcp/?tenant=a",
  "https://notion.test:8443/a/b/mcp",
  "https://inner.test/mcp",
  "http://localhost:3000/mcp",
  "http://127.0.0.1:3000/mcp",
  "http://[::1]:3000/mcp"
] as const
const issuers = [
  "https://as.test",
  "https://as.test",
  "https://as.test/",
  "https://as.test/tenant",
  "https://notion.test"
] as const

const documentOfIssuer = (issuer: string) => ({
  issuer,
  authorization_endpoint: "https://as.test/authorize",
  token_endpoint: "https://as.test/token",
  registration_endpoint: "https://as.test/register",
  ...Object.fromEntries(
    optionalEndpoints.map((name) => [oauthEndpoints[name].metadataKey, `https://as.test/${name}`])
  ),
  scopes_supported: ["read", "offline_access"],
  grant_types_supported: ["authorization_code", "refresh_token"],
  code_challenge_methods_supported: ["S256"],
  token_endpoint_auth_methods_supported: ["none", "client_secret_basic"],
  authorization_response_iss_parameter_supported: true,
  client_id_metadata_document_supported: true,
  dpop_signing_alg_values_supported: ["ES256"]
})

const anyWorld = (random: Random): World => {
  const server = random.pick(servers)
  const issuer = random.oneIn(12) ? anyUrl(random) : random.pick(issuers)
  const others = random.oneIn(6) ? random.list(12, () => anyUrl(random)) : []
  const named = random.oneIn(8) ? anyUrl(random) : (protectedResourceMetadataUrls(new URL(server))[0] ?? "")
  const challenge =
    `Bearer resource_metadata="${named}"` + (random.oneIn(4) ? `, scope="${anyText(random)}"` : "")
  const header = random.oneIn(8) ? mutated(random, challenge) : random.oneIn(8) ? "Bearer" : challenge
  const usual = random.oneIn(4) ? server : server.replace(/\/mcp.*$/, "")
  const declared = random.oneIn(10)
    ? random.pick([
        `${usual}#`,
        `${usual}#f`,
        `${usual}?a=b`,
        usual.replace("//", "//user@"),
        `${usual}/below`
      ])
    : usual
  const resource = {
    resource: declared,
    authorization_servers: random.oneIn(3) ? [...others, issuer] : [issuer, ...others],
    scopes_supported: ["read", "write"],
    dpop_bound_access_tokens_required: false
  }
  const issuerUrl = URL.parse(issuer)
  const places = [
    ...protectedResourceMetadataUrls(new URL(server)).map((url) => ({ url, document: resource })),
    { url: named, document: resource },
    ...(issuerUrl === null || issuerUrl.origin === "null"
      ? []
      : authorizationServerMetadataUrls(issuerUrl)
    ).map((url) => ({ url, document: documentOfIssuer(issuer) }))
  ]
  const probe = anyAnswer(random, "", 401)
  return {
    server,
    issuer: random.oneIn(6) ? (random.oneIn(3) ? anyUrl(random) : issuer) : null,
    assumePkce: random.oneIn(3),
    allowPrivateAddresses: random.oneIn(8),
    challenge: random.oneIn(3) ? header : null,
    probe: { ...probe, headers: [...probe.headers, { name: "www-authenticate", value: header }] },
    places: places
      .filter(() => !random.oneIn(5))
      .map(({ document, url }) => ({
        url,
        answer: anyAnswer(random, random.oneIn(2) ? JSON.stringify(document) : anyDocument(random, document))
      })),
    elsewhere: random.list(3, () =>
      anyAnswer(random, anyDocument(random, random.oneIn(2) ? resource : documentOfIssuer(issuer)))
    )
  }
}

const endpointsOf = ({ metadata }: DiscoveredServer): ReadonlyArray<string> =>
  endpointRows.flatMap(({ metadataKey }) => metadata[metadataKey] ?? [])

/** Whether a resource may speak for a server, in the words of RFC 9728 §3.3 and without the code that is tested. */
const covers = (resource: string, server: string): boolean => {
  const [above, below] = [URL.parse(resource), new URL(server)]
  const steps = (url: URL) =>
    url.pathname.split("/").filter((step, at, all) => step !== "" || (at > 0 && at < all.length - 1))
  return (
    above !== null &&
    above.origin === below.origin &&
    above.username === "" &&
    above.password === "" &&
    !above.href.includes("#") &&
    steps(above).every((step, at) => steps(below)[at] === step) &&
    (above.search === "" || above.search === below.search)
  )
}

const readResource = Schema.decodeUnknownOption(ProtectedResourceMetadata)

/** The text of an answer, where it is one that a document can be read from. */
const documentIn = ({ body, end, isBytes, padding, status }: Answer): string | undefined =>
  status === 200 && end === "whole" && padding === 0
    ? new TextDecoder().decode(Buffer.from(body, isBytes ? "latin1" : "utf8"))
    : undefined

const isOfResource = /^(resource|authorization_servers)$/

/** The issuers that a document of a resource names; undefined for any other text. */
const namedIn = (text: string): ReadonlyArray<string> | undefined => {
  try {
    const document: unknown = JSON.parse(text)
    if (typeof document !== "object" || document === null || Array.isArray(document)) return undefined
    const known = Object.entries(document)
      // Any other member that cannot be read is left out.
      .filter(([name, value]) => isOfResource.test(name) && value !== null && value !== "")
      .flatMap(([name, value]: [string, unknown]) => {
        if (name === "resource") return [[name, value]]
        // One text is a list of words, and a list holds texts alone.
        const items: unknown = typeof value === "string" ? value.split(/[\s,]+/) : value
        return Array.isArray(items)
          ? [[name, items.filter((item) => typeof item === "string" && item !== "")]]
          : []
      })
    return Option.getOrUndefined(
      Option.map(
        readResource(Object.fromEntries(known)),
        ({ authorization_servers }) => authorization_servers ?? []
      )
    )
  } catch {
    return undefined
  }
}

/** Whether two texts are one issuer: the same, or an origin with and without its slash. */
const isSpelled = (one: string, other: string): boolean => {
  const [short = "", long = ""] = [one, other].toSorted((a, b) => a.length - b.length)
  return one === other || (long === `${short}/` && URL.parse(short)?.origin === short)
}

/** Whether a listed text is an issuer, or the address of its metadata. */
const isListed = (listed: string, issuer: string): boolean => {
  const url = URL.parse(issuer)
  const path = (url?.pathname ?? "").replace(/\/$/, "")
  const places = ["oauth-authorization-server", "openid-configuration"].map(
    (name) => `${url?.origin}/.well-known/${name}${path}`
  )
  const at = URL.parse(listed)?.href.replace(/\/$/, "")
  return (
    isSpelled(listed, issuer) ||
    [...places, `${url?.origin}${path}/.well-known/openid-configuration`].some((place) => place === at)
  )
}

/**
 * Whether an issuer is one that the first document of the resource names, or, where it names none, the server itself; and
 * in any case the configured one, where one is configured.
 *
 * @param served the documents that were served, in their order, and from which of them on they are of issuers
 */
const isNamed = (issuer: string, input: World, served: ReadonlyArray<string>, ofIssuers: number): boolean => {
  const { origin } = new URL(input.server)
  const lists = served.map(namedIn)
  const first = lists.findIndex((list) => list !== undefined)
  const configured = input.issuer
  // A configured issuer may also be the one that the metadata of a named one names.
  const isDescribed = served.slice(ofIssuers).some((text) => text.includes(JSON.stringify(issuer)))
  const accepts = (named: ReadonlyArray<string>) =>
    configured === null
      ? (named.length > 0 ? named : [origin]).some((name) => isListed(name, issuer))
      : isSpelled(configured, issuer) &&
        (named.length === 0 || isDescribed || named.some((name) => isListed(name, issuer)))
  return accepts(lists[first] ?? []) || (first >= ofIssuers && accepts([]))
}

/** More requests than a document, its issuers, their places, redirects and further tries can make up together. */
const maxRequests = 700

/**
 * Metadata of servers and authorization servers, and the challenges that lead to it. Every request goes to an address
 * that may be used, without an Authorization header, and none but the server's own is told the server's headers; what is
 * accepted is of an issuer that was named, has no endpoint that must not be used, and is for this server.
 */
export const metadata: Target<World> = {
  name: "metadata",
  generate: anyWorld,
  check: Effect.fnUntraced(function* (input) {
    const url = new URL(input.server)
    const server: RemoteServer = {
      _tag: "Http",
      name: "notion",
      url,
      headers: {
        "x-api-key": Redacted.make(secrets[0] ?? ""),
        authorization: Redacted.make(`Bearer ${secrets[1]}`)
      },
      transport: "auto",
      oauth: {
        ...defaultOAuth,
        issuer: input.issuer ?? undefined,
        assumePkce: input.assumePkce,
        allowPrivateAddresses: input.allowPrivateAddresses
      }
    }
    let turn = 0
    const served: Array<string> = []
    let ofIssuers = Infinity
    const network = makeNetwork(({ method, url: asked }) => {
      if (method === "POST") return input.probe
      const place = input.places.find((place) => URL.parse(place.url)?.href === asked)
      const answer = place?.answer ?? input.elsewhere[turn++ % input.elsewhere.length]
      if (/oauth-authorization-server|openid-configuration/.test(asked))
        ofIssuers = Math.min(ofIssuers, served.length)
      const document = answer && documentIn(answer)
      if (document !== undefined) served.push(document)
      return answer
    })
    const challenge = input.challenge === null ? undefined : bearerChallenge(input.challenge)
    const outcome = yield* outcomeOf(
      Discovery.use((discovery) => discovery.discover(server, challenge)),
      { errors: ["DiscoveryError", "SignInNotOffered", "NetworkError"], secrets }
    ).pipe(Effect.provide(DiscoveryLive.layer.pipe(Layer.provideMerge(network.layer))))

    const isPublic = !input.allowPrivateAddresses && !isInner(input.server)
    const mayUse = (address: string) =>
      isUsable(address) && !(isPublic && isInner(address) && URL.parse(address)?.hostname !== url.hostname)
    for (const { authorization, method, text, url: to } of network.sent) {
      // A probe or a greeting, which follows the redirects of the server to places of its own.
      const isOwn =
        URL.parse(to)?.origin === url.origin && (method === "POST" || text.includes("text/event-stream"))
      yield* mustAll([
        [mayUse(to), `a request to ${to}`],
        [authorization === null, `an Authorization header for ${to}`],
        [method === "GET" || isOwn, `a ${method} to ${to}`],
        [isOwn || secretIn(text, secrets) === undefined, `a secret of the server for ${to}`]
      ])
    }
    yield* mustAll([[network.sent.length <= maxRequests, `${network.sent.length} requests`]])
    if (outcome._tag === "Failed") return outcome.error._tag
    const found = outcome.value
    const { issuer } = found.metadata
    yield* mustAll([
      ...endpointsOf(found).map((endpoint) => [mayUse(endpoint), `the endpoint ${endpoint}`] as const),
      [covers(found.resource, input.server), `the resource ${found.resource}`],
      [isNamed(issuer, input, served, ofIssuers), `issuer ${issuer}, whom nobody named`],
      [found.scopes.every((scope) => typeof scope === "string"), "a scope that is no text"]
    ])
    return "accepted"
  })
}
