import { isTransientStatus } from "../../../domain/TransientStatus.ts"
import type { VaultProblem } from "../../../ports/StorageFailure.ts"
import type { UnusablePem } from "./VaultTls.ts"

/** A problem, and what happened, in words that hold no secret. */
export type Diagnosis = readonly [problem: VaultProblem, detail: string]

/** Certificates of the server that are not trusted. Node adds a certificate's own problem as a word of its own. */
const certificateCodes = /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|ERR_TLS_CERT_ALTNAME_INVALID/

/** An alert about certificates: those are sent by the server, so they are about the client's (RFC 8446, section 6.2). */
const clientCertificateCodes = /^ERR_SSL_\w*ALERT_\w*(?:CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)/

const noCertificate = "it requires a client certificate"
const badCertificate = "it rejects the client certificate"

/**
 * What a failed connection means, by Node's error code. The error's message is not used: it may quote the request.
 *
 * @param hasCertificate this client has a certificate
 */
export const connectionProblem = (code: string | undefined, hasCertificate: boolean): Diagnosis => {
  if (code === undefined) return ["unreachable", "the connection broke"]
  if (clientCertificateCodes.test(code)) {
    return ["client certificate", `${hasCertificate ? badCertificate : noCertificate} (${code})`]
  }
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER") return ["scheme", "it does not speak https at this port"]
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

/** What a PEM file means that cannot be used. */
export const pemProblem = ({ detail, variable }: UnusablePem): Diagnosis => [
  variable.startsWith("VAULT_CLIENT") ? "client certificate" : "certificate",
  `${variable === "VAULT_CACERT_BYTES" ? variable : `what ${variable} names`} ${detail}`
]

/** What servers in front of Vault's API say in plain text or HTML: Go's, nginx's. */
const plainMessages = [
  /HTTP request (?:was sent )?to (?:an )?HTTPS (?:server|port)/i,
  /No required SSL certificate was sent/i,
  /The SSL certificate error/i
]

/** The messages in an error response. They are Vault's own, and contain at most paths. */
export const errorsOf = (text: string): ReadonlyArray<string> => {
  try {
    const { errors } = JSON.parse(text) as { errors?: unknown }
    return Array.isArray(errors) ? errors.filter((error) => typeof error === "string") : []
  } catch {
    // A proxy in front of Vault answers in HTML.
    return plainMessages.flatMap((pattern) => pattern.exec(text)?.[0] ?? [])
  }
}

/** Characters of a message of Vault that are shown. */
const maxSaid = 300

/** Vault's messages in one line, in parentheses after what it did. Without the frame that Vault puts around several. */
export const saidBy = (errors: ReadonlyArray<string>): string => {
  const said = errors
    .map((error) =>
      error
        .replace(/^\d+ errors? occurred:/, "")
        .replace(/\s+\*?\s*/g, " ")
        .trim()
    )
    .filter((error) => error !== "")
    .join("; ")
  if (said === "") return ""
  return ` (${said.length > maxSaid ? `${said.slice(0, maxSaid).toWellFormed()}…` : said})`
}

/** A mount on its way from version 1 to version 2: the second is what a standby says of it. */
const isUpgrading = (errors: ReadonlyArray<string>) =>
  errors.some((error) => /Upgrading from non-versioned|Waiting for the primary to upgrade/.test(error))

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
  // A load balancer: Vault itself says why.
  if ([502, 503, 504].includes(status) && errors.length === 0) {
    return ["standby", `none of its nodes answers the proxy in front of it (${status})`]
  }
  if (/HTTP request .*HTTPS/i.test(said)) return ["scheme", "it speaks https, not http"]
  if (/No required SSL certificate/i.test(said)) return ["client certificate", noCertificate]
  if (/SSL certificate error/i.test(said)) return ["client certificate", badCertificate]
  if (isUpgrading(errors)) return ["upgrading", "it is still upgrading this mount to version 2"]
  return ["unexpected", `it answered with status ${status}${saidBy(errors)}`]
}

/** True if a problem is about the server or the mount, whatever the request was. */
export const isAnswered = (problem: VaultProblem): boolean =>
  ["namespace", "no mount", "scheme", "client certificate"].includes(problem)

/** True if another attempt may succeed. 412: a replica that lags behind; 472 and 473: a standby node. */
export const isTransient = (status: number, errors: ReadonlyArray<string>): boolean =>
  status === 412 ||
  (status >= 472 && status <= 473) ||
  // Raft says 500 to a record that is too large.
  (isTransientStatus(status) && status !== 501 && !errors.some((error) => error.includes("too large"))) ||
  (status === 400 && isUpgrading(errors))
