import { randomBytes } from "node:crypto"
import { Option, Result } from "effect"
import type { StoreKeys } from "./SaltFile.ts"
import {
  bytesOf,
  damaged,
  decrypt,
  encrypt,
  faultOf,
  type FileFault,
  fileText,
  isCanonical,
  nonceLength,
  type SealedBytes,
  tagLength
} from "./StoreFile.ts"

/** Content of `{name}.enc`: one credential under the data key. */
const textOf = (nonce: string, sealed: string): string =>
  fileText({ format: "mcp-cli-oauth credential", version: 1, cipher: "AES-256-GCM", nonce, sealed })

/** The text before, between and after the two values. */
const [beforeNonce = "", beforeSealed = "", afterSealed = ""] = textOf("|", "|").split("|")
const nonceEnd = beforeNonce.length + Math.ceil((nonceLength * 4) / 3)

/**
 * Reads a file, if it is exactly the text that this version writes. Compares the text around the values: a store may
 * read ten thousand files at once, and decoding by a schema would take a tenth of that.
 */
const read = (text: string): Result.Result<SealedBytes, FileFault> => {
  const [nonceText, sealedText] = [
    text.slice(beforeNonce.length, nonceEnd),
    text.slice(nonceEnd + beforeSealed.length, -afterSealed.length)
  ]
  const [nonce, sealed] = [bytesOf(nonceText), bytesOf(sealedText)]
  return text.startsWith(beforeNonce) &&
    text.startsWith(beforeSealed, nonceEnd) &&
    text.endsWith(afterSealed) &&
    nonce.length === nonceLength &&
    isCanonical(nonce, nonceText) &&
    sealed.length >= tagLength &&
    isCanonical(sealed, sealedText)
    ? Result.succeed({ nonce, sealed })
    : Result.fail(faultOf(text, "mcp-cli-oauth credential"))
}

/** Associated data: a file opens only in its own store and under its own name. */
const binding = (keys: StoreKeys, name: string): Buffer =>
  Buffer.from(JSON.stringify(["mcp-cli-oauth credential", 1, "AES-256-GCM", keys.store, name]))

/** Encrypts the text of one credential under a fresh nonce. */
export const seal = (keys: StoreKeys, name: string, text: string): string => {
  const nonce = randomBytes(nonceLength)
  return textOf(
    nonce.toString("base64url"),
    encrypt(keys.dataKey, nonce, Buffer.from(text, "utf8"), binding(keys, name))
  )
}

/** The text of one credential, and whether it is still encrypted under the retiring key. */
export interface Opened {
  readonly text: string
  readonly underRetiringKey: boolean
}

/** Decrypts one credential. */
export const open = (keys: StoreKeys, name: string, text: string): Result.Result<Opened, FileFault> =>
  Result.flatMap(read(text), (file) => {
    const bound = binding(keys, name)
    for (const key of [keys.dataKey, keys.retiringKey]) {
      const plain = key === undefined ? Option.none() : decrypt(key, file, bound)
      if (Option.isSome(plain)) {
        const underRetiringKey = key !== keys.dataKey
        return Result.succeed({ text: plain.value.toString("utf8"), underRetiringKey })
      }
    }
    return Result.fail(damaged("it is altered, was moved from another name, or belongs to another .salt"))
  })
