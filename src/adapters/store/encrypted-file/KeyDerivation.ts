import { pbkdf2 } from "node:crypto"
import { readFileSync } from "node:fs"

/** The fewest rounds that a store may ask for. */
export const minIterations = 480_000
/** The most: more would only keep the user waiting. */
export const maxIterations = 10_000_000
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
 * Derives a key from a password by PBKDF2-HMAC-SHA256 (RFC 8018 §5.2), off the main thread. The password is taken in
 * Unicode's form NFC, the salt as base64url. A derivation that was begun early is not done twice.
 */
export const deriveKey = (password: string, salt: string, iterations: number): Promise<Buffer> => {
  const begun = early
  early = undefined
  return begun?.password === password && begun.salt === salt && begun.iterations === iterations
    ? begun.key
    : start(password, salt, iterations)
}

/**
 * Begins the derivation that a program will probably ask for, before it has loaded the rest of itself: the two then
 * take as long as the longer one. It decides nothing: a `.salt` that is anything but ordinary is left to the store.
 */
export const prefetch = (saltFile: string, password: string | undefined): void => {
  if (password === undefined || password === "") return
  try {
    const { iterations, salt } = JSON.parse(readFileSync(saltFile, "utf8")) as Partial<Derivation>
    if (typeof salt !== "string" || typeof iterations !== "number" || !Number.isInteger(iterations)) return
    if (iterations < minIterations || iterations > maxIterations) return
    const key = start(password, salt, iterations)
    // Whoever asks for the key is told of a failure; if nobody does, it is of no interest.
    key.catch(() => undefined)
    early = { password, salt, iterations, key }
  } catch {
    // No store yet, or one that the store itself will have something to say about.
  }
}
