import { Effect } from "effect"
import type { StorageSettings } from "../../ports/Configuration.ts"
import { type Check, type Findings, type JsonObject, oneOf, secret, string } from "./Fields.ts"

/** The fields of `tokenStorage`. */
export const storageFields = ["backend", "password"]

const backends = ["auto", "encrypted", "memory"] as const
/** Names of the documentation that this version does not keep anything in. */
const laterBackends = ["keychain", "windows", "secretservice", "vault"]

const backendProblem: Check = (text) =>
  laterBackends.includes(text)
    ? `this backend is not available in this version: use ${backends.join(", ")}`
    : oneOf(backends)(text)

/** Reads the `tokenStorage` block; `{}` gives the defaults. */
export const readStorage = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  fields: JsonObject
): Effect.fn.Return<StorageSettings> {
  const backend = yield* string(findings, path, fields, "backend", backendProblem)
  const password = yield* secret(findings, path, fields, "password")
  return { backend: backends.find((known) => known === backend) ?? "auto", password }
})
