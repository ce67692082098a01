import { nodeModule } from "./NodeModule.ts"

// This module does not import Effect: bin.ts loads it before the rest of the program.

/** Bytes of a secret. Tokens and assertions have a few kilobytes; a device such as `/dev/zero` has no end. */
export const maxSecretBytes = 65_536

/** Milliseconds between two looks at a pipe that has no text yet. */
const pipePolling = 20

/** Milliseconds until a pipe without a writer counts as empty. One that waits for its reader comes within a few. */
const writerTimeout = 1000

const codeOf = (cause: unknown): unknown =>
  typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined

/** The content of a file that holds one secret. */
interface SecretContent {
  readonly text: string
  /** False for a pipe or a device: it may give its text once only. */
  readonly isFile: boolean
}

const decoded = (bytes: Uint8Array): string => {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    // Other bytes would become the same replacement character: another password than the one that is meant.
    throw Object.assign(new Error(), { code: "EILSEQ" })
  }
}

/**
 * Reads a file that holds one secret, as it is. Rejects with the `code` `EFBIG` beyond 64 KiB, and `EILSEQ` if it is not UTF-8.
 *
 * Looks at a pipe again and again until its writer is done: a read that waits could not be interrupted, and not even the end of
 * the program would end it.
 */
const readAll = async (path: string, signal?: AbortSignal): Promise<SecretContent> => {
  const files = nodeModule("node:fs/promises")
  if (files === undefined) throw Object.assign(new Error(), { code: "this platform has no files" })
  const { O_NONBLOCK = 0, O_RDONLY } = files.constants
  // What was opened is looked at: another file may come to the path between two looks at it.
  const file = await files.open(path, O_RDONLY | O_NONBLOCK)
  try {
    const stats = await file.stat()
    const isFile = stats.isFile()
    const bytes = new Uint8Array(maxSecretBytes + 1)
    let length = 0
    let isEmptySince: number | undefined
    for (;;) {
      signal?.throwIfAborted()
      const bytesRead = await file.read(bytes, length, bytes.length - length).then(
        (read) => read.bytesRead,
        (cause: unknown) => {
          if (codeOf(cause) === "EAGAIN") return undefined
          throw cause
        }
      )
      length += bytesRead ?? 0
      if (length > maxSecretBytes) throw Object.assign(new Error(), { code: "EFBIG" })
      if (bytesRead === 0) {
        isEmptySince ??= performance.now()
        const isDone = length > 0 || !stats.isFIFO() || performance.now() - isEmptySince > writerTimeout
        if (isDone) return { text: decoded(bytes.subarray(0, length)), isFile }
      }
      if (!bytesRead) await new Promise((resolve) => setTimeout(resolve, pipePolling))
    }
  } finally {
    await file.close()
  }
}

/**
 * Reads a file that holds one secret, without the white space around it. Rejects with the `code` `EFBIG` beyond 64 KiB, and
 * `EILSEQ` if it is not UTF-8.
 */
export const readSecretFile = async (path: string, signal?: AbortSignal): Promise<string> =>
  (await readAll(path, signal)).text.trim()

/** Removes the line breaks at the end, as `$(cat file)` does in a shell: a password may begin or end with a space. */
export const withoutFinalBreak = (text: string): string => text.replace(/[\r\n]+$/, "")

/** As {@link readSecretFile}, for a password: only the line breaks at its end are left out. */
export const readPasswordFile = async (path: string, signal?: AbortSignal): Promise<SecretContent> => {
  const { isFile, text } = await readAll(path, signal)
  return { text: withoutFinalBreak(text), isFile }
}
