import { Predicate } from "effect"
import { secretNames } from "../../domain/Redaction.ts"
import type { Field, Piece, ShownText } from "../../domain/TraceEvent.ts"
import { type Marks, open } from "./Marks.ts"
import { publicInRequest, type PublicNames, type PublicType } from "./PublicNames.ts"
import { maxFields } from "./TraceLimits.ts"

/** Shows values of messages, and strikes out those that are not public. */
export interface Renderer {
  /** The path of a URL: part by part if it is public, otherwise as one mark. */
  readonly path: (url: URL, isPublic: boolean) => ShownText
  /** A URL with the public parameters of its query. */
  readonly address: (text: string, isPublic: boolean) => ShownText
  /** One value; `undefined` as its type strikes it out. */
  readonly value: (type: PublicType | undefined, name: string, value: unknown) => ShownText
  /** Parameters or fields by name. Objects are flattened if `names` has fields of theirs. */
  readonly fields: (
    names: PublicNames,
    values: Iterable<readonly [name: string, value: unknown]>
  ) => ReadonlyArray<Field>
}

const isOfType: Readonly<Record<PublicType, (value: unknown) => boolean>> = {
  word: (value) => typeof value === "string" && /^[\x21-\x7e]{1,200}$/.test(value),
  text: (value) => typeof value === "string",
  url: (value) => typeof value === "string" && URL.canParse(value),
  number: (value) => typeof value === "number" || (typeof value === "string" && /^\d{1,15}$/.test(value)),
  boolean: (value) => typeof value === "boolean" || value === "true" || value === "false"
}

/** Public query parameters of a URL inside a message: of authorization endpoints and of redirect URIs. */
const queryNames: PublicNames = {
  ...publicInRequest["authorization request"],
  ...publicInRequest["authorization response"]
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value))

const flattened = function* (
  names: PublicNames,
  prefix: string,
  values: Iterable<readonly [string, unknown]>
): Generator<readonly [string, unknown]> {
  for (const [name, value] of values) {
    const full = `${prefix}${name}`
    const hasPublicFields = Object.keys(names).some((other) => other.startsWith(`${full}.`))
    if (hasPublicFields && Predicate.isObject(value) && !Array.isArray(value))
      yield* flattened(names, `${full}.`, Object.entries(value))
    else yield [full, value]
  }
}

/**
 * Makes the renderer of one trace.
 *
 * @param variables parts of paths that are secret although the path is public
 */
export const makeRenderer = (marks: Marks, variables: ReadonlySet<string>): Renderer => {
  const path: Renderer["path"] = ({ pathname }, isPublic) => {
    if (!isPublic && pathname !== "/") return [open("/"), marks.strike(pathname.slice(1), false)]
    return pathname
      .split("/")
      .flatMap((part, index) => [
        ...(index === 0 ? [] : [open("/")]),
        ...(variables.has(part) ? [marks.strike(part, true)] : marks.without(part))
      ])
  }

  const address: Renderer["address"] = (text, isPublic) => {
    const url = URL.parse(text)
    if (url === null) return [marks.strike(text, false)]
    if (url.origin === "null") return [open(`${url.protocol}…`), marks.strike(text, false)]
    const pieces: Array<Piece> = [open(`${url.protocol}//`)]
    if (url.username !== "" || url.password !== "")
      pieces.push(marks.strike(`${url.username}:${url.password}`, true), open("@"))
    pieces.push(open(url.host))
    // Issuers are compared character by character: a slash at the end is shown only if it is written.
    if (url.pathname !== "/" || text.endsWith("/") || url.search !== "") pieces.push(...path(url, isPublic))
    let separator = "?"
    for (const { name, value } of fields(queryNames, url.searchParams)) {
      pieces.push(open(`${separator}${name}=`), ...value)
      separator = "&"
    }
    if (url.hash !== "") pieces.push(open("#"), marks.strike(url.hash.slice(1), false))
    return pieces
  }

  /** Searches for the secrets inside a value that is struck out as a whole. */
  const seekInside = (value: unknown): void => {
    if (!Predicate.isObject(value) && !Array.isArray(value)) return
    for (const [name, inner] of Object.entries(value)) {
      if (typeof inner === "string" && secretNames.has(name)) marks.seek(inner)
      else seekInside(inner)
    }
  }

  const shown: Renderer["value"] = (type, name, value) => {
    if (value === null) return [open("null")]
    const isSecret = secretNames.has(name)
    if (type === undefined || isSecret) {
      seekInside(value)
      return [marks.strike(textOf(value), isSecret)]
    }
    if (Array.isArray(value)) {
      return value.flatMap((item: unknown, index) => [
        ...(index === 0 ? [] : [open(", ")]),
        ...shown(type, name, item)
      ])
    }
    if (!isOfType[type](value)) return [marks.strike(textOf(value), false)]
    return type === "url" ? address(String(value), true) : marks.without(String(value))
  }

  const fields: Renderer["fields"] = (names, values) => {
    const result: Array<Field> = []
    for (const [name, value] of flattened(names, "", values)) {
      if (result.length === maxFields) return [...result, { name: "…", value: [open("and more")] }]
      const type = Object.hasOwn(names, name) ? names[name] : undefined
      result.push({ name, value: shown(type, name, value) })
    }
    return result
  }

  return { path, address, value: shown, fields }
}
