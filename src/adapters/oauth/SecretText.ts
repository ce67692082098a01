import { Effect, Redacted } from "effect"
import type { SecretSource } from "../../domain/Server.ts"
import { UnusableSecret } from "../../ports/TokenEndpoint.ts"
import { nodeModule } from "../platform/NodeModule.ts"
import { codeOf } from "../platform/Errno.ts"

const problemOf = (cause: unknown): string => {
  const code = codeOf(cause) ?? "unknown reason"
  switch (code) {
    case "ENOENT":
      return "does not exist"
    case "EACCES":
    case "EPERM":
      return "cannot be read by this user"
    case "EISDIR":
      return "is a folder"
    default:
      return `cannot be read (${code})`
  }
}

const readText = async (file: string): Promise<string> => {
  const files = nodeModule("node:fs/promises")
  if (files === undefined) throw Object.assign(new Error(), { code: "this platform has no files" })
  return (await files.readFile(file, "utf8")).trim()
}

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
        try: () => readText(source.file),
        catch: (cause) => new UnusableSecret({ field, file: source.file, problem: problemOf(cause) })
      }).pipe(
        Effect.filterOrFail(
          (text) => text !== "",
          () => new UnusableSecret({ field, file: source.file, problem: "is empty" })
        ),
        Effect.map(Redacted.make)
      )
