import { Effect, type Redacted } from "effect"
import {
  type ConfiguredClient,
  type SecretSource,
  type SigningKey,
  signingAlgorithms
} from "../../domain/Server.ts"
import {
  at,
  filePath,
  type Findings,
  has,
  type JsonObject,
  notEmpty,
  oneOf,
  secret,
  string
} from "./Fields.ts"

/** The fields of a client, and of how it proves who it is. */
export const clientFields = [
  "client_id",
  "client_secret",
  "private_key",
  "private_key_file",
  "private_key_id",
  "signing_algorithm"
]

/** A secret, or the file that holds it: `name`, or `name_file`. */
export const secretSource = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  fields: JsonObject,
  name: string
): Effect.fn.Return<SecretSource | undefined> {
  const inFile = `${name}_file`
  const text: Redacted.Redacted | undefined = yield* secret(findings, path, fields, name)
  const file = yield* filePath(findings, path, fields, inFile)
  if (has(fields, name) && has(fields, inFile)) {
    findings.error(at(path, inFile), `is given besides ${name}: one of the two is enough`)
  }
  return text ?? (file === undefined ? undefined : { file })
})

/** Reads a client, which may prove who it is by a secret or by signing, and not by both. */
export const readClient = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  fields: JsonObject
): Effect.fn.Return<{
  readonly client: ConfiguredClient | undefined
  readonly hasProof: boolean
  readonly signs: boolean
}> {
  const clientId = yield* string(findings, path, fields, "client_id", notEmpty)
  const clientSecret = yield* secret(findings, path, fields, "client_secret")
  const pem = yield* secretSource(findings, path, fields, "private_key")
  const keyId = yield* string(findings, path, fields, "private_key_id", notEmpty)
  const algorithm = yield* string(findings, path, fields, "signing_algorithm", oneOf(signingAlgorithms))
  const signs = has(fields, "private_key") || has(fields, "private_key_file")
  if (signs && has(fields, "client_secret")) {
    findings.error(at(path, "client_secret"), "is given besides a private key: a client has one or the other")
  }
  for (const name of ["private_key_id", "signing_algorithm"]) {
    if (!signs && has(fields, name)) {
      findings.error(at(path, "private_key_file"), `is missing: ${name} is given, and belongs to a key`)
    }
  }
  const signingKey: SigningKey | undefined = pem && {
    pem,
    keyId,
    algorithm: signingAlgorithms.find((known) => known === algorithm)
  }
  return {
    client:
      clientId === undefined
        ? undefined
        : { clientId, clientSecret, ...(signingKey === undefined ? {} : { signingKey }) },
    hasProof: signs || has(fields, "client_secret"),
    signs
  }
})
