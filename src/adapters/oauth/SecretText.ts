import { Effect, Redacted } from "effect"
import type { SecretSource } from "../../domain/Server.ts"
import { UnusableSecret } from "../../ports/TokenEndpoint.ts"
import { nodeModule } from "../platform/NodeModule.ts"
import { codeOf } from "../platform/Errno.ts"

const problemOf = (cause: unknown): string => {
  const code = codeOf(cause) ?? "no reason given"
  switch (code) {
    case "ENOENT":
      return "is not there"
    case "EACCES":
    case "EPERM":
      return "may not be read by this user"
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
 * The text of a secret, without the final line break of a file. A file is read each time, because its issuer replaces
 * the secret before it expires.
 *
 * @param what what the secret is, as in `the assertion`
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
            detail: `${what} is read from ${source.file}, which ${problemOf(cause)}. Put it there, or correct the path in the oauth block`
          })
      }).pipe(
        Effect.filterOrFail(
          (text) => text !== "",
          () =>
            new UnusableSecret({
              detail: `${what} is read from ${source.file}, which is empty. Put it there`
            })
        ),
        Effect.map(Redacted.make)
      )
