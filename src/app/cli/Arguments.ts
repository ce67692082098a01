import { Effect, Option, Predicate } from "effect"
import { Argument } from "effect/cli"
import { Configuration } from "../../ports/Configuration.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { advice } from "../../domain/Remedy.ts"
import { canonicalResource, hasUserInformation } from "../../domain/SecureUrl.ts"
import { accountName } from "../../domain/SignInError.ts"
import { fits, itemsOf, type JsonSchema, propertyOf, typesOf } from "../../domain/ToolSchema.ts"
import { readyServer } from "../storage/ReadyServer.ts"
import { Account } from "./Settings.ts"
import { UsageError } from "./UsageError.ts"

/** `NAME`: a server of the configuration, or a URL. */
export const serverName = Argument.String("NAME").pipe(
  Argument.withDescription("A server of the configuration (mcp-cli servers lists them), or a URL"),
  Argument.filter(
    (name) => name !== "",
    () => "Expected the name of a server, or a URL"
  )
)

/** The rest of a command line of mcp-remote. */
export const remoteLineArgument = Argument.String("ARG").pipe(
  Argument.withDescription("The callback port, and the flags of mcp-remote (docs/proxy.md lists them)"),
  Argument.atLeast(0)
)

/** True for the URL of a server in the place of its name. */
export const isUrl = (given: string): boolean => /^https?:\/\//i.test(given) && URL.canParse(given)

/** Fails for a URL with a user name or a password in it, which an output or a remedy would repeat. */
export const refuseUserInformation = (given: string): Effect.Effect<void, UsageError> =>
  isUrl(given) && hasUserInformation(new URL(given))
    ? Effect.fail(
        new UsageError({
          problem: "The URL of the server has a user name or a password in it.",
          remedies: [advice("Leave them out, and add the server with the header that it needs.")]
        })
      )
    : Effect.void

/**
 * The name of a server that may be given as a URL: its name in the configuration, or its canonical URL. A configuration that
 * cannot be read is an error where a server is used, not here: a sign-in can be removed without one.
 */
export const resolvedName = Effect.fnUntraced(function* (given: string) {
  yield* refuseUserInformation(given)
  if (!isUrl(given)) return given
  return yield* Configuration.use((configuration) => configuration.server(given)).pipe(
    Effect.map(({ name }) => name),
    Effect.orElseSucceed(() => canonicalResource(new URL(given)))
  )
})

/** The account of `--account` at this server, or the default one. */
export const accountAt = (server: string) =>
  Effect.map(Account, (account) => CredentialKey.of(server, Option.getOrUndefined(account)))

/** A key as users read it: the account `notion (work)`, or what else its record holds. */
export const nameOf = ({ account, modelProvider, secret, server }: CredentialKey): string =>
  secret !== undefined
    ? `the secret ${secret.name} of ${secret.server}`
    : modelProvider !== undefined
      ? `the key of ${modelProvider}`
      : accountName(server, account)

/** The entry of that name, which must be one with a sign-in. The secrets that it refers to are not read. */
export const httpEntry = Effect.fnUntraced(function* (name: string) {
  const server = yield* Configuration.use((configuration) => configuration.server(name))
  if (server._tag === "Http") return server
  return yield* new UsageError({
    problem: `${name} is a program on this machine, which has no sign-in. It takes its credentials from "env".`
  })
})

/** The server of that name, which must be one with a sign-in. */
export const httpServer = Effect.fnUntraced(function* (name: string) {
  const server = yield* readyServer(yield* httpEntry(name))
  return server._tag === "Http" ? server : yield* Effect.die(new Error("an entry changed its kind"))
})

/** The arguments of a tool, as the protocol has them. */
export type ToolArguments = Readonly<Record<string, unknown>>

/** Arguments of a tool written as one JSON object. */
export const jsonArguments = (text: string): Effect.Effect<ToolArguments, UsageError> =>
  Effect.try({ try: (): unknown => JSON.parse(text), catch: () => undefined }).pipe(
    Effect.filterOrFail(
      (value): value is ToolArguments => Predicate.isObject(value) && !Array.isArray(value),
      () => undefined
    ),
    Effect.mapError(
      () => new UsageError({ problem: `The arguments must be a JSON object, such as {"text": "hello"}.` })
    )
  )

/** A value as JSON, if it is JSON. */
const parsed = (text: string): Option.Option<unknown> => {
  try {
    return Option.some(JSON.parse(text) as unknown)
  } catch {
    return Option.none()
  }
}

const isStructure = (value: unknown): value is object => typeof value === "object" && value !== null

/**
 * A value of `name=value`. Where the schema allows a string it stays one, unless it is written as the list or the object that
 * the schema allows too. None: the schema allows no string, and it is no JSON.
 */
const typedValue = (schema: JsonSchema, property: unknown, text: string): Option.Option<unknown> => {
  const types = typesOf(schema, property)
  const value = parsed(text)
  if (types === undefined || types.includes("string")) {
    const mayBeStructure = types === undefined || types.includes("array") || types.includes("object")
    return mayBeStructure && Option.exists(value, isStructure) ? value : Option.some(text)
  }
  return value
}

/** Nested values by name. A map, because an object has names of its own. */
type Tree = Map<string, unknown>

/** True where a schema allows a list, and no object whose members could have numbers as names. */
const isList = (schema: JsonSchema, node: unknown): boolean => {
  const types = typesOf(schema, node)
  return types?.includes("array") === true && !types.includes("object")
}

/** The schema of a member, or of the elements of a list, whose names are numbers: `filters.0`. */
const schemaAt = (schema: JsonSchema, node: unknown, step: string): unknown =>
  /^\d+$/.test(step) && isList(schema, node) ? itemsOf(schema, node) : propertyOf(schema, node, step)

const ofTree = (schema: JsonSchema, node: unknown, tree: Tree): unknown => {
  const members = Array.from(tree, ([step, value]): readonly [string, unknown] => [
    step,
    value instanceof Map ? ofTree(schema, schemaAt(schema, node, step), value) : value
  ])
  const found = new Map(members)
  const elements = Array.from({ length: found.size }, (_, at) => String(at))
  return isList(schema, node) && elements.every((at) => found.has(at))
    ? elements.map((at) => found.get(at))
    : Object.fromEntries(members)
}

/** The steps of a name: `filter.author` is the author of a filter, unless the schema lists it as it is. */
const stepsOf = (schema: JsonSchema, name: string): ReadonlyArray<string> => {
  const steps = name.split(".")
  return steps.includes("") || propertyOf(schema, schema, name) !== undefined ? [name] : steps
}

/** Says that a word gives no argument. */
export const notAssigned = (word: string): string =>
  `"${word}" is not of the form name=value, such as query="road map".`

/** What a user has written, as the protocol has it. */
export interface WrittenArguments {
  readonly given: ToolArguments
  /** The words that are not of the form `name=value`, each as a sentence. */
  readonly malformed: ReadonlyArray<string>
}

/**
 * Arguments of a tool written as `name=value`, with the types of its schema. A name that is repeated makes a list, if the schema
 * has one there. A value of a wrong type stays a string.
 */
export const assignedArguments = (
  assignments: ReadonlyArray<string>,
  schema: JsonSchema
): WrittenArguments => {
  const root: Tree = new Map()
  const malformed: Array<string> = []
  for (const assignment of assignments) {
    const equals = assignment.indexOf("=")
    if (equals < 1) {
      const way = assignment.startsWith("{") ? " To give all arguments as JSON, write --args before it." : ""
      malformed.push(notAssigned(assignment) + way)
      continue
    }
    const name = assignment.slice(0, equals)
    const text = assignment.slice(equals + 1)
    const steps = stepsOf(schema, name)
    let tree = root
    for (const step of steps.slice(0, -1)) {
      const next = tree.get(step)
      const inner: Tree = next instanceof Map ? next : new Map(isStructure(next) ? Object.entries(next) : [])
      tree.set(step, inner)
      tree = inner
    }
    const last = steps.at(-1) ?? name
    const property = steps.reduce<unknown>((node, step) => schemaAt(schema, node, step), schema)
    const types = typesOf(schema, property)
    const value = typedValue(schema, property, text)
    const isWhole = Option.exists(value, (one) => types?.some((type) => fits(type, one)) === true)
    if (types?.includes("array") === true && (!isWhole || Array.isArray(tree.get(last)))) {
      const before = tree.get(last)
      const element = Option.getOrElse(typedValue(schema, itemsOf(schema, property), text), () => text)
      tree.set(last, [...(Array.isArray(before) ? before : []), element])
      continue
    }
    tree.set(
      last,
      Option.getOrElse(value, () => text)
    )
  }
  return { given: ofTree(schema, schema, root) as ToolArguments, malformed }
}
