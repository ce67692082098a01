import { nodeModule } from "./NodeModule.ts"

// This module does not import Effect: bin.ts loads it before the rest of the program.

/** Bytes of a secret. Tokens and assertions have a few kilobytes; a device such as `/dev/zero` has no end. */
export const maxSecretBytes = 65_536

/** Reads a file that holds one secret, as it is. Rejects with the `code` `EFBIG` beyond 64 KiB. */
const readAll = async (path: string): Promise<string> => {
  const files = nodeModule("node:fs/promises")
  if (files === undefined) throw Object.assign(new Error(), { code: "this platform has no files" })
  const file = await files.open(path, "r")
  try {
    const bytes = new Uint8Array(maxSecretBytes + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length)
      length += bytesRead
      if (length > maxSecretBytes) throw Object.assign(new Error(), { code: "EFBIG" })
      if (bytesRead === 0) return new TextDecoder().decode(bytes.subarray(0, length))
    }
  } finally {
    await file.close()
  }
}

/** Reads a file that holds one secret, without the white space around it. Rejects with the `code` `EFBIG` beyond 64 KiB. */
export const readSecretFile = async (path: string): Promise<string> => (await readAll(path)).trim()

/** Removes the line breaks at the end, as `$(cat file)` does in a shell: a password may begin or end with a space. */
export const withoutFinalBreak = (text: string): string => text.replace(/[\r\n]+$/, "")

/** As {@link readSecretFile}, for a password: only the line breaks at its end are left out. */
export const readPasswordFile = async (path: string): Promise<string> =>
  withoutFinalBreak(await readAll(path))
