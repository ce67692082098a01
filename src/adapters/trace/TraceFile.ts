import * as fs from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import { randomUUID } from "node:crypto"
import { Effect, Layer } from "effect"
import { TraceFile, TraceFileError } from "../../ports/TraceFile.ts"
import { codeOf, explainErrno, remediesOfErrno } from "../platform/Errno.ts"

const meanings: Readonly<Record<string, string>> = {
  ENOENT: "the folder does not exist",
  EISDIR: "it is a folder",
  ELOOP: "its symbolic links form a loop"
}

const errorAt =
  (path: string) =>
  (cause: unknown): TraceFileError => {
    const code = codeOf(cause)
    return new TraceFileError({
      path,
      detail: meanings[code ?? ""] ?? explainErrno(code),
      fixes: remediesOfErrno(code)
    })
  }

/** Fails if the path cannot be written: creates a temporary file beside it and removes it. */
const tryFolder = async (path: string): Promise<void> => {
  const found = await fs.stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined
    throw cause
  })
  if (found?.isDirectory() === true) throw Object.assign(new Error(), { code: "EISDIR" })
  const attempt = temporaryBeside(path)
  await fs.writeFile(attempt, "", { flag: "wx", mode: 0o600 })
  await fs.rm(attempt)
}

const temporaryBeside = (path: string): string =>
  join(dirname(path), `.${basename(path).slice(0, 100)}.${randomUUID()}.tmp`)

/**
 * Writes traces as HTML files that only the owner can read. Each is written to a temporary file and renamed, so that a
 * full disk does not destroy the file that was there before.
 *
 * @param options.version of mcp-cli
 */
export const layer = (options: { readonly version: string }): Layer.Layer<TraceFile> =>
  Layer.succeed(
    TraceFile,
    TraceFile.of({
      check: Effect.fn("TraceFile.check")(function* (given) {
        const path = resolve(given)
        yield* Effect.tryPromise({ try: () => tryFolder(path), catch: errorAt(path) })
        return path
      }),
      write: Effect.fn("TraceFile.write")(function* (path, trace) {
        // Loaded on use, so that other commands start faster.
        const { render } = yield* Effect.promise(() => import("./TracePage.ts"))
        const page = render(trace, options.version)
        const temporary = temporaryBeside(path)
        yield* Effect.tryPromise({
          try: async () => {
            await fs.writeFile(temporary, page, { flag: "wx", mode: 0o600 })
            await fs.rename(temporary, path)
          },
          catch: errorAt(path)
        }).pipe(Effect.onError(() => Effect.promise(() => fs.rm(temporary, { force: true }))))
      })
    })
  )
