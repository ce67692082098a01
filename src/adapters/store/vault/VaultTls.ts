import { createPrivateKey, X509Certificate } from "node:crypto"
import { readdir, readFile } from "node:fs/promises"
import type { AgentOptions } from "node:https"
import { join } from "node:path"
import { Data, Effect } from "effect"
import type { VaultSettings } from "../../../ports/Configuration.ts"
import { codeOf } from "../../platform/Errno.ts"

/** A PEM file, or the text of a variable, that cannot be used. */
export class UnusablePem extends Data.TaggedError("UnusablePem")<{
  readonly variable:
    | "VAULT_CACERT"
    | "VAULT_CACERT_BYTES"
    | "VAULT_CAPATH"
    | "VAULT_CLIENT_CERT"
    | "VAULT_CLIENT_KEY"
  /** Completes "the file that VARIABLE names". */
  readonly detail: string
}> {}

type Variable = UnusablePem["variable"]

const read = (variable: Variable, path: string) =>
  Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (cause) =>
      new UnusablePem({ variable, detail: `cannot be read (${codeOf(cause) ?? "unknown error"})` })
  })

/** The certificates of a PEM text. Node ignores what it cannot read, and then trusts nothing. */
const certificatesOf = (text: string): ReadonlyArray<string> =>
  (text.match(/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END [\w ]+-----/g) ?? []).filter(
    (pem) => {
      try {
        return new X509Certificate(pem).raw.length > 0
      } catch {
        return false
      }
    }
  )

const checkCertificates = (variable: Variable, text: string) => {
  const found = certificatesOf(text)
  return found.length > 0
    ? Effect.succeed(found)
    : new UnusablePem({ variable, detail: "holds no certificate in PEM form" })
}

/** The certificates of a folder. Other files in it are passed over. */
const readFolder = Effect.fnUntraced(function* (variable: Variable, path: string) {
  const names = yield* Effect.tryPromise({
    try: () => readdir(path, { recursive: true }),
    catch: (cause) =>
      new UnusablePem({ variable, detail: `cannot be read (${codeOf(cause) ?? "unknown error"})` })
  })
  const texts = yield* Effect.forEach(names, (name) =>
    Effect.catchTag(read(variable, join(path, name)), "UnusablePem", () => Effect.succeed(""))
  )
  return yield* checkCertificates(variable, texts.join("\n"))
})

/** The first of the three that is set counts, as for Vault's own command line. */
const authorities = ({ caCert, caCertText, caPath }: VaultSettings["tls"]) => {
  if (caCert !== undefined) {
    return Effect.flatMap(read("VAULT_CACERT", caCert), (text) => checkCertificates("VAULT_CACERT", text))
  }
  if (caCertText !== undefined) return checkCertificates("VAULT_CACERT_BYTES", caCertText)
  return caPath === undefined ? Effect.undefined : readFolder("VAULT_CAPATH", caPath)
}

const client = Effect.fnUntraced(function* ({ clientCert, clientKey }: VaultSettings["tls"]) {
  if (clientCert === undefined || clientKey === undefined) return {}
  const cert = yield* read("VAULT_CLIENT_CERT", clientCert)
  const [own = ""] = yield* checkCertificates("VAULT_CLIENT_CERT", cert)
  const key = yield* read("VAULT_CLIENT_KEY", clientKey)
  const isOfCertificate = yield* Effect.try({
    try: () => new X509Certificate(own).checkPrivateKey(createPrivateKey(key)),
    catch: () =>
      new UnusablePem({
        variable: "VAULT_CLIENT_KEY",
        detail: key.includes("ENCRYPTED")
          ? "holds a key with a passphrase, which has to be removed first"
          : "holds no private key in PEM form"
      })
  })
  if (isOfCertificate) return { cert, key }
  const detail = "holds a key that does not belong to the certificate in VAULT_CLIENT_CERT"
  return yield* new UnusablePem({ variable: "VAULT_CLIENT_KEY", detail })
})

/** Reads the certificates and the key of the settings. What cannot be used is an error, since Node would go on without it. */
export const tlsOptions = Effect.fnUntraced(function* (
  tls: VaultSettings["tls"]
): Effect.fn.Return<AgentOptions, UnusablePem> {
  const ca = yield* authorities(tls)
  return {
    minVersion: "TLSv1.2",
    rejectUnauthorized: !tls.skipVerify,
    ...(ca === undefined ? {} : { ca: [...ca] }),
    ...(yield* client(tls))
  }
})
