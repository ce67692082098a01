/** PBKDF2-HMAC-SHA256 iterations of a new store: what OWASP recommends in 2026. */
export const newIterations = 600_000
/** The fewest iterations that `.salt` may request: a smaller number would be a downgrade. */
export const minIterations = 480_000
/** The most iterations that `.salt` may request: more would block the user. */
export const maxIterations = 10_000_000
/** The fewest characters of the password of a new store (NIST SP 800-63B §5.1.1.2). Stores with a shorter one still open. */
export const minPasswordLength = 8
/** How often the user is asked for a password. */
export const maxAttempts = 3
/** How many files a password change prepares before it takes the lock to publish them. */
export const rekeyBatch = 64
/** How many bytes to reserve for the successor of a credential with this text. base64url takes a third more than its text. */
export const reservedSize = (text: string): number => 2 * Buffer.byteLength(text) + 4096
