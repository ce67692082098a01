import { Effect, Predicate, Redacted } from "effect"
import type { FieldPath } from "../../domain/FieldPath.ts"
import { notUrlProblem } from "../../domain/ServerRules.ts"
import { withHome } from "../platform/HomePath.ts"
import type { Findings, IssueDetails } from "./Findings.ts"
import {
  type FilledPart,
  interpolate,
  isTemplate,
  isWrittenOut,
  secretsIn,
  syntaxProblem
} from "./Interpolation.ts"
import { nearName } from "../../domain/NearName.ts"
import { type ConfiguredValue, SecretReference } from "../../domain/SecretReference.ts"

/** What is wrong with a text, in words that never contain the text. Undefined: nothing. */
export type Check = (text: string) => string | undefined

/** Requires a text that is not empty. */
export const notEmpty: Check = (text) => (text === "" ? "must not be empty" : undefined)

/** Requires a text that the system takes as an argument, a variable or a path. */
export const withoutNul: Check = (text) =>
  text.includes("\0") ? "must not have a NUL character in it" : undefined

/** In JSON, `"C:\new"` has a line break where a backslash and an `n` are meant. */
export const backslashProblem: Check = (text) =>
  // oxlint-disable-next-line no-control-regex -- it looks for control characters
  /^[A-Za-z]:[^\\/]*[\x08\t\n\f\r]/.test(text)
    ? 'has a control character: a backslash is written twice, as in "C:\\\\Users"'
    : undefined

/** Requires the path of a file. */
export const filePathProblem: Check = (text) => notEmpty(text) ?? withoutNul(text) ?? backslashProblem(text)

/**
 * A value of the configuration and its path. Methods that read it return `undefined` and report an error if the value is
 * wrong. They return `undefined` without an error while a variable is not filled in yet.
 */
export class Field {
  readonly findings: Findings
  readonly path: FieldPath
  readonly value: unknown

  constructor(findings: Findings, path: FieldPath, value: unknown) {
    this.findings = findings
    this.path = path
    this.value = value
  }

  error(problem: string, details?: IssueDetails): undefined {
    return this.findings.error(this.path, problem, details)
  }

  warn(problem: string, details?: IssueDetails): undefined {
    return this.findings.warn(this.path, problem, details)
  }

  /**
   * A string, filled in. `check` sees the text that will be used.
   *
   * @param what an argument of a program may have variables of a shell
   */
  string(check?: Check, what?: "argument"): Effect.Effect<string | undefined> {
    return readString(this, check, what)
  }

  /** A string that may refer to stored secrets. `check` sees the texts around them. */
  configured(check?: Check): Effect.Effect<ConfiguredValue | undefined> {
    return readConfigured(this, check)
  }

  /** An object. */
  block(): Block | undefined {
    return Predicate.isReadonlyObject(this.value)
      ? new Block(this.findings, this.path, this.value)
      : this.error("must be an object")
  }
}

const isText = (part: unknown): part is string => typeof part === "string"

/** Fills in a string, and checks its texts. */
const readParts = Effect.fnUntraced(function* (
  field: Field,
  check?: Check,
  what?: "argument"
): Effect.fn.Return<ReadonlyArray<FilledPart> | undefined> {
  const { findings, value } = field
  if (typeof value !== "string") return field.error("must be a string")
  const syntax = syntaxProblem(value, what)
  if (syntax !== undefined) return field.error(syntax)
  const { access } = findings
  const mayHaveSecrets = access === "deferred" || (access !== "refused" && access.withoutSecrets !== true)
  if (!mayHaveSecrets && secretsIn(value).length > 0) {
    return field.error("must not refer to a stored secret: only a configuration file of mcp-cli can")
  }
  if (access === "deferred" && isTemplate(value)) return undefined
  if (access === "refused" && isTemplate(value)) {
    return field.error("must not use environment variables: this entry may not read them")
  }
  const lookup = typeof access === "string" ? () => Effect.undefined : access.variable
  const parts = yield* interpolate(value, lookup).pipe(
    Effect.catchTags({
      UnsetVariable: ({ variable }) =>
        Effect.sync(() =>
          field.error(`the environment variable ${variable} is not set or is empty`, { variable })
        ),
      // The cause is not shown: the value that could not be read may be the secret.
      ConfigError: () => Effect.sync(() => field.error("the environment cannot be read"))
    })
  )
  if (parts === undefined) return undefined
  const texts = parts.length === 0 ? [""] : parts
  const problem = texts.map((text) => (isText(text) ? check?.(text) : undefined)).find(isText)
  return problem === undefined ? parts : field.error(problem)
})

const readString = Effect.fnUntraced(function* (
  field: Field,
  check?: Check,
  what?: "argument"
): Effect.fn.Return<string | undefined> {
  if (typeof field.value === "string" && secretsIn(field.value).length > 0) {
    return field.error("must not refer to a stored secret: only headers, env and oauth.client_secret can")
  }
  const parts = yield* readParts(field, check, what)
  return parts?.filter(isText).join("")
})

const readConfigured = Effect.fnUntraced(function* (
  field: Field,
  check?: Check
): Effect.fn.Return<ConfiguredValue | undefined> {
  const parts = yield* readParts(field, check)
  if (parts === undefined) return undefined
  return parts.every(isText)
    ? Redacted.make(parts.join(""))
    : new SecretReference(parts.map((part) => (isText(part) ? Redacted.make(part) : part)))
})

interface EntryChecks {
  readonly name?: Check
  readonly value?: Check
}

/** An object of the configuration and its path. Fields are own keys only, and every field is optional. */
export class Block {
  readonly findings: Findings
  readonly path: FieldPath
  readonly fields: Readonly<Record<string, unknown>>
  /** The field that has this name in other programs. */
  readonly ownField: (name: string) => string | undefined

  constructor(
    findings: Findings,
    path: FieldPath,
    fields: Readonly<Record<string, unknown>>,
    ownField: (name: string) => string | undefined = () => undefined
  ) {
    this.findings = findings
    this.path = path
    this.fields = fields
    this.ownField = ownField
  }

  /** The same object, with its own findings. */
  reportingTo(findings: Findings): Block {
    return new Block(findings, this.path, this.fields, this.ownField)
  }

  /** The same object, which suggests its own field for a name of another program. */
  suggesting(ownField: (name: string) => string | undefined): Block {
    return new Block(this.findings, this.path, this.fields, ownField)
  }

  get names(): ReadonlyArray<string> {
    return Object.keys(this.fields)
  }

  has(name: string): boolean {
    return Object.hasOwn(this.fields, name)
  }

  field(name: string): Field {
    return new Field(this.findings, [...this.path, name], this.has(name) ? this.fields[name] : undefined)
  }

  /** The fields that are objects, by name. */
  get blocks(): ReadonlyArray<readonly [string, Block]> {
    return this.names.map((name) => [name, this.childOrEmpty(name)])
  }

  error(name: string, problem: string): undefined {
    return this.field(name).error(problem)
  }

  warn(name: string, problem: string): undefined {
    return this.field(name).warn(problem)
  }

  /**
   * Reports a field that is absent, why it is required, and the field that is probably meant for it: a misspelling, or one of
   * its names in other programs.
   */
  require(name: string, why?: string, foreign: ReadonlyArray<string> = []): void {
    const { path } = this.field(name)
    if (this.has(name) || this.findings.hasErrorAt(path)) return
    const from =
      nearName(name, this.names) ??
      foreign.find((other) => this.has(other)) ??
      this.names.find((other) => this.ownField(other) === name)
    const rename = from === undefined ? {} : { rename: { from, to: name } }
    this.findings.error(path, why === undefined ? "is missing" : `is missing: ${why}`, rename)
  }

  /**
   * Warns about fields that are not `known`, and suggests the field that is probably meant.
   *
   * @param elsewhere fields that have a meaning in another place, which `problem` names
   */
  warnUnknown(
    known: ReadonlyArray<string>,
    ...elsewhere: ReadonlyArray<{ readonly fields: ReadonlyArray<string>; readonly problem: string }>
  ): void {
    for (const name of this.names) {
      if (known.includes(name)) continue
      const place = elsewhere.find(({ fields }) => fields.includes(name))
      if (place !== undefined) {
        this.warn(name, place.problem)
        continue
      }
      const own = this.ownField(name)
      const to = own !== undefined && known.includes(own) ? own : nearName(name, known)
      this.field(name).warn(
        "is not a field of mcp-cli",
        to === undefined ? {} : { rename: { from: name, to } }
      )
    }
  }

  /** An object. */
  child(name: string): Block | undefined {
    return this.has(name) ? this.field(name).block() : undefined
  }

  /** An object. Absent or wrong: one without fields. */
  childOrEmpty(name: string): Block {
    return this.child(name) ?? new Block(this.findings, [...this.path, name], {})
  }

  string(name: string, check?: Check): Effect.Effect<string | undefined> {
    return this.has(name) ? this.field(name).string(check) : Effect.undefined
  }

  /** One of a few strings. `synonyms` are read as well, and not offered. */
  oneOf<const T extends string>(
    name: string,
    allowed: ReadonlyArray<T>,
    synonyms: Readonly<Record<string, NoInfer<T>>> = {}
  ): Effect.Effect<T | undefined> {
    return Effect.map(this.string(name), (text) => {
      const synonym = text !== undefined && Object.hasOwn(synonyms, text) ? synonyms[text] : undefined
      const found = synonym ?? allowed.find((known) => known === text)
      return text === undefined || found !== undefined
        ? found
        : this.field(name).error(`must be one of ${allowed.join(", ")}`, { allowed })
    })
  }

  /** A URL. `check` says what is wrong with it. */
  url(name: string, check: (url: URL) => string | undefined): Effect.Effect<URL | undefined> {
    const checked = this.string(name, (text) => {
      const address = URL.parse(text)
      return address === null ? notUrlProblem(text) : check(address)
    })
    return Effect.map(checked, (text) => (text === undefined ? undefined : new URL(text)))
  }

  /** A secret. Reports secrets that the file contains in plain text. */
  secret(name: string): Effect.Effect<Redacted.Redacted | undefined> {
    this.#reportPlain(name)
    return Effect.map(this.string(name, notEmpty), (text) =>
      text === undefined ? undefined : Redacted.make(text)
    )
  }

  /** A secret that may be a stored one. Reports secrets that the file contains in plain text. */
  configuredSecret(name: string): Effect.Effect<ConfiguredValue | undefined> {
    this.#reportPlain(name)
    return this.has(name) ? this.field(name).configured(notEmpty) : Effect.undefined
  }

  #reportPlain(name: string): void {
    const { path, value } = this.field(name)
    if (typeof value === "string" && isWrittenOut(value)) this.findings.plainSecrets.push(path)
  }

  /** The path of a file. `~` is the home folder, as in a shell. */
  filePath(name: string): Effect.Effect<string | undefined> {
    const { access } = this.findings
    if (access === "refused" && this.has(name)) {
      return Effect.sync(() => this.error(name, "must not name a file: this entry may not read files"))
    }
    const expandHome = (text: string) =>
      typeof access === "string" || !text.startsWith("~")
        ? Effect.succeed(text)
        : Effect.map(access.home, (home) => withHome(text, home))
    return Effect.flatMap(this.string(name, filePathProblem), (text) =>
      text === undefined ? Effect.undefined : expandHome(text)
    )
  }

  /** A list of strings. Absent: an empty list. */
  strings(name: string, check?: Check, what?: "argument"): Effect.Effect<ReadonlyArray<string>> {
    const { findings, path, value } = this.field(name)
    if (!Array.isArray(value)) {
      if (this.has(name)) this.error(name, "must be a list of strings")
      return Effect.succeed([])
    }
    const items = value.map((item, index) => new Field(findings, [...path, index], item))
    return Effect.map(
      Effect.forEach(items, (item) => item.string(check, what)),
      (texts) => texts.filter((text) => text !== undefined)
    )
  }

  /** An object whose values are strings. Its names are checked as written, its values filled in. */
  entries(name: string, checks: EntryChecks): Effect.Effect<ReadonlyArray<readonly [string, string]>> {
    return this.#entries(name, checks, (field) => field.string(checks.value))
  }

  /** An object whose values are strings that may refer to stored secrets. */
  configuredEntries(
    name: string,
    checks: EntryChecks
  ): Effect.Effect<Readonly<Record<string, ConfiguredValue>>> {
    return Effect.map(
      this.#entries(name, checks, (field) => field.configured(checks.value)),
      (entries) => Object.fromEntries(entries)
    )
  }

  #entries<A>(
    name: string,
    checks: EntryChecks,
    read: (field: Field) => Effect.Effect<A | undefined>
  ): Effect.Effect<ReadonlyArray<readonly [string, A]>> {
    const block = this.childOrEmpty(name)
    const entries = Effect.forEach(block.names, (key) => {
      const problem = checks.name?.(key)
      if (problem !== undefined) block.error(key, problem)
      return Effect.map(read(block.field(key)), (value) => [key, value] as const)
    })
    return Effect.map(entries, (all) =>
      all.filter((entry): entry is readonly [string, A] => entry[1] !== undefined)
    )
  }

  /** A whole number from 1 up to `max`. */
  count(name: string, max: number): number | undefined {
    const { value } = this.field(name)
    if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= max) return value
    return this.has(name) ? this.error(name, `must be a whole number from 1 to ${max}`) : undefined
  }

  boolean(name: string): boolean | undefined {
    const { value } = this.field(name)
    if (typeof value === "boolean") return value
    return this.has(name) ? this.error(name, "must be true or false") : undefined
  }
}
