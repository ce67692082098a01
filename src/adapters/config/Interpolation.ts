import { Data, Effect } from "effect"
import { secretReferenceText } from "../../domain/SecretReference.ts"

/** A piece of a string in the configuration: literal text, an environment variable, or a stored secret. */
export type Piece =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Variable"; readonly variable: string; readonly fallback: string | undefined }
  | { readonly _tag: "Secret"; readonly secret: string }

/** A variable is not set and has no default. */
export class UnsetVariable extends Data.TaggedError("UnsetVariable")<{ readonly variable: string }> {}

// A default cannot contain `${`: its closing brace would be ambiguous.
const grammar = new RegExp(
  String.raw`\$\$\{|\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-((?:(?!\$\{)[^}])*))?\}|\{env:([A-Za-z_][A-Za-z0-9_]*)\}|${secretReferenceText}|\$\{`,
  "g"
)

/**
 * Parses a string with `${NAME}` and `${NAME:-default}`. `$${` is a literal `${`, and any other `$` is literal too.
 * `${env:NAME}` (VS Code, Cursor) and `{env:NAME}` (opencode) mean the same. `${secret:NAME}` is a stored secret. Undefined: a `${` starts none of these forms.
 */
export const parseTemplate = (source: string): ReadonlyArray<Piece> | undefined => {
  const pieces: Array<Piece> = []
  let at = 0
  for (const match of source.matchAll(grammar)) {
    const [whole, own, fallback, foreign, secret] = match
    const variable = own ?? foreign
    if (match.index > at) pieces.push({ _tag: "Text", text: source.slice(at, match.index) })
    at = match.index + whole.length
    if (variable !== undefined) pieces.push({ _tag: "Variable", variable, fallback })
    else if (secret !== undefined) pieces.push({ _tag: "Secret", secret })
    else if (whole === "$${") pieces.push({ _tag: "Text", text: "${" })
    else return undefined
  }
  if (at < source.length) pieces.push({ _tag: "Text", text: source.slice(at) })
  return pieces
}

/** A percent sign that begins an encoded byte of a URL. */
const isEncodedByte = (text: string): boolean => /^%[0-9A-Fa-f]{2}/.test(text)

/** Two percent signs around a name, unless both begin an encoded byte, as in `%e2abc%20`. */
const hasPercentVariable = (text: string): boolean =>
  Array.from(text.matchAll(/%(?=([A-Za-z_]\w+)%)/g)).some(({ 1: name = "", index }) => {
    const end = index + name.length + 1
    return !(isEncodedByte(text.slice(index)) && isEncodedByte(text.slice(end)))
  })

/** Variables as other programs write them. They are refused, since a server would get them as they are written. */
const foreignForms: ReadonlyArray<{ readonly form: string; readonly isIn: (text: string) => boolean }> = [
  { form: "$env:NAME", isIn: (text) => /\$env:\w/i.test(text) },
  { form: "{{NAME}}", isIn: (text) => /\{\{\s*[\w.:-]+\s*\}\}/.test(text) },
  { form: "%NAME%", isIn: hasPercentVariable },
  { form: "$(command)", isIn: (text) => /(?<![\w$])\$\([^)]+\)/.test(text) },
  // Within a word it is a part of a password. An amount such as $5 has no name.
  { form: "$NAME", isIn: (text) => /(?<![\w$])\$[A-Za-z_]\w+/.test(text) }
]

/**
 * What is wrong with the variables of a string, in words that never contain it. Undefined: nothing.
 *
 * @param what an argument of a program: `sh -c "echo $HOME"` and `--format {{.ID}}` have a meaning there
 */
export const syntaxProblem = (source: string, what?: "argument"): string | undefined => {
  if (/(?<!\$)\$\{input:/.test(source)) {
    return "has ${input:...}, which only VS Code can ask for: write ${NAME}, and set that environment variable"
  }
  const pieces = parseTemplate(source)
  if (pieces === undefined && /(?<!\$)\$\{file:/.test(source)) {
    return "has ${file:...}, which is not read: a secret in a file has a field for its path, such as client_secret_file in the oauth block"
  }
  if (pieces === undefined && /(?<!\$)\$\{secret:(?!-)/.test(source)) {
    return "has a ${secret:NAME} without a name of at most 40 letters, digits, _ and -"
  }
  if (pieces === undefined) {
    return "has a ${ that starts neither ${NAME} nor ${NAME:-default} (write $${ for a plain ${)"
  }
  if (what === "argument") return undefined
  const texts = pieces.map((piece) =>
    piece._tag === "Text" ? piece.text : piece._tag === "Variable" ? (piece.fallback ?? "") : ""
  )
  const found = foreignForms.find(({ isIn }) => texts.some(isIn))
  return found && `has a variable as ${found.form}: write \${NAME}, and set that environment variable`
}

/** The names of all variables in the text of a configuration file. */
export const variablesIn = (text: string): ReadonlyArray<string> =>
  Array.from(
    text.matchAll(/(?:\$\{env:|\$\{(?!secret:[^-])|\{env:)([A-Za-z_][A-Za-z0-9_]*)/g),
    ([, name = ""]) => name
  )

/** True if a string contains a variable. */
export const isTemplate = (source: string): boolean =>
  parseTemplate(source)?.some(({ _tag }) => _tag === "Variable") ?? false

/** The names of the stored secrets in a string. */
export const secretsIn = (source: string): ReadonlyArray<string> =>
  (parseTemplate(source) ?? []).flatMap((piece) => (piece._tag === "Secret" ? [piece.secret] : []))

/**
 * True if a string contains its value in plain text: it has neither a variable nor a stored secret, or a default. False for a
 * malformed one, which was meant to refer to something and is an error.
 */
export const isWrittenOut = (source: string): boolean => {
  const pieces = parseTemplate(source)
  if (source === "" || pieces === undefined) return false
  return (
    pieces.every(({ _tag }) => _tag === "Text") ||
    pieces.some((piece) => piece._tag === "Variable" && (piece.fallback ?? "") !== "")
  )
}

/** A part of a string that is filled in: a text, or the name of a stored secret. */
export type FilledPart = string | { readonly secret: string }

/**
 * Replaces the variables of a string. Their values are not parsed again. A default also replaces an empty variable, as
 * in a shell. Texts that follow each other are one part. Empty texts are left out.
 */
export const interpolate = <E, R>(
  source: string,
  lookup: (variable: string) => Effect.Effect<string | undefined, E, R>
): Effect.Effect<ReadonlyArray<FilledPart>, UnsetVariable | E, R> =>
  Effect.forEach(parseTemplate(source) ?? [], (piece): Effect.Effect<FilledPart, UnsetVariable | E, R> => {
    if (piece._tag === "Text") return Effect.succeed(piece.text)
    if (piece._tag === "Secret") return Effect.succeed({ secret: piece.secret })
    const { fallback, variable } = piece
    return Effect.flatMap(lookup(variable), (value) => {
      if (fallback !== undefined && (value === undefined || value === "")) return Effect.succeed(fallback)
      return value === undefined ? new UnsetVariable({ variable }) : Effect.succeed(value)
    })
  }).pipe(
    Effect.map((parts) => {
      const joined: Array<FilledPart> = []
      for (const part of parts) {
        if (part === "") continue
        const last = joined.at(-1)
        if (typeof part === "string" && typeof last === "string") joined[joined.length - 1] = last + part
        else joined.push(part)
      }
      return joined
    })
  )
