import { printable } from "../../domain/PrintableText.ts"

/** How to trust an authority that Node does not know. */
const trust =
  "if this machine trusts its authority, set NODE_OPTIONS=--use-system-ca, else name the authority's file in NODE_EXTRA_CA_CERTS"

const problems: Readonly<Record<string, readonly [problem: string, advice: string]>> = {
  CERT_HAS_EXPIRED: [
    "has expired",
    "check the clock of this machine; if it is right, tell the server's operator"
  ],
  CERT_NOT_YET_VALID: ["is not valid yet", "check the clock of this machine"],
  CERT_REVOKED: ["is revoked", "tell the server's operator"],
  DEPTH_ZERO_SELF_SIGNED_CERT: ["is self-signed", "to trust it, name its file in NODE_EXTRA_CA_CERTS"],
  // Often the proxy of a company, which has an authority of its own.
  SELF_SIGNED_CERT_IN_CHAIN: ["is from an unknown authority", trust],
  UNABLE_TO_GET_ISSUER_CERT: ["is from an unknown authority", trust],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ["is from an unknown authority", trust],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [
    "is from an unknown authority, or the server does not send the certificates between",
    trust
  ]
}

/** The names of a certificate, in the error of Node: `DNS:example.com, IP Address:192.0.2.1`. */
const namesOf = (cause: unknown): string => {
  const certificate = cause instanceof Error && "cert" in cause ? cause.cert : undefined
  const names =
    typeof certificate === "object" && certificate !== null && "subjectaltname" in certificate
      ? certificate.subjectaltname
      : undefined
  return typeof names === "string" ? `: ${printable(names.replace(/\b(DNS|IP Address):/g, ""))}` : ""
}

/**
 * Explains why a TLS connection failed, and what helps, as the end of a sentence. Undefined for other errors. Loaded only
 * when a connection fails: `./web` is small.
 *
 * @param code the code of the error, of Node or OpenSSL
 */
export const tlsProblem = (code: string, cause: unknown): string | undefined => {
  const known = problems[code]
  if (known !== undefined) return `its TLS certificate ${known[0]} (${code}; ${known[1]})`
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return `its TLS certificate is for other names${namesOf(cause)} (${code}; check the address, and whether a proxy answers instead)`
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS/.test(code) && !code.startsWith("ERR_SSL")) {
    return `its TLS certificate is not trusted (${code}; ${trust})`
  }
  if (!/^ERR_SSL|^EPROTO$/.test(code)) return undefined
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH|HTTP_REQUEST/.test(code)) {
    return `it does not speak TLS (${code}; check the port, and whether the address is one of http)`
  }
  if (/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/.test(code)) {
    return `it speaks no TLS version that Node accepts (${code})`
  }
  return /CERTIFICATE_REQUIRED/.test(code)
    ? `it requires a client certificate (${code}), which mcp-cli does not send; a local proxy can`
    : /HANDSHAKE_FAILURE|ALERT_(BAD|UNKNOWN|UNSUPPORTED)/.test(code)
      ? `it refused the TLS handshake (${code}); it may require a client certificate, which mcp-cli does not send`
      : `the TLS handshake failed (${code})`
}
