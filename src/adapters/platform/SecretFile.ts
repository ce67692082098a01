import { nodeModule } from "./NodeModule.ts"

/** Bytes of a secret. Tokens and assertions have a few kilobytes; a device such as `/dev/zero` has no end. */
const maxBytes = 65_536

/** Reads a file that holds one secret, without the white space around it. Rejects with the `code` `EFBIG` beyond 64 KiB. */
export const readSecretFile = async (path: string): Promise<string> => {
  const files = nodeModule("node:fs/promises")
  if (files === undefined) throw Object.assign(new Error(), { code: "this platform has no files" })
  const file = await files.open(path, "r")
  try {
    const bytes = new Uint8Array(maxBytes + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length)
      length += bytesRead
      if (length > maxBytes) throw Object.assign(new Error(), { code: "EFBIG" })
      if (bytesRead === 0) return new TextDecoder().decode(bytes.subarray(0, length)).trim()
    }
  } finally {
    await file.close()
  }
}
