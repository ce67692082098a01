import { Redacted } from "effect"

/** The text of a secret; undefined for a secret in a file, or none. */
export const secretTextOf = (secret: unknown): unknown =>
  Redacted.isRedacted(secret) ? Redacted.value(secret) : undefined
