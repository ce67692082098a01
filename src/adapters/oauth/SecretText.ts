import { Effect, Redacted } from "effect"
import { type SecretForm, secretFormProblem } from "../../domain/SecretForm.ts"
import type { SecretSource } from "../../domain/Server.ts"
import { UnusableSecret } from "../../ports/TokenEndpoint.ts"
import { readSecretFile } from "../platform/SecretFile.ts"
import { secretFileProblem } from "../platform/SecretFileProblem.ts"

/**
 * Reads the text of a secret, without the line break at the end of a file. A file is read each time, because its issuer
 * replaces it before the secret expires. Fails if the file cannot be read or is empty.
 */
export const secretText = (
  source: SecretSource,
  field: UnusableSecret["field"]
): Effect.Effect<Redacted.Redacted, UnusableSecret> =>
  Redacted.isRedacted(source)
    ? Effect.succeed(source)
    : Effect.tryPromise({
        try: (signal) => readSecretFile(source.file, signal),
        catch: (cause) => new UnusableSecret({ field, file: source.file, problem: secretFileProblem(cause) })
      }).pipe(
        Effect.filterOrFail(
          (text) => text !== "",
          () => new UnusableSecret({ field, file: source.file, problem: "is empty" })
        ),
        Effect.map(Redacted.make)
      )

/** As {@link secretText}, for a secret that is sent. Fails if it is not of this form, so that nothing else is ever sent. */
export const secretToSend = (
  source: SecretSource,
  field: UnusableSecret["field"],
  form: SecretForm
): Effect.Effect<string, UnusableSecret> =>
  Effect.flatMap(secretText(source, field), (secret) => {
    const text = Redacted.value(secret)
    const problem = secretFormProblem(form, text)
    if (problem === undefined) return Effect.succeed(text)
    return new UnusableSecret({
      field,
      ...(Redacted.isRedacted(source) ? {} : { file: source.file }),
      problem
    })
  })
