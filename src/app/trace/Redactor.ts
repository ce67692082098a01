import { Predicate } from "effect"
import { parseChallenges } from "../../domain/Challenge.ts"
import { endpointRows } from "../../domain/OAuthEndpoints.ts"
import type { Field, MessageKind, Piece, ShownBody, ShownText, ShownUrl } from "../../domain/TraceEvent.ts"
import { type FlowConfiguration, variablePathParts } from "./FlowConfiguration.ts"
import { makeHeaderRenderer } from "./HeaderRenderer.ts"
import { makeMarks, type Marks, open } from "./Marks.ts"
import { jsonOf, makePlaces, type Places } from "./Places.ts"
import { publicInAnswer, publicInRequest } from "./PublicNames.ts"
import { makeRenderer, type Renderer } from "./Renderer.ts"
import { maxDepth, maxShown } from "./TraceLimits.ts"

/**
 * Decides what of a flow is shown, and strikes out the rest. A value is shown only if its message, its name and its type
 * say that it is public (see `PublicNames.ts`). Nothing is detected by the way secrets look.
 */
export interface Redactor {
  readonly kindOf: Places["kindOf"]
  /** Records what an address is for. An address that is known already keeps its kind. */
  readonly learn: (kind: MessageKind, url: URL) => void
  readonly url: (kind: MessageKind, url: URL) => ShownUrl
  readonly headers: (kind: MessageKind, headers: Headers, about: URL) => ReadonlyArray<Field>
  readonly body: (
    kind: MessageKind,
    from: "request" | "answer",
    form: "JSON" | "form",
    text: string
  ) => ShownBody
  readonly fields: Renderer["fields"]
  /** A text of our own, such as the message of an error, without the known secrets. */
  readonly text: (text: string) => ShownText
  /** Strikes out the secrets that became known after this part of the trace was made. */
  readonly settle: <A>(shown: A) => A
}

/** An upper bound of the depth of a JSON text: brackets in its strings count as well. */
const depthOf = (text: string): number => {
  let depth = 0
  let max = 0
  for (const character of text) {
    if (character === "{" || character === "[") max = Math.max(max, ++depth)
    else if (character === "}" || character === "]") depth--
  }
  return max
}

const isPiece = (value: unknown): value is Piece =>
  Predicate.isObject(value) && "_tag" in value && (value._tag === "Open" || value._tag === "Struck")

/** Joins neighbouring open pieces: a secret could lie across two of them. */
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

const shortened = (piece: Piece): Piece =>
  piece._tag === "Open" && piece.text.length > maxShown
    ? open(`${piece.text.slice(0, maxShown).toWellFormed()}…`)
    : piece

/** Fields of a trace that hold only words of ours. */
const ownWords: ReadonlySet<string> = new Set(["_tag", "kind", "form", "roles", "length"])

const settled = (value: unknown, without: Marks["without"]): unknown => {
  const inside = (inner: unknown) => settled(inner, without)
  if (Array.isArray(value)) {
    if (value.length === 0 || !value.every(isPiece)) return value.map(inside)
    // Shortened last: half a secret would not be found.
    return joined(value)
      .flatMap((piece) => (piece._tag === "Open" ? without(piece.text) : [piece]))
      .map(shortened)
  }
  if (typeof value === "string") {
    return without(value)
      .map((piece) => (piece._tag === "Open" ? piece.text : `[value ${piece.mark}]`))
      .join("")
  }
  if (!Predicate.isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, ownWords.has(name) ? inner : inside(inner)])
  )
}

/** Makes the redactor of one flow. */
export const makeRedactor = (configuration: FlowConfiguration): Redactor => {
  const marks = makeMarks()
  const places = makePlaces(configuration)
  const variables = variablePathParts(configuration)
  const renderer = makeRenderer(marks, variables)
  const { configuredHeaders } = configuration
  const header = makeHeaderRenderer({ marks, places, renderer, configuredHeaders })
  const { secrets, server } = configuration
  for (const secret of [...secrets, ...variables, ...server.searchParams.values()]) marks.seek(secret)

  return {
    kindOf: places.kindOf,
    learn: (kind, url) => places.learn(kind, url.href),
    url: (kind, url) => ({
      origin: url.origin,
      path: renderer.path(url, kind !== "other request" || places.isKnown(url)),
      query: renderer.fields(publicInRequest[kind], url.searchParams)
    }),
    headers: (kind, headers, about) => {
      for (const { parameters } of parseChallenges(headers.get("www-authenticate") ?? ""))
        places.learn("resource metadata", parameters["resource_metadata"])
      // A document that has moved is the same document.
      if (kind.endsWith("metadata")) places.learn(kind, headers.get("location"), about)
      return [...headers].map(([name, value]) => ({ name, value: header(name, value, about) }))
    },
    body: (kind, from, form, text) => {
      const names = (from === "request" ? publicInRequest : publicInAnswer)[kind]
      if (form === "form")
        return { _tag: "Fields", form, fields: renderer.fields(names, new URLSearchParams(text)) }
      if (depthOf(text) > maxDepth) return { _tag: "Omitted", why: "it is nested too deeply" }
      const json = jsonOf(text)
      if (!Predicate.isObject(json) || Array.isArray(json))
        return { _tag: "Omitted", why: "it is not a JSON object" }
      if (kind === "authorization server metadata" && from === "answer") {
        for (const { metadataKey, trace } of endpointRows) places.learn(trace, Reflect.get(json, metadataKey))
      }
      return { _tag: "Fields", form, fields: renderer.fields(names, Object.entries(json)) }
    },
    fields: renderer.fields,
    text: marks.without,
    settle: <A>(value: A): A => settled(value, marks.without) as A
  }
}
