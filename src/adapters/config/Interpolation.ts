import { Effect } from "effect"

/** A piece of a string in the configuration: text as it is, or a variable of the environment to fill in. */
export type Piece =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Variable"; readonly name: string; readonly fallback: string | undefined }

/** A variable that is not set, and has no default. */
export class UnsetVariable {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

const grammar = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g

/**
 * Reads a string with `${NAME}` and `${NAME:-default}` in it; `$${` stands for `${` itself, and a `$` before anything
 * else for itself. Undefined where a `${` begins what is neither.
 */
export const parseTemplate = (source: string): ReadonlyArray<Piece> | undefined => {
  const pieces: Array<Piece> = []
  let at = 0
  for (const match of source.matchAll(grammar)) {
    const [whole, name, fallback] = match
    if (match.index > at) pieces.push({ _tag: "Text", text: source.slice(at, match.index) })
    at = match.index + whole.length
    if (name !== undefined) pieces.push({ _tag: "Variable", name, fallback })
    else if (whole === "$${") pieces.push({ _tag: "Text", text: "${" })
    else return undefined
  }
  if (at < source.length) pieces.push({ _tag: "Text", text: source.slice(at) })
  return pieces
}

/** Whether a string needs the environment. */
export const isTemplate = (source: string): boolean =>
  parseTemplate(source)?.some(({ _tag }) => _tag === "Variable") ?? false

/**
 * Fills a string in. What comes out of the environment is not read again. An empty variable counts as set, but gives
 * way to a default, as in a shell.
 */
export const interpolate = <E, R>(
  source: string,
  lookup: (name: string) => Effect.Effect<string | undefined, E, R>
): Effect.Effect<string, UnsetVariable | E, R> =>
  Effect.forEach(parseTemplate(source) ?? [], (piece) => {
    if (piece._tag === "Text") return Effect.succeed(piece.text)
    return Effect.flatMap(lookup(piece.name), (value) => {
      if (piece.fallback !== undefined && (value === undefined || value === "")) {
        return Effect.succeed(piece.fallback)
      }
      return value === undefined ? Effect.fail(new UnsetVariable(piece.name)) : Effect.succeed(value)
    })
  }).pipe(Effect.map((texts) => texts.join("")))
