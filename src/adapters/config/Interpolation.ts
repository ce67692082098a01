import { Data, Effect } from "effect"

/** A piece of a string in the configuration: text as it is, or a variable of the environment to fill in. */
export type Piece =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Variable"; readonly variable: string; readonly fallback: string | undefined }

/** A variable that is not set, and has no default. */
export class UnsetVariable extends Data.TaggedError("UnsetVariable")<{ readonly variable: string }> {}

// A default holds no `${`: the braces of one within another could not be told apart.
const grammar = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-((?:(?!\$\{)[^}])*))?\}|\$\{/g

/**
 * Reads a string with `${NAME}` and `${NAME:-default}` in it; `$${` stands for `${` itself, and a `$` before anything
 * else for itself. Undefined where a `${` begins what is neither.
 */
export const parseTemplate = (source: string): ReadonlyArray<Piece> | undefined => {
  const pieces: Array<Piece> = []
  let at = 0
  for (const match of source.matchAll(grammar)) {
    const [whole, variable, fallback] = match
    if (match.index > at) pieces.push({ _tag: "Text", text: source.slice(at, match.index) })
    at = match.index + whole.length
    if (variable !== undefined) pieces.push({ _tag: "Variable", variable, fallback })
    else if (whole === "$${") pieces.push({ _tag: "Text", text: "${" })
    else return undefined
  }
  if (at < source.length) pieces.push({ _tag: "Text", text: source.slice(at) })
  return pieces
}

/** Whether a string needs the environment. */
export const isTemplate = (source: string): boolean =>
  parseTemplate(source)?.some(({ _tag }) => _tag === "Variable") ?? false

/** Whether a string says by itself what it stands for: it needs no variable, or has a default for one. */
export const isWrittenOut = (source: string): boolean =>
  source !== "" &&
  (!isTemplate(source) ||
    (parseTemplate(source) ?? []).some((piece) => piece._tag === "Variable" && (piece.fallback ?? "") !== ""))

/**
 * Fills a string in. What comes out of the environment is not read again. An empty variable gives way to a default,
 * as in a shell.
 */
export const interpolate = <E, R>(
  source: string,
  lookup: (variable: string) => Effect.Effect<string | undefined, E, R>
): Effect.Effect<string, UnsetVariable | E, R> =>
  Effect.forEach(parseTemplate(source) ?? [], (piece): Effect.Effect<string, UnsetVariable | E, R> => {
    if (piece._tag === "Text") return Effect.succeed(piece.text)
    const { fallback, variable } = piece
    return Effect.flatMap(lookup(variable), (value) => {
      if (fallback !== undefined && (value === undefined || value === "")) return Effect.succeed(fallback)
      return value === undefined ? new UnsetVariable({ variable }) : Effect.succeed(value)
    })
  }).pipe(Effect.map((texts) => texts.join("")))
