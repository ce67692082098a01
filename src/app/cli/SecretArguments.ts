import { Argument } from "effect/cli"
import { secretNameProblem } from "../../domain/SecretReference.ts"
import { secretArgument } from "./UsageError.ts"

/** `SERVER`: a server of the configuration. */
export const secretServer = Argument.String("SERVER").pipe(
  Argument.withDescription("A server of the configuration")
)

/** `SECRET`: the name of a secret. */
export const secretName = Argument.String(secretArgument).pipe(
  Argument.withDescription("The name of the secret, as ${secret:NAME} has it"),
  Argument.filter(
    (name) => secretNameProblem(name) === undefined,
    (name) => `Expected a name, and not the secret itself: ${secretNameProblem(name) ?? ""}`
  )
)
