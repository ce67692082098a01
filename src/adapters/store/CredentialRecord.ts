import { Effect, Option, Result, Schema } from "effect"
import { Credential } from "../../domain/Credential.ts"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import { Corrupt, NewerVersion, type StorageFailure } from "../../ports/StorageFailure.ts"

const format = "mcp-cli-oauth credential"
const version = 1

/**
 * The record of stores that encrypt on their own: versioned, and bound to its name, so that a record that was moved to
 * another name is not used for the wrong server.
 */
const CredentialRecord = Schema.Struct({
  format: Schema.Literal(format),
  version: Schema.Literal(version),
  server: Schema.NonEmptyString,
  account: Schema.NonEmptyString,
  credential: Schema.toCodecJson(Credential)
})

const RecordJson = Schema.fromJsonString(CredentialRecord)
const Versioned = Schema.fromJsonString(
  Schema.Struct({ format: Schema.Literal(format), version: Schema.Int })
)

/** Encodes a credential. The text contains its secrets in plain text. */
export const encodeRecord = (key: CredentialKey, credential: Credential): Effect.Effect<string> =>
  Effect.orDie(
    Schema.encodeEffect(RecordJson)({ format, version, server: key.server, account: key.account, credential })
  )

/**
 * Decodes a credential.
 *
 * @param path where the record was found, for errors
 */
export const decodeRecord = (
  key: CredentialKey,
  path: string,
  text: string
): Result.Result<Credential, StorageFailure> => {
  const versioned = Schema.decodeOption(Versioned)(text)
  if (Option.isSome(versioned) && versioned.value.version > version) {
    return Result.fail(new NewerVersion({ path, version: versioned.value.version }))
  }
  const record = Schema.decodeOption(RecordJson)(text)
  if (Option.isNone(record)) return Result.fail(new Corrupt({ key, path, detail: "it holds no credential" }))
  const { account, credential, server } = record.value
  return server === key.server && account === key.account && key.mayHold(credential.resource)
    ? Result.succeed(credential)
    : Result.fail(new Corrupt({ key, path, detail: `it is the record of ${server} (${account})` }))
}
