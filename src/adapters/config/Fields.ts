import { Effect, Predicate, Redacted } from "effect"
import { ConfigurationIssue } from "../../ports/Configuration.ts"
import { interpolate, isTemplate, parseTemplate } from "./Interpolation.ts"

/** A JSON object with only its own keys. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Fills in the variables of strings; `undefined` while the file is only checked, and nothing is to be filled in. */
export type Environment = ((name: string) => Effect.Effect<string | undefined>) | undefined

/**
 * What is said about a file while it is read. Reading goes on after an error, so that all of them are said at once;
 * it gives `undefined` for what is missing, wrong, or not to be filled in yet.
 */
export class Findings {
  readonly issues: Array<ConfigurationIssue> = []
  readonly warnings: Array<ConfigurationIssue> = []
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

/** A path of the file, as people write it. */
export const at = (path: string, name: string): string =>
  /^[\w-]+$/.test(name) ? (path === "" ? name : `${path}.${name}`) : `${path}[${JSON.stringify(name)}]`

/** The fields of an object of the file, by their names. */
export const fieldsOf = (findings: Findings, path: string, value: unknown): JsonObject | undefined =>
  Predicate.isObject(value) && !Array.isArray(value)
    ? (value as JsonObject)
    : findings.error(path, "must be an object")

const own = (fields: JsonObject, name: string): unknown =>
  Object.hasOwn(fields, name) ? fields[name] : undefined

/** A string of the file, filled in; checked by `check` once it is what will be used. */
const stringValue = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  value: unknown,
  check?: (text: string) => string | undefined
) {
  if (typeof value !== "string") return findings.error(path, "must be a string")
  if (parseTemplate(value) === undefined) {
    return findings.error(
      path,
      "has a ${ that is neither ${NAME} nor ${NAME:-default} ($${ writes it as it is)"
    )
  }
  if (findings.environment === undefined && isTemplate(value)) return undefined
  const text = yield* interpolate(value, findings.environment ?? (() => Effect.undefined)).pipe(
    Effect.catch(({ name }) =>
      Effect.sync(() => findings.error(path, `the environment variable ${name} is not set`))
    )
  )
  if (text === undefined) return undefined
  const problem = check?.(text)
  return problem === undefined ? text : findings.error(path, problem)
})

/** An optional string field. */
export const string = (
  findings: Findings,
  path: string,
  fields: JsonObject,
  name: string,
  check?: (text: string) => string | undefined
) =>
  own(fields, name) === undefined
    ? Effect.undefined
    : stringValue(findings, at(path, name), own(fields, name), check)

/** An optional field that holds a secret. */
export const secret = (findings: Findings, path: string, fields: JsonObject, name: string) =>
  Effect.map(string(findings, path, fields, name, notEmpty), (text) =>
    text === undefined ? undefined : Redacted.make(text)
  )

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
  check?: (text: string) => string | undefined
) {
  const value = own(fields, name)
  if (value === undefined) return []
  if (!Array.isArray(value)) return findings.error(at(path, name), "must be a list of strings") ?? []
  const texts = yield* Effect.forEach(value, (item, index) =>
    stringValue(findings, `${at(path, name)}[${index}]`, item, check)
  )
  return texts.filter((text) => text !== undefined)
})

/** An optional object whose values are strings, each name checked by `check`. */
export const record = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  fields: JsonObject,
  name: string,
  check?: (name: string) => string | undefined
) {
  const value = own(fields, name)
  const entries: Array<readonly [string, string]> = []
  if (value === undefined) return entries
  for (const [key, item] of Object.entries(fieldsOf(findings, at(path, name), value) ?? {})) {
    const where = at(at(path, name), key)
    const problem = check?.(key)
    if (problem !== undefined) findings.error(where, problem)
    const text = yield* stringValue(findings, where, item)
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
export const notEmpty = (text: string): string | undefined => (text === "" ? "must not be empty" : undefined)

/** Warns of fields that nobody here knows, and names the one that was probably meant. */
export const warnUnknown = (
  findings: Findings,
  path: string,
  fields: JsonObject,
  known: ReadonlyArray<string>
): void => {
  for (const name of Object.keys(fields)) {
    if (known.includes(name)) continue
    const meant = known.find((candidate) => isNear(name.toLowerCase(), candidate.toLowerCase()))
    findings.warn(
      at(path, name),
      meant === undefined
        ? "is not a field of mcp-cli"
        : `is not a field of mcp-cli; did you mean "${meant}"?`
    )
  }
}

/** Whether two names are within two edits of each other, or differ in their separators only. */
const isNear = (a: string, b: string): boolean => {
  if (a.replace(/[-_]/g, "") === b.replace(/[-_]/g, "")) return true
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return (row[b.length] ?? 0) <= 2
}
