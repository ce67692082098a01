import { Effect, Option, Predicate } from "effect"
import { Argument } from "effect/cli"
import { Configuration } from "../../ports/Configuration.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { canonicalResource } from "../../domain/SecureUrl.ts"
import { accountName } from "../../domain/SignInError.ts"
import { Account } from "./Settings.ts"
import { UsageError } from "./UsageError.ts"

/** `NAME`: a server of the configuration, or a URL. */
export const serverName = Argument.String("NAME").pipe(
  Argument.withDescription("A server of the configuration (mcp-cli servers lists them), or a URL")
)

/** True for the URL of a server in the place of its name. */
export const isUrl = (given: string): boolean => /^https?:\/\//i.test(given) && URL.canParse(given)

/**
 * The name of a server that may be given as a URL: its name in the configuration, or its canonical URL. A configuration that
 * cannot be read is an error where a server is used, not here: a sign-in can be removed without one.
 */
export const resolvedName = (given: string) => {
  if (!isUrl(given)) return Effect.succeed(given)
  return Configuration.use((configuration) => configuration.server(given)).pipe(
    Effect.map(({ name }) => name),
    Effect.orElseSucceed(() => canonicalResource(new URL(given)))
  )
}

/** The account of `--account` at this server, or the default one. */
export const accountAt = (server: string) =>
  Effect.map(Account, (account) => CredentialKey.of(server, Option.getOrUndefined(account)))

/** The account of a key as users read it: `notion (work)`. */
export const nameOf = ({ account, server }: CredentialKey): string => accountName(server, account)

/** The server of that name, which must be one with a sign-in. */
export const httpServer = Effect.fnUntraced(function* (name: string) {
  const server = yield* Configuration.use((configuration) => configuration.server(name))
  if (server._tag === "Http") return server
  return yield* new UsageError({
    problem: `${name} is a program on this machine, which has no sign-in. It takes its credentials from "env".`
  })
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

const typesOf = (schema: unknown): ReadonlyArray<unknown> => {
  if (!Predicate.isObject(schema) || !("type" in schema)) return []
  return Array.isArray(schema.type) ? schema.type : [schema.type]
}

const propertyOf = (inputSchema: ToolArguments, name: string): unknown => {
  const { properties } = inputSchema
  return Predicate.isObject(properties) && Object.hasOwn(properties, name)
    ? (properties as ToolArguments)[name]
    : undefined
}

/**
 * Arguments of a tool written as `name=value`. If the schema of the tool names another type than string, the value is read
 * as JSON. A name that is repeated makes a list, if the schema requires one.
 */
export const assignedArguments = Effect.fnUntraced(function* (
  assignments: ReadonlyArray<string>,
  inputSchema: ToolArguments
): Effect.fn.Return<ToolArguments, UsageError> {
  const result = new Map<string, unknown>()
  for (const assignment of assignments) {
    const equals = assignment.indexOf("=")
    if (equals < 1)
      return yield* new UsageError({ problem: `"${assignment}" is not of the form name=value.` })
    const name = assignment.slice(0, equals)
    const text = assignment.slice(equals + 1)
    const types = typesOf(propertyOf(inputSchema, name))
    if (types.length === 0 || types.includes("string")) {
      result.set(name, text)
      continue
    }
    const value = yield* Effect.try({ try: (): unknown => JSON.parse(text), catch: () => undefined }).pipe(
      Effect.option
    )
    const before = result.get(name)
    if (types.includes("array") && !(value._tag === "Some" && Array.isArray(value.value))) {
      result.set(name, [...(Array.isArray(before) ? before : []), value._tag === "Some" ? value.value : text])
    } else if (value._tag === "Some") {
      result.set(name, value.value)
    } else {
      return yield* new UsageError({
        problem: `The argument ${name} of this tool must be of type ${types.join(" or ")}.`
      })
    }
  }
  return Object.fromEntries(result)
})
