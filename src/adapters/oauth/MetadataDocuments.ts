import { Effect, Option, Result, Schema } from "effect"
import { printable } from "../../domain/PrintableText.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { isTransientStatus } from "../../domain/TransientStatus.ts"
import { DiscoveryError, type DiscoveryRefusal } from "../../ports/Discovery.ts"
import { discardBody, type HttpTransport, NetworkError } from "../../ports/HttpTransport.ts"
import { readBody } from "../http/BoundedBody.ts"
import { retryNetworkErrors, withTimeout } from "./DiscoveryRetry.ts"
import { discoveryLimits } from "./OAuthLimits.ts"
import { type JsonMembers, readJsonObject } from "./JsonAnswer.ts"
import type { MetadataCache } from "./MetadataCache.ts"
import type { UrlRule } from "./UrlRule.ts"

/** The metadata documents that one discovery reads. */
export interface MetadataDocuments {
  /**
   * Reads the document at an address. None if the server has none there, or none of this schema. A server that is not
   * available fails with a `NetworkError`, so that it does not pass for one without metadata.
   *
   * @param role what the address is, as the start of a sentence
   */
  readonly read: <A, E>(
    schema: Schema.Codec<A, E>,
    address: string,
    role: string
  ) => Effect.Effect<Option.Option<A>, DiscoveryError | NetworkError>
  /** What is wrong with the first document at these addresses that is there and cannot be used, as the start of a sentence. */
  readonly faultAt: (addresses: ReadonlyArray<string>) => string | undefined
  /** Caches the documents that were fetched. Only a discovery that succeeds calls it. */
  readonly remember: Effect.Effect<void>
}

/** True if a member holds a list of texts, by the names of RFC 8414 and RFC 9728. */
const isList = (name: string): boolean => name === "authorization_servers" || name.endsWith("s_supported")

const trimmed = (value: unknown): unknown => (typeof value === "string" ? value.trim() : value)

/**
 * The members of a document, with every list and every boolean as one. Some servers write one text with spaces instead of a
 * list, or other values among the texts, a boolean as text, and the line break of a file at the end of a text. What is no list
 * at all is left out.
 */
const withTypes = (members: JsonMembers): JsonMembers =>
  Object.fromEntries(
    Object.entries(members).flatMap(([name, written]) => {
      const value = trimmed(written)
      const truth = typeof value === "string" ? ["false", "true"].indexOf(value.toLowerCase()) : -1
      if (truth >= 0) return [[name, truth === 1]]
      if (!isList(name)) return [[name, value]]
      const items: unknown = typeof value === "string" ? value.split(/[\s,]+/) : value
      const texts = (item: unknown) => typeof item === "string" && item !== ""
      return Array.isArray(items) ? [[name, items.map(trimmed).filter(texts)]] : []
    })
  )

/**
 * Decodes the members of a document. One that cannot be read is left out: an optional one must not cost the document.
 *
 * @returns the document, or what is wrong with it, as the end of a sentence
 */
const decoded = <A, E>(schema: Schema.Codec<A, E>, members: JsonMembers): Result.Result<A, string> => {
  const left = new Map(Object.entries(withTypes(members)))
  const { validate } = Schema.toStandardSchemaV1(schema)["~standard"]
  for (;;) {
    const checked = validate(Object.fromEntries(left))
    if (checked instanceof Promise) throw new Error("A schema of metadata is asynchronous")
    if (checked.issues === undefined) return Result.succeed(checked.value)
    const name = String(checked.issues[0]?.path?.[0])
    if (!left.delete(name)) return Result.fail(`has ${name in members ? "no usable" : "no"} "${name}"`)
  }
}

/** Fetches documents by the URL rule of a server. */
export const makeMetadataDocuments = (options: {
  readonly server: RemoteServer
  readonly rule: UrlRule
  readonly transport: HttpTransport["Service"]
  readonly cache: MetadataCache
  /** Reads nothing from the cache: the server may have changed what it names. */
  readonly refresh: boolean
}): MetadataDocuments => {
  const { cache, refresh, rule, server, transport } = options
  const fail = (reason: DiscoveryRefusal, detail: string) =>
    new DiscoveryError({ server: server.name, reason, detail })
  const fetched = new Map<string, string>()
  // Servers share no documents: one may name addresses that another may not.
  const keyOf = (address: string) =>
    JSON.stringify([server.url.origin, server.oauth.allowPrivateAddresses, address])

  const follow = Effect.fnUntraced(function* (from: URL, location: string) {
    const next = URL.parse(location, from)
    if (next === null) return yield* fail("redirect", `${from.origin} redirects to an invalid address`)
    if (from.protocol === "https:" && next.protocol === "http:") {
      return yield* fail("redirect", `${from.origin} redirects from https to http`)
    }
    return yield* rule.check(next.href, `the place that ${from.origin} redirects to`)
  })

  const fetchText = Effect.fnUntraced(function* (address: string, role: string) {
    let url = yield* rule.check(address, role)
    for (let redirects = 0; ; redirects++) {
      const headers = { accept: "application/json", "mcp-protocol-version": "2025-11-25" }
      const response = yield* transport.send(new Request(url, { headers }), {
        timeout: discoveryLimits.headTimeout
      })
      const { status } = response
      const { origin } = url
      const location = response.headers.get("location")
      if (status >= 300 && status < 400 && location !== null) {
        yield* discardBody(response)
        if (redirects === discoveryLimits.maxRedirects) {
          return yield* fail("redirect", `${origin} redirects more than ${redirects} times`)
        }
        url = yield* follow(url, location)
        continue
      }
      if (status !== 200) {
        yield* discardBody(response)
        if (isTransientStatus(status))
          return yield* new NetworkError({ origin, detail: `HTTP ${status}`, status })
        return Option.none<string>()
      }
      return yield* readBody(response).pipe(
        Effect.mapError(({ detail, isTransient }) =>
          isTransient ? new NetworkError({ origin, detail }) : fail("too long", `${origin}: ${detail}`)
        ),
        Effect.asSome
      )
    }
  })

  const textAt = Effect.fnUntraced(function* (address: string, role: string) {
    const cached = refresh ? undefined : yield* cache.get(keyOf(address))
    if (cached !== undefined) return Option.some(cached)
    const text = yield* retryNetworkErrors(fetchText(address, role)).pipe(
      withTimeout(URL.parse(address)?.origin ?? server.url.origin)
    )
    if (Option.isSome(text)) fetched.set(address, text.value)
    return text
  })

  const faults = new Map<string, string>()
  return {
    faultAt: (addresses) =>
      addresses.map((address) => faults.get(address)).find((fault) => fault !== undefined),
    read: (schema, address, role) =>
      Effect.map(textAt(address, role), (found) => {
        if (Option.isNone(found)) return Option.none()
        const json = readJsonObject(found.value)
        const document = Option.isNone(json)
          ? Result.fail("is not a JSON object")
          : decoded(schema, json.value)
        // Many servers answer any address with a web page.
        if (Result.isFailure(document) && !found.value.trimStart().startsWith("<"))
          faults.set(address, `the metadata at ${printable(address)} ${document.failure}`)
        return Result.getSuccess(document)
      }),
    remember: Effect.suspend(() =>
      Effect.forEach(fetched, ([address, text]) => cache.set(keyOf(address), text), { discard: true })
    )
  }
}
