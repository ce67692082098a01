import { type Config, Effect, Predicate, Redacted } from "effect"
import { ConfigurationIssue } from "../../ports/Configuration.ts"
import { interpolate, isTemplate, isWrittenOut, parseTemplate } from "./Interpolation.ts"
import { nearName } from "./NearName.ts"

/** A JSON object; only its own keys are fields. */
export type JsonObject = Readonly<Record<string, unknown>>

/** What strings are filled in from; `undefined` while the file is only checked, and nothing is to be filled in. */
export type Environment =
  | {
      readonly variable: (name: string) => Effect.Effect<string | undefined, Config.ConfigError>
      /** The folder that `~` stands for. */
      readonly home: Effect.Effect<string>
    }
  | undefined

/** What is wrong with a text, in words that never hold the text; undefined where nothing is. */
export type Check = (text: string) => string | undefined

/**
 * What is said about a file while it is read. Reading goes on after an error, so that all of them are said at once;
 * it gives `undefined` for what is missing, wrong, or not to be filled in yet.
 */
export class Findings {
  readonly issues: Array<ConfigurationIssue> = []
  readonly warnings: Array<ConfigurationIssue> = []
  /** Paths of the secrets that the file itself holds. */
  readonly writtenSecrets: Array<string> = []
  readonly environment: Environment

  constructor(environment: Environment) {
    this.environment = environment
  }

  error(path: string, problem: string): undefined {
    this.issues.push(new ConfigurationIssue({ path, problem }))
    return undefined
  }

  warn(path: string, problem: string): void {
    this.warnings.push(new ConfigurationIssue({ path, problem }))
  }
}

/** A name of the file in quotes, as JSON writes it, without a character that could rewrite the screen it is shown on. */
export const quoted = (name: string): string =>
  JSON.stringify(name).replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

/** A path of the file, as people write it. */
export const at = (path: string, name: string): string =>
  /^[\w-]+$/.test(name) ? (path === "" ? name : `${path}.${name}`) : `${path}[${quoted(name)}]`

/** Whether an object of the file has a field. */
export const has = (fields: JsonObject, name: string): boolean => Object.hasOwn(fields, name)

const own = (fields: JsonObject, name: string): unknown => (has(fields, name) ? fields[name] : undefined)

/** The fields of an object of the file, by their names. */
export const fieldsOf = (findings: Findings, path: string, value: unknown): JsonObject | undefined =>
  Predicate.isReadonlyObject(value) ? value : findings.error(path, "must be an object")

/** The fields of an optional object within another. */
export const block = (findings: Findings, path: string, fields: JsonObject, name: string): JsonObject =>
  has(fields, name) ? (fieldsOf(findings, at(path, name), fields[name]) ?? {}) : {}

/** Says that a field is missing, and why it is needed; and which field was probably meant to be it. */
export const missing = (
  findings: Findings,
  path: string,
  fields: JsonObject,
  name: string,
  why?: string
): undefined => {
  const where = at(path, name)
  // Once is enough, whatever else needs it.
  if (findings.issues.some((issue) => issue.path === where)) return undefined
  const meant = nearName(name, Object.keys(fields))
  return findings.error(
    where,
    `is missing${why === undefined ? "" : `: ${why}`}${meant === undefined ? "" : ` (is ${quoted(meant)} meant to be it?)`}`
  )
}

/** A string of the file, filled in; checked by `check` once it is what will be used. */
const stringValue = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  value: unknown,
  check?: Check
) {
  if (typeof value !== "string") return findings.error(path, "must be a string")
  if (parseTemplate(value) === undefined) {
    return findings.error(
      path,
      "has a ${ that is neither ${NAME} nor ${NAME:-default} ($${ writes it as it is)"
    )
  }
  if (findings.environment === undefined && isTemplate(value)) return undefined
  const text = yield* interpolate(value, findings.environment?.variable ?? (() => Effect.undefined)).pipe(
    Effect.catchTags({
      UnsetVariable: ({ variable }) =>
        Effect.sync(() =>
          findings.error(path, `the environment variable ${variable} is not set or is empty`)
        ),
      // What it could not read may be the secret itself.
      ConfigError: () => Effect.sync(() => findings.error(path, "the environment cannot be read"))
    })
  )
  if (text === undefined) return undefined
  const problem = check?.(text)
  return problem === undefined ? text : findings.error(path, problem)
})

/** An optional string field. */
export const string = (findings: Findings, path: string, fields: JsonObject, name: string, check?: Check) =>
  has(fields, name) ? stringValue(findings, at(path, name), fields[name], check) : Effect.undefined

/** What is wrong with a path of a file. */
export const filePathProblem: Check = (text) =>
  notEmpty(text) ?? (text.includes("\0") ? "must not have a NUL character in it" : undefined)

/** An optional path of a file. `~` is the home folder, as in a shell. */
export const filePath = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  fields: JsonObject,
  name: string
) {
  const text = yield* string(findings, path, fields, name, filePathProblem)
  if (text === undefined || findings.environment === undefined || !/^~[/\\]/.test(text)) return text
  return (yield* findings.environment.home).replace(/[/\\]$/, "") + text.slice(1)
})

/** An optional field that holds a secret. */
export const secret = (findings: Findings, path: string, fields: JsonObject, name: string) => {
  const written = own(fields, name)
  if (typeof written === "string" && isWrittenOut(written)) findings.writtenSecrets.push(at(path, name))
  return Effect.map(string(findings, path, fields, name, notEmpty), (text) =>
    text === undefined ? undefined : Redacted.make(text)
  )
}

/** An optional URL field. */
export const url = (
  findings: Findings,
  path: string,
  fields: JsonObject,
  name: string,
  check: (url: URL) => string | undefined
) =>
  Effect.map(
    string(findings, path, fields, name, (text) =>
      URL.canParse(text) ? check(new URL(text)) : "must be an absolute URL"
    ),
    (text) => (text === undefined ? undefined : new URL(text))
  )

/** An optional list of strings. */
export const strings = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  fields: JsonObject,
  name: string,
  check?: Check
) {
  const value = own(fields, name)
  if (value === undefined) return []
  if (!Array.isArray(value)) return findings.error(at(path, name), "must be a list of strings") ?? []
  const texts = yield* Effect.forEach(value, (item, index) =>
    stringValue(findings, `${at(path, name)}[${index}]`, item, check)
  )
  return texts.filter((text) => text !== undefined)
})

/** An optional object whose values are strings: its names are checked as they are written, its values filled in. */
export const record = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  fields: JsonObject,
  name: string,
  checks: { readonly name?: Check; readonly value?: Check } = {}
) {
  const entries: Array<readonly [string, string]> = []
  for (const [key, item] of Object.entries(block(findings, path, fields, name))) {
    const where = at(at(path, name), key)
    const problem = checks.name?.(key)
    if (problem !== undefined) findings.error(where, problem)
    const text = yield* stringValue(findings, where, item, checks.value)
    if (text !== undefined) entries.push([key, text])
  }
  return entries
})

/** An optional boolean field. */
export const boolean = (findings: Findings, path: string, fields: JsonObject, name: string) => {
  const value = own(fields, name)
  return value === undefined || typeof value === "boolean"
    ? value
    : findings.error(at(path, name), "must be true or false")
}

/** Says that a text must not be empty. */
export const notEmpty: Check = (text) => (text === "" ? "must not be empty" : undefined)

/** Says that a text must be one of a few. */
export const oneOf =
  (known: ReadonlyArray<string>): Check =>
  (text) =>
    known.includes(text) ? undefined : `must be one of ${known.join(", ")}`

/**
 * Warns of fields that nobody here knows, and names the one that was probably meant. Fields that are known in another
 * place are warned of in the words of `elsewhere`.
 */
export const warnUnknown = (
  findings: Findings,
  path: string,
  fields: JsonObject,
  known: ReadonlyArray<string>,
  elsewhere: { readonly fields: ReadonlyArray<string>; readonly problem: string } = {
    fields: [],
    problem: ""
  }
): void => {
  for (const name of Object.keys(fields)) {
    if (known.includes(name)) continue
    const meant = nearName(name, known)
    findings.warn(
      at(path, name),
      elsewhere.fields.includes(name)
        ? elsewhere.problem
        : `is not a field of mcp-cli${meant === undefined ? "" : `; did you mean "${meant}"?`}`
    )
  }
}
