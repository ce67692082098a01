import { Redacted } from "effect"
import { redact, secretsInHeader } from "../../domain/Redaction.ts"
import type { ChatServer } from "./Chat.ts"

/** What follows an authentication scheme, and is no word of a language. */
const credentials = /\b(Bearer|Basic|DPoP)\s+(?=[\w.~+/=-]*\d)[\w.~+/=-]{16,}/gi

/** Leaves out the secrets of a server that a text of it repeats. */
export const redactedBy =
  ({ secrets = {} }: Pick<ChatServer, "secrets">) =>
  (text: string): string =>
    redact(
      text,
      Object.values(secrets).flatMap((value) => secretsInHeader(Redacted.value(value)))
    ).replace(credentials, "$1 …")
