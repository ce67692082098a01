import { readFile } from "node:fs/promises"
import { Effect, Redacted } from "effect"
import type { SecretSource } from "../../domain/Server.ts"
import { UnusableSecret } from "../../ports/TokenEndpoint.ts"
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

/**
 * The text of a secret, without the line break that files end with. A file is read each time: whoever issues what is in
 * it replaces it before it ends.
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
        try: async () => (await readFile(source.file, "utf8")).trim(),
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
