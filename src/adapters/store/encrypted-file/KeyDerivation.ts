import { pbkdf2 } from "node:crypto"
import { readFileSync, statSync } from "node:fs"
import { maxSecretBytes, withoutFinalBreak } from "../../platform/SecretFile.ts"
import { maxIterations, minIterations } from "./EncryptionLimits.ts"

/** Length of every key, in bytes. */
export const keyLength = 32

interface Derivation {
  readonly password: string
  readonly salt: string
  readonly iterations: number
  readonly key: Promise<Buffer>
}

let early: Derivation | undefined

const start = (password: string, salt: string, iterations: number): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    pbkdf2(
      password.normalize("NFC"),
      Buffer.from(salt, "base64url"),
      iterations,
      keyLength,
      "sha256",
      (error, key) => (error === null ? resolve(key) : reject(error))
    )
  })

/**
 * Derives a key from a password by PBKDF2-HMAC-SHA256 (RFC 8018 §5.2), off the main thread. Normalizes the password to
 * Unicode NFC. Reuses the derivation that {@link prefetch} has started.
 *
 * @param salt base64url
 */
export const deriveKey = (password: string, salt: string, iterations: number): Promise<Buffer> => {
  const started = early
  early = undefined
  return started?.password === password && started.salt === salt && started.iterations === iterations
    ? started.key
    : start(password, salt, iterations)
}

/** The password in a file. Only a regular file is read: a pipe has its text once, for the store. */
const passwordIn = (file: string): string | undefined => {
  const found = statSync(file)
  return found.isFile() && found.size <= maxSecretBytes
    ? withoutFinalBreak(readFileSync(file, "utf8"))
    : undefined
}

/**
 * Starts the derivation that the program will probably need, in parallel to loading the rest of it. Ignores an unusual
 * `.salt`: the store reports what is wrong with it.
 */
export const prefetch = (
  saltFile: string,
  given: { readonly password: string | undefined; readonly file: string | undefined }
): void => {
  try {
    const password = given.password || (given.file ? passwordIn(given.file) : undefined)
    if (password === undefined || password === "") return
    const { iterations, salt } = JSON.parse(readFileSync(saltFile, "utf8")) as Partial<Derivation>
    if (typeof salt !== "string" || typeof iterations !== "number" || !Number.isInteger(iterations)) return
    if (iterations < minIterations || iterations > maxIterations) return
    const key = start(password, salt, iterations)
    // The caller that needs the key receives the failure; without one it does not matter.
    key.catch(() => undefined)
    early = { password, salt, iterations, key }
  } catch {
    // There is no store yet, or the store reports what is wrong.
  }
}
