import { isTransientStatus } from "../../../domain/TransientStatus.ts"
import type { VaultProblem } from "../../../ports/StorageFailure.ts"
import type { UnreadableFile } from "./VaultConnection.ts"

/** A problem, and what happened, in words that hold no secret. */
export type Diagnosis = readonly [problem: VaultProblem, detail: string]

const certificateCodes =
  /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|ERR_TLS_CERT_ALTNAME_INVALID|ERR_SSL_(?:TLSV1|SSLV3)_ALERT_(?:BAD|UNKNOWN_CA|CERTIFICATE)/

/** What a failed connection means, by Node's error code. The error's message is not used: it may quote the request. */
export const connectionProblem = (code: string | undefined): Diagnosis => {
  if (code === undefined) return ["unreachable", "the connection broke"]
  if (certificateCodes.test(code)) return ["certificate", `its TLS certificate is not trusted (${code})`]
  if (code.startsWith("ERR_SSL") || code === "EPROTO")
    return ["certificate", `the TLS handshake with it failed (${code})`]
  switch (code) {
    case "ERR_INVALID_CHAR":
      return ["no token", "the token has characters that no header can carry"]
    case "ECONNREFUSED":
      return ["unreachable", "the connection was refused"]
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return ["unreachable", "there is no such host"]
    default:
      return ["unreachable", `the connection broke (${code})`]
  }
}

/** What a PEM file means that cannot be read. */
export const unreadableProblem = ({ code = "unknown error", variable }: UnreadableFile): Diagnosis => [
  "certificate",
  `the file that ${variable} names cannot be read (${code})`
]

/** The messages in an error response. They are Vault's own, and contain at most paths. */
export const errorsOf = (text: string): ReadonlyArray<string> => {
  try {
    const { errors } = JSON.parse(text) as { errors?: unknown }
    return Array.isArray(errors) ? errors.filter((error) => typeof error === "string") : []
  } catch {
    // A proxy in front of Vault answers in HTML.
    return []
  }
}

/** What a response means that does not answer the request. */
export const statusProblem = (status: number, errors: ReadonlyArray<string>): Diagnosis => {
  const said = errors.join(" ")
  // As a separate word: Vault quotes paths, and a path may contain it.
  if (/(?:^|[^\w/-])namespace(?![\w/-])/i.test(said)) return ["namespace", "it does not know the namespace"]
  if (/no handler for route|unsupported path/.test(said)) return ["no mount", "there is nothing at this path"]
  if (status === 429) return ["rate limited", "it answers no more requests for now (429)"]
  if (/sealed/i.test(said)) return ["sealed", "it is sealed"]
  if (status === 501 || /not initialized/i.test(said)) return ["uninitialized", "it is not initialised"]
  if (/not active|no active|standby/i.test(said) || [472, 473].includes(status)) {
    return ["standby", "this node is not the active one"]
  }
  if (/HTTP request to an HTTPS server/i.test(said)) return ["unexpected", "it speaks https, not http"]
  return ["unexpected", `it answered with status ${status}`]
}

/** True if another attempt may succeed. 412: a replica that lags behind; 472 and 473: a standby node. */
export const isTransient = (status: number, errors: ReadonlyArray<string>): boolean =>
  status === 412 ||
  (status >= 472 && status <= 473) ||
  (isTransientStatus(status) && status !== 501) ||
  (status === 400 && errors.some((error) => error.startsWith("Upgrading from non-versioned")))
