import { Effect, Option, Predicate, Redacted } from "effect"
import { isSecureUrl } from "../../domain/SecureUrl.ts"
import type { VaultAuth, VaultSettings } from "../../ports/Configuration.ts"
import {
  at,
  block,
  boolean,
  type Check,
  type Findings,
  filePath,
  filePathProblem,
  has,
  type JsonObject,
  missing,
  notEmpty,
  oneOf,
  secret,
  string,
  warnUnknown
} from "./Fields.ts"

/** The fields of `tokenStorage` that are about Vault. */
export const vaultFields = [
  "vaultUrl",
  "vaultToken",
  "vaultTokenFile",
  "vaultMountPoint",
  "vaultPathPrefix",
  "vaultNamespace",
  "vaultKvVersion",
  "vaultCaCert",
  "vaultClientCert",
  "vaultClientKey",
  "vaultSkipVerify",
  "vaultAuth"
]

const defaultMountPoint = "secret"
const defaultPathPrefix = "mcp-cli/oauth"
/** Where Kubernetes puts the token of a pod's service account. */
const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

/** The methods of `vaultAuth`, and their fields. */
const methodFields: Readonly<Record<VaultAuth["method"], ReadonlyArray<string>>> = {
  token: [],
  approle: ["mount", "roleId", "secretId"],
  kubernetes: ["mount", "role", "jwt", "jwtFile"],
  jwt: ["mount", "role", "jwt", "jwtFile"]
}
const methods = ["token", "approle", "kubernetes", "jwt"] as const
const authFields = [...new Set(["method", ...Object.values(methodFields).flat()])]

/** What is wrong with the address of Vault: our paths are put after it, and tokens are sent there. */
export const vaultUrlProblem: Check = (text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) return "must be an absolute http or https URL"
  if (!isSecureUrl(url)) {
    return "must be an https URL (http only for this machine, as in http://127.0.0.1:8200)"
  }
  if (url.username !== "" || url.password !== "") return "must not have a user name or password in it"
  return url.pathname !== "/" || /[?#]/.test(url.href)
    ? "must end after the host and the port, as in https://vault.example.com:8200: it may have no path, query or fragment"
    : undefined
}

/** A path as it is used: one slash at its end is nothing. */
export const vaultPath = (text: string): string => text.replace(/\/$/, "")

/**
 * What is wrong with a path in Vault, before {@link vaultPath}. Vault takes no segment that ends in a dot; URLs hold no
 * lone surrogates (which `\p{C}` has), and a path is shown on terminals.
 */
export const vaultPathProblem: Check = (text) =>
  /^[^/]*[^/.](\/[^/]*[^/.])*$/.test(vaultPath(text)) && !/[\p{C}\p{Zl}\p{Zp}]/u.test(text)
    ? undefined
    : "must be names with single slashes between them, as in team/mcp: none empty, ending in a dot or with control characters"

/** A boolean as Vault's own command line reads it (Go's `strconv.ParseBool`); undefined: it is none. */
export const parseBool = (text: string): boolean | undefined => {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true
  return ["0", "f", "F", "FALSE", "false", "False"].includes(text) ? false : undefined
}

const headerTextProblem: Check = (text) =>
  /^[\x21-\x7e]+$/.test(text) ? undefined : "must be one line of ASCII characters without spaces"
const parseBoolProblem: Check = (text) =>
  parseBool(text) === undefined ? "must be true or false" : undefined

/** What OpenBao's command line reads, and Vault's, in this order. */
const products = ["BAO", "VAULT"]

/** What the file or the environment says; no text: it is wrong, or not to be filled in yet. */
interface Said {
  readonly text: string | undefined
}

/**
 * A variable of the environment, by its name less `VAULT_`; undefined where it is not set, or empty. Its errors are
 * under its whole name.
 */
const variable = Effect.fnUntraced(function* (
  findings: Findings,
  name: string,
  check: Check
): Effect.fn.Return<Said | undefined> {
  if (findings.environment === undefined) return undefined
  for (const product of products) {
    const path = `${product}_${name}`
    const read = yield* Effect.option(findings.environment.variable(path))
    // Why is not said: what could not be read may be the secret itself.
    if (Option.isNone(read)) return { text: findings.error(path, "the environment cannot be read") }
    const text = read.value
    if (text === undefined || text === "") continue
    const problem = check(text)
    return { text: problem === undefined ? text : findings.error(path, problem) }
  }
  return undefined
})

/** A string of the file; where the file is silent, the variable that stands in for it. */
const stringOr = Effect.fnUntraced(function* (
  standIn: string,
  findings: Findings,
  path: string,
  fields: JsonObject,
  name: string,
  check: Check
): Effect.fn.Return<Said | undefined> {
  return has(fields, name)
    ? { text: yield* string(findings, path, fields, name, check) }
    : yield* variable(findings, standIn, check)
})

/** As {@link filePath}; where the file is silent, the variable, in which a shell has filled in the `~`. */
const filePathOr = Effect.fnUntraced(function* (
  standIn: string,
  findings: Findings,
  path: string,
  fields: JsonObject,
  name: string
): Effect.fn.Return<Said | undefined> {
  return has(fields, name)
    ? { text: yield* filePath(findings, path, fields, name) }
    : yield* variable(findings, standIn, filePathProblem)
})

/** Reads how to prove who we are; undefined where that has errors, or is not filled in. */
const readAuth = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  storage: JsonObject
): Effect.fn.Return<VaultAuth | undefined> {
  const where = at(path, "vaultAuth")
  const hasBlock = has(storage, "vaultAuth")
  const fields = block(findings, path, storage, "vaultAuth")

  // Whatever the method, what is written has to be right.
  const token = yield* secret(findings, path, storage, "vaultToken")
  const tokenProblem = token === undefined ? undefined : headerTextProblem(Redacted.value(token))
  if (tokenProblem !== undefined) findings.error(at(path, "vaultToken"), tokenProblem)
  const tokenFile = yield* filePath(findings, path, storage, "vaultTokenFile")
  const written = yield* string(findings, where, fields, "method", oneOf(methods))
  const mount = yield* string(findings, where, fields, "mount", vaultPathProblem)
  const roleId = yield* string(findings, where, fields, "roleId", notEmpty)
  const secretId = yield* secret(findings, where, fields, "secretId")
  const role = yield* string(findings, where, fields, "role", notEmpty)
  const jwt = yield* secret(findings, where, fields, "jwt")
  const jwtFile = yield* filePath(findings, where, fields, "jwtFile")

  if (Predicate.isReadonlyObject(storage["vaultAuth"]) && !has(fields, "method")) {
    missing(findings, where, fields, "method", `one of ${methods.join(", ")}`)
  }
  const method = hasBlock ? methods.find((known) => known === written) : "token"
  if (method === undefined) {
    warnUnknown(findings, where, fields, authFields)
    return undefined
  }
  warnUnknown(findings, where, fields, ["method", ...methodFields[method]], {
    fields: authFields,
    problem: `is ignored: it is not for the method ${method}`
  })

  const needs = (name: string, why: string) => {
    if (!has(fields, name)) missing(findings, where, fields, name, why)
  }
  switch (method) {
    case "token": {
      if (has(storage, "vaultToken") || has(storage, "vaultTokenFile")) return { method, token, tokenFile }
      const standIn = yield* variable(findings, "TOKEN", headerTextProblem)
      return {
        method,
        token: standIn?.text === undefined ? undefined : Redacted.make(standIn.text),
        tokenFile
      }
    }
    case "approle":
      needs("roleId", "approle needs it")
      break
    case "kubernetes":
      needs("role", "kubernetes needs it")
      break
    case "jwt":
      if (!has(fields, "jwt")) needs("jwtFile", "the method jwt needs it, or jwt itself")
  }

  for (const name of ["vaultToken", "vaultTokenFile"]) {
    if (has(storage, name)) findings.warn(at(path, name), `is ignored: vaultAuth has the method ${method}`)
  }
  const mounted = vaultPath(mount ?? method)
  if (method === "approle") {
    return roleId === undefined ? undefined : { method, mount: mounted, roleId, secretId }
  }
  if (has(fields, "jwt") && has(fields, "jwtFile")) {
    findings.error(at(where, "jwtFile"), "is given beside jwt: give one of them")
  }
  const file = jwtFile ?? (method === "kubernetes" ? serviceAccountToken : undefined)
  const proof = jwt ?? (file === undefined ? undefined : { file })
  return proof === undefined ? undefined : { method, mount: mounted, role, jwt: proof }
})

const readKvVersion = (findings: Findings, path: string, fields: JsonObject): 1 | 2 | undefined => {
  if (!has(fields, "vaultKvVersion")) return undefined
  const value = fields["vaultKvVersion"]
  return value === 1 || value === 2 ? value : findings.error(at(path, "vaultKvVersion"), "must be 1 or 2")
}

/**
 * Reads the Vault fields of the `tokenStorage` block; where it is silent, the variables that the command lines of Vault
 * and OpenBao read, once something says where Vault is. Undefined where nothing does, or something is wrong.
 *
 * @param options.isNamed Vault is the backend that the configuration names, and needs an address
 */
export const readVault = Effect.fnUntraced(function* (
  findings: Findings,
  path: string,
  fields: JsonObject,
  { isNamed }: { readonly isNamed: boolean }
): Effect.fn.Return<VaultSettings | undefined> {
  const isOnlyChecked = findings.environment === undefined
  const before = findings.issues.length
  const address = yield* stringOr("ADDR", findings, path, fields, "vaultUrl", vaultUrlProblem)
  if (address === undefined && !isOnlyChecked) {
    if (!isNamed) return undefined
    missing(findings, path, fields, "vaultUrl", "set it, or VAULT_ADDR")
  }

  const mountPoint = yield* string(findings, path, fields, "vaultMountPoint", vaultPathProblem)
  const pathPrefix = yield* string(findings, path, fields, "vaultPathPrefix", vaultPathProblem)
  const namespace = yield* stringOr("NAMESPACE", findings, path, fields, "vaultNamespace", headerTextProblem)
  const kvVersion = readKvVersion(findings, path, fields)
  const caCert = yield* filePathOr("CACERT", findings, path, fields, "vaultCaCert")
  const clientCert = yield* filePathOr("CLIENT_CERT", findings, path, fields, "vaultClientCert")
  const clientKey = yield* filePathOr("CLIENT_KEY", findings, path, fields, "vaultClientKey")
  if (!isOnlyChecked && clientCert !== undefined && clientKey === undefined) {
    missing(findings, path, fields, "vaultClientKey", "the client certificate needs it, or VAULT_CLIENT_KEY")
  }
  if (!isOnlyChecked && clientKey !== undefined && clientCert === undefined) {
    missing(findings, path, fields, "vaultClientCert", "the client key needs it, or VAULT_CLIENT_CERT")
  }
  const skipVerify = has(fields, "vaultSkipVerify")
    ? boolean(findings, path, fields, "vaultSkipVerify")
    : parseBool((yield* variable(findings, "SKIP_VERIFY", parseBoolProblem))?.text ?? "")
  const auth = yield* readAuth(findings, path, fields)

  if (address?.text === undefined || auth === undefined || findings.issues.length > before) return undefined
  return {
    url: new URL(address.text),
    mountPoint: vaultPath(mountPoint ?? defaultMountPoint),
    pathPrefix: vaultPath(pathPrefix ?? defaultPathPrefix),
    namespace: namespace?.text,
    kvVersion,
    auth,
    tls: {
      caCert: caCert?.text,
      clientCert: clientCert?.text,
      clientKey: clientKey?.text,
      skipVerify: skipVerify ?? false
    }
  }
})
