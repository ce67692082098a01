import { createDecipheriv, scrypt } from "node:crypto"
import { hostname, userInfo } from "node:os"

const userName = (): string => {
  try {
    return userInfo().username
  } catch {
    return ""
  }
}

/**
 * Opens Gemini CLI's encrypted file: `iv:tag:ciphertext` in hex, AES-256-GCM. Its key is made of the names of the machine and the
 * user, so that it hides the content from no one who has both. Undefined: it was written on another machine, or is damaged.
 */
export const openGeminiFile = async (text: string): Promise<string | undefined> => {
  const [iv, tag, sealed] = text
    .trim()
    .split(":")
    .map((part) => Buffer.from(part, "hex"))
  if (iv === undefined || tag === undefined || sealed === undefined || tag.length !== 16) return undefined
  const salt = `${hostname()}-${userName()}-gemini-cli`
  const key = await new Promise<Buffer>((done, reject) =>
    scrypt("gemini-cli-oauth", salt, 32, (error, derived) => (error === null ? done(derived) : reject(error)))
  )
  try {
    const cipher = createDecipheriv("aes-256-gcm", key, iv)
    cipher.setAuthTag(tag)
    return Buffer.concat([cipher.update(sealed), cipher.final()]).toString("utf8")
  } catch {
    return undefined
  }
}
