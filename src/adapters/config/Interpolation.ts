import { Data, Effect } from "effect"

/** A piece of a string in the configuration: literal text, or an environment variable. */
export type Piece =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Variable"; readonly variable: string; readonly fallback: string | undefined }

/** A variable is not set and has no default. */
export class UnsetVariable extends Data.TaggedError("UnsetVariable")<{ readonly variable: string }> {}

// A default cannot contain `${`: its closing brace would be ambiguous.
const grammar = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-((?:(?!\$\{)[^}])*))?\}|\$\{/g

/**
 * Parses a string with `${NAME}` and `${NAME:-default}`. `$${` is a literal `${`, and any other `$` is literal too.
 * Undefined: a `${` starts neither form.
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

/** The names of all variables in the text of a configuration file. */
export const variablesIn = (text: string): ReadonlyArray<string> =>
  Array.from(text.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)/g), ([, name = ""]) => name)

/** True if a string contains a variable. */
export const isTemplate = (source: string): boolean =>
  parseTemplate(source)?.some(({ _tag }) => _tag === "Variable") ?? false

/** True if a string contains its value in plain text: it has no variable, or a variable with a default. */
export const isWrittenOut = (source: string): boolean =>
  source !== "" &&
  (!isTemplate(source) ||
    (parseTemplate(source) ?? []).some((piece) => piece._tag === "Variable" && (piece.fallback ?? "") !== ""))

/**
 * Replaces the variables of a string. Their values are not parsed again. A default also replaces an empty variable, as
 * in a shell.
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
