import { Predicate, Result } from "effect"
import * as Base64 from "effect/encoding/Base64"
import { parseChallenges } from "../../domain/Challenge.ts"
import {
  publicHeaders,
  publicInAnswer,
  publicInChallenge,
  publicInRequest,
  type PublicNames,
  publicSchemes,
  type PublicType,
  secretNames
} from "./PublicNames.ts"
import type { Field, MessageKind, Piece, ShownBody, ShownText, ShownUrl } from "../../domain/TraceEvent.ts"

/** Shorter values than this are not looked for inside of other texts: they would be found everywhere. */
const minSought = 6
/** Characters of one value that are shown. */
const maxShown = 2000
/** Objects and lists inside of each other that are read. */
const deepest = 50
/** Fields of one message that are shown. */
const maxFields = 200

/** What is known of a flow before it starts. */
export interface FlowPlaces {
  /** The MCP server. */
  readonly server: URL
  /** The server's URL as the configuration writes it, `${VAR}` and all: what a variable stands for is struck out. */
  readonly serverAsWritten: string
  /** Endpoints that the configuration names. */
  readonly endpoints: ReadonlyArray<readonly [MessageKind, URL]>
  /** Headers that the configuration adds: whatever their names, their values are not shown. */
  readonly configuredHeaders: ReadonlyArray<string>
  /** Values of the configuration that are secret. */
  readonly secrets: ReadonlyArray<string>
}

/**
 * Decides what of a flow may be shown, and strikes out the rest. Nothing is looked for by how secrets look: a value is
 * shown where its message, its name and its type say that it is public (see `PublicNames.ts`), and in no other case.
 */
export interface Redactor {
  /** What a request is for: by its address, else by the kind of body that it has. */
  readonly kindOf: (url: URL, body?: { readonly form: "JSON" | "form"; readonly text: string }) => MessageKind
  /** From now on this address is one of that kind; the first of two kinds counts. */
  readonly learn: (kind: MessageKind, url: URL) => void
  readonly url: (kind: MessageKind, url: URL) => ShownUrl
  readonly headers: (kind: MessageKind, headers: Headers, about: URL) => ReadonlyArray<Field>
  readonly body: (
    kind: MessageKind,
    from: "request" | "answer",
    form: "JSON" | "form",
    text: string
  ) => ShownBody
  /** Parameters or fields by name, as those of a kind of message. */
  readonly fields: (
    names: PublicNames,
    values: Iterable<readonly [name: string, value: unknown]>
  ) => ReadonlyArray<Field>
  /** A text of our own, such as the message of an error: without the secrets that are known. */
  readonly text: (text: string) => ShownText
  /**
   * A part of the record once more, without the secrets that were met after it was made: a secret that a server repeats
   * where only public things should be.
   */
  readonly settle: <A>(shown: A) => A
}

const placeOf = ({ origin, pathname }: URL): string => `${origin}${pathname}`

const open = (text: string): Piece => ({ _tag: "Open", text })

/** The number of characters, as the powers of two that it lies between. */
const lengthClass = (length: number): string => {
  if (length < 8) return "1 to 7"
  const low = 2 ** Math.floor(Math.log2(length))
  return `${low} to ${2 * low - 1}`
}

const isOfType: Readonly<Record<PublicType, (value: unknown) => boolean>> = {
  word: (value) => typeof value === "string" && /^[\x21-\x7e]{1,200}$/.test(value),
  text: (value) => typeof value === "string",
  url: (value) => typeof value === "string" && URL.canParse(value),
  number: (value) => typeof value === "number" || (typeof value === "string" && /^\d{1,15}$/.test(value)),
  boolean: (value) => typeof value === "boolean" || value === "true" || value === "false"
}

const formEncoded = (text: string): string => new URLSearchParams({ "": text }).toString().slice(1)

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    // What is no JSON is told apart by being none.
    return undefined
  }
}

/** How deep a JSON text goes, or deeper: brackets in its strings count as well. */
const depthOf = (text: string): number => {
  let depth = 0
  let most = 0
  for (const character of text) {
    if (character === "{" || character === "[") most = Math.max(most, ++depth)
    else if (character === "}" || character === "]") depth--
  }
  return most
}

const isPiece = (value: unknown): value is Piece =>
  Predicate.isObject(value) && "_tag" in value && (value._tag === "Open" || value._tag === "Struck")

/** The same text with nothing between the pieces that are in the open: a secret could lie across two of them. */
const joined = (text: ShownText): ShownText => {
  const pieces: Array<Piece> = []
  for (const piece of text) {
    const last = pieces.at(-1)
    if (piece._tag === "Open" && last?._tag === "Open")
      pieces[pieces.length - 1] = open(last.text + piece.text)
    else pieces.push(piece)
  }
  return pieces
}

/** Endpoints by their names in the metadata of an authorization server. */
const endpointNames: ReadonlyArray<readonly [string, MessageKind]> = [
  ["authorization_endpoint", "authorization request"],
  ["token_endpoint", "token request"],
  ["registration_endpoint", "client registration"],
  ["revocation_endpoint", "revocation request"],
  ["device_authorization_endpoint", "device authorization request"]
]

/** A redactor for one flow. */
export const makeRedactor = (places: FlowPlaces): Redactor => {
  /** Marks by value. Nothing but the marks leaves this function. */
  const marks = new Map<string, Extract<Piece, { readonly _tag: "Struck" }>>()
  /** What is looked for in texts that are shown, and the secret that each is a writing of. */
  const sought = new Map<string, string>()
  const known = new Map<string, MessageKind>()
  /** Parts of the server's path that a variable of the configuration stands for. */
  const filledIn = new Set<string>()
  const configuredHeaders = new Set(places.configuredHeaders.map((name) => name.toLowerCase()))

  const learnPlace = (kind: MessageKind, address: unknown, base?: URL) => {
    const url = typeof address === "string" ? URL.parse(address, base?.href) : null
    if (url !== null && !known.has(placeOf(url))) known.set(placeOf(url), kind)
  }

  const markOf = (value: string): Piece => {
    const piece = marks.get(value) ?? {
      _tag: "Struck",
      mark: marks.size + 1,
      length: lengthClass(value.length)
    }
    marks.set(value, piece)
    return piece
  }

  const seek = (value: string): void => {
    if (value.length < minSought) return
    const encoded = encodeURIComponent(value.toWellFormed())
    for (const written of [value, encoded, formEncoded(value), Base64.encode(value)])
      sought.set(written, value)
  }

  const strike = (value: string, isSecret: boolean): Piece => {
    if (value === "") return open("")
    if (isSecret) seek(value)
    return markOf(value)
  }

  const withoutSought = (text: string): ShownText => {
    const pieces: Array<Piece> = []
    const needles = [...sought].toSorted(([a], [b]) => b.length - a.length)
    let rest = text
    while (rest !== "") {
      let first: readonly [at: number, needle: string, secret: string] | undefined
      for (const [needle, secret] of needles) {
        const at = rest.indexOf(needle)
        if (at >= 0 && (first === undefined || at < first[0])) first = [at, needle, secret]
      }
      if (first === undefined) break
      if (first[0] > 0) pieces.push(open(rest.slice(0, first[0])))
      pieces.push(markOf(first[2]))
      rest = rest.slice(first[0] + first[1].length)
    }
    return rest === "" && pieces.length > 0 ? pieces : [...pieces, open(rest)]
  }

  const isKnownPlace = (url: URL): boolean => known.has(placeOf(url)) || isWellKnown(url)

  /** `/.well-known/oauth-...` of the server or of an authorization server (RFC 8414 §3, RFC 9728 §3). */
  const isWellKnown = ({ pathname }: URL): boolean =>
    /\/\.well-known\/(oauth-protected-resource|oauth-authorization-server|openid-configuration)(\/|$)/.test(
      pathname
    )

  const pathOf = (url: URL, isPublic: boolean): ShownText => {
    if (isPublic || url.pathname === "/") {
      return url.pathname
        .split("/")
        .flatMap((part, index) => [
          ...(index === 0 ? [] : [open("/")]),
          ...(filledIn.has(part) ? [strike(part, true)] : part === "" ? [] : withoutSought(part))
        ])
    }
    return [open("/"), strike(url.pathname.slice(1), false)]
  }

  /** An address as a text: origin and path where its name says that it is public, and of its query what is. */
  const address = (text: string, isPublic: boolean): ShownText => {
    const url = URL.parse(text)
    if (url === null) return [strike(text, false)]
    const pieces: Array<Piece> = []
    if (url.origin === "null") return [open(`${url.protocol}…`), strike(text, false)]
    pieces.push(open(`${url.protocol}//`))
    if (url.username !== "" || url.password !== "") {
      pieces.push(strike(`${url.username}:${url.password}`, true), open("@"))
    }
    pieces.push(open(url.host))
    // The address of a mere origin is shown as it was written, since issuers are compared letter by letter.
    if (url.pathname !== "/" || text.endsWith("/") || url.search !== "") pieces.push(...pathOf(url, isPublic))
    let separator = "?"
    for (const { name, value } of fields(queryNames, url.searchParams)) {
      pieces.push(open(`${separator}${name}=`), ...value)
      separator = "&"
    }
    if (url.hash !== "") pieces.push(open("#"), strike(url.hash.slice(1), false))
    return pieces
  }

  /** Secrets in a value that is struck out as a whole. */
  const seekInside = (value: unknown): void => {
    if (!Predicate.isObject(value) && !Array.isArray(value)) return
    for (const [name, inner] of Object.entries(value)) {
      if (typeof inner === "string" && secretNames.has(name)) seek(inner)
      else seekInside(inner)
    }
  }

  const ofType = (type: PublicType, value: unknown): ShownText | undefined => {
    if (!isOfType[type](value)) return undefined
    return type === "url" ? address(String(value), true) : withoutSought(String(value))
  }

  const shown = (type: PublicType | undefined, name: string, value: unknown): ShownText => {
    if (value === null) return [open("null")]
    const isSecret = secretNames.has(name)
    if (type === undefined || isSecret) {
      seekInside(value)
      return [strike(typeof value === "string" ? value : JSON.stringify(value), isSecret)]
    }
    if (!Array.isArray(value)) {
      return ofType(type, value) ?? [strike(typeof value === "string" ? value : JSON.stringify(value), false)]
    }
    return value.flatMap((item: unknown, index) => [
      ...(index === 0 ? [] : [open(", ")]),
      ...shown(type, name, item)
    ])
  }

  const flattened = function* (
    names: PublicNames,
    prefix: string,
    values: Iterable<readonly [string, unknown]>
  ): Generator<readonly [string, unknown]> {
    for (const [name, value] of values) {
      const full = `${prefix}${name}`
      const isTaken =
        Predicate.isObject(value) &&
        !Array.isArray(value) &&
        Object.keys(names).some((other) => other.startsWith(`${full}.`))
      if (isTaken) yield* flattened(names, `${full}.`, Object.entries(value as object))
      else yield [full, value]
    }
  }

  const fields: Redactor["fields"] = (names, values) => {
    const result: Array<Field> = []
    for (const [name, value] of flattened(names, "", values)) {
      if (result.length === maxFields) {
        result.push({ name: "…", value: [open("and more")] })
        break
      }
      const type = Object.hasOwn(names, name) ? names[name] : undefined
      result.push({ name, value: shown(type, name, value) })
    }
    return result
  }

  const challenges = (header: string): ShownText => {
    const pieces: Array<Piece> = []
    for (const { parameters, scheme } of parseChallenges(header)) {
      if (pieces.length > 0) pieces.push(open(", "))
      pieces.push(publicSchemes.has(scheme) ? open(scheme) : strike(scheme, false))
      let separator = " "
      for (const { name, value } of fields(publicInChallenge, Object.entries(parameters))) {
        pieces.push(open(`${separator}${name}="`), ...value, open('"'))
        separator = ", "
      }
    }
    return pieces.length === 0 ? [strike(header, false)] : pieces
  }

  /** A scheme in the open, and what proves it struck out; of Basic also which client it is (RFC 6749 §2.3.1). */
  const credentials = (header: string): ShownText => {
    const [, scheme = "", proof = ""] = /^(\S+) +(.*)$/s.exec(header) ?? []
    if (!publicSchemes.has(scheme.toLowerCase())) return [strike(header, true)]
    if (scheme.toLowerCase() === "basic") {
      const [, client, secret] =
        /^([^:]*):(.*)$/s.exec(Result.getOrElse(Base64.decodeString(proof), () => "")) ?? []
      strike(proof, true)
      if (client !== undefined && secret !== undefined)
        return [
          open(`${scheme} (client_id `),
          ...withoutSought(formDecoded(client)),
          open(", client_secret "),
          strike(formDecoded(secret), true),
          open(")")
        ]
    }
    return [open(`${scheme} `), strike(proof, true)]
  }

  const location = (text: string, about: URL): ShownText => {
    const url = URL.parse(text, about.href)
    return url === null ? [strike(text, false)] : address(url.href, isKnownPlace(url))
  }

  const header = (name: string, value: string, about: URL): ShownText => {
    if (configuredHeaders.has(name)) return [strike(value, true)]
    switch (name) {
      case "authorization":
        return credentials(value)
      case "www-authenticate":
        return challenges(value)
      case "location":
        return location(value, about)
      default:
        return shown(Object.hasOwn(publicHeaders, name) ? publicHeaders[name] : undefined, name, value)
    }
  }

  const settled = (value: unknown): unknown => {
    if (Array.isArray(value)) {
      if (value.length === 0 || !value.every(isPiece)) return value.map(settled)
      const pieces = joined(value).flatMap((piece) =>
        piece._tag === "Open" ? withoutSought(piece.text) : [piece]
      )
      // Cut only now: half a secret would not have been found.
      return pieces.map((piece) =>
        piece._tag === "Open" && piece.text.length > maxShown
          ? open(`${piece.text.slice(0, maxShown).toWellFormed()}…`)
          : piece
      )
    }
    if (typeof value === "string") {
      return withoutSought(value)
        .map((piece) => (piece._tag === "Open" ? piece.text : `[value ${piece.mark}]`))
        .join("")
    }
    if (!Predicate.isObject(value)) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, ownWords.has(name) ? inner : settled(inner)])
    )
  }

  for (const secret of places.secrets) seek(secret)
  const written = new Set(
    places.serverAsWritten.split(/[/?#]/).map((part) => URL.parse(`http://x/${part}`)?.pathname.slice(1))
  )
  for (const part of places.server.pathname.split("/")) {
    if (part === "" || written.has(part)) continue
    filledIn.add(part)
    seek(part)
  }
  for (const value of places.server.searchParams.values()) seek(value)
  learnPlace("MCP request", places.server.href)
  for (const [kind, url] of places.endpoints) learnPlace(kind, url.href)

  return {
    kindOf: (url, body) => {
      const at = known.get(placeOf(url))
      if (at !== undefined) return at
      if (/\/\.well-known\/oauth-protected-resource(\/|$)/.test(url.pathname)) return "resource metadata"
      if (isWellKnown(url)) return "authorization server metadata"
      if (body?.form === "form") {
        const names = new URLSearchParams(body.text)
        if (names.has("grant_type")) return "token request"
        if (names.has("token")) return "revocation request"
        if (names.has("client_id")) return "device authorization request"
      }
      const json = body?.form === "JSON" ? jsonOf(body.text) : undefined
      return Predicate.isObject(json) && "redirect_uris" in json ? "client registration" : "other request"
    },
    learn: (kind, url) => learnPlace(kind, url.href),
    url: (kind, url) => ({
      origin: url.origin,
      path: pathOf(url, kind !== "other request" || isKnownPlace(url)),
      query: fields(publicInRequest[kind], url.searchParams)
    }),
    headers: (kind, headers, about) => {
      const challenge = parseChallenges(headers.get("www-authenticate") ?? "")
      for (const { parameters } of challenge) learnPlace("resource metadata", parameters["resource_metadata"])
      // A document that has moved is the same document.
      if (kind.endsWith("metadata")) learnPlace(kind, headers.get("location"), about)
      return [...headers].map(([name, value]) => ({ name, value: header(name, value, about) }))
    },
    body: (kind, from, form, text) => {
      const names = (from === "request" ? publicInRequest : publicInAnswer)[kind]
      if (form === "form") return { _tag: "Fields", form, fields: fields(names, new URLSearchParams(text)) }
      if (depthOf(text) > deepest) return { _tag: "NotKept", why: "it is nested too deeply" }
      const json = jsonOf(text)
      if (!Predicate.isObject(json) || Array.isArray(json))
        return { _tag: "NotKept", why: "it is no JSON object" }
      if (kind === "authorization server metadata" && from === "answer") {
        for (const [name, endpoint] of endpointNames) learnPlace(endpoint, Reflect.get(json, name))
      }
      return { _tag: "Fields", form, fields: fields(names, Object.entries(json)) }
    },
    fields,
    text: withoutSought,
    settle: <A>(value: A): A => settled(value) as A
  }
}

/** Parts of the record that hold words of ours only. */
const ownWords: ReadonlySet<string> = new Set(["_tag", "kind", "form", "roles", "length"])

/** What a query of an address inside of a message may show: where a browser is sent, and where it comes back to. */
const queryNames: PublicNames = {
  ...publicInRequest["authorization request"],
  ...publicInRequest["authorization response"]
}

const formDecoded = (text: string): string => new URLSearchParams(`x=${text}`).get("x") ?? text
