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
      return "this user may not read"
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
 *
 * @param what names the secret in the error, such as `the assertion`
 */
export const secretText = (
  source: SecretSource,
  what: string
): Effect.Effect<Redacted.Redacted, UnusableSecret> =>
  Redacted.isRedacted(source)
    ? Effect.succeed(source)
    : Effect.tryPromise({
        try: () => readText(source.file),
        catch: (cause) =>
          new UnusableSecret({
            detail: `${what} is read from ${source.file}, which ${problemOf(cause)}. Create the file, or correct the path in the oauth block`
          })
      }).pipe(
        Effect.filterOrFail(
          (text) => text !== "",
          () =>
            new UnusableSecret({
              detail: `${what} is read from ${source.file}, which is empty. Write the secret to it`
            })
        ),
        Effect.map(Redacted.make)
      )
