import { createDecipheriv, createHmac, pbkdf2, timingSafeEqual } from "node:crypto"
import { promisify } from "node:util"

/** The cost that the Python program mcp-cli derives its key with. */
const iterations = 480_000

const derive = promisify(pbkdf2)

/** Derives the key of the Python program's files: PBKDF2 with HMAC-SHA256. */
export const fernetKey = (password: string, salt: Uint8Array): Promise<Uint8Array> =>
  derive(password, salt, iterations, 32, "sha256")

/** True if a text may be a Fernet token: version 128, in base64url. */
export const isFernet = (text: string): boolean => /^gAAAA[\w-]{90,}=*\s*$/.test(text)

/**
 * Opens a Fernet token: version, time, initialization vector, AES-128 in CBC mode, and HMAC-SHA256 of all. Its time is not checked.
 * Undefined: the key is wrong, or the token is damaged.
 *
 * @see https://github.com/fernet/spec/blob/master/Spec.md
 */
export const openFernet = (token: string, key: Uint8Array): string | undefined => {
  const bytes = Buffer.from(token.trim(), "base64url")
  const [headerLength, macLength] = [1 + 8 + 16, 32]
  if (bytes.length < headerLength + 16 + macLength || bytes[0] !== 0x80) return undefined
  const signed = bytes.subarray(0, -macLength)
  const mac = createHmac("sha256", key.subarray(0, 16)).update(signed).digest()
  if (!timingSafeEqual(mac, bytes.subarray(-macLength))) return undefined
  try {
    const cipher = createDecipheriv("aes-128-cbc", key.subarray(16), signed.subarray(9, headerLength))
    return Buffer.concat([cipher.update(signed.subarray(headerLength)), cipher.final()]).toString("utf8")
  } catch {
    return undefined
  }
}
