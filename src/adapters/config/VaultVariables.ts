import { Effect, Option } from "effect"
import { isSecureUrl } from "../../domain/SecureUrl.ts"
import { notUrlProblem } from "../../domain/ServerRules.ts"
import { type Block, type Check, filePathProblem, notEmpty } from "./Cursor.ts"

/** A setting that the file or the environment has. */
interface Setting {
  /** Absent: it has an error, or a variable that is not filled in yet. */
  readonly text: string | undefined
}

/** The addresses in a setting, divided by commas: the nodes of one cluster. */
export const addressesIn = (text: string): ReadonlyArray<string> =>
  text.split(",").map((address) => address.trim())

/** What is wrong with the addresses of Vault. A redirect from one to another must not leave TLS. */
const vaultUrlProblem: Check = (text) => {
  const addresses = addressesIn(text)
  const problem = addresses.map(addressProblem).find((found) => found !== undefined)
  if (problem !== undefined) return addresses.length === 1 ? problem : `each address ${problem}`
  return new Set(addresses.map((address) => URL.parse(address)?.protocol)).size === 1
    ? undefined
    : "must have https in every address, or http in every one"
}

/** What is wrong with one address of Vault. Paths are appended to it, and tokens are sent there. */
const addressProblem: Check = (text) => {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol))
    return notUrlProblem(text, "an absolute http or https URL")
  if (!isSecureUrl(url)) {
    return "must be an https URL (http only for this machine, as in http://127.0.0.1:8200)"
  }
  if (url.username !== "" || url.password !== "") return "must not have a user name or password in it"
  return url.pathname !== "/" || /[?#]/.test(url.href)
    ? "must end after the host and the port, as in https://vault.example.com:8200: it may have no path, query or fragment"
    : undefined
}

/** What is wrong with a text that is sent in a header. */
export const headerTextProblem: Check = (text) =>
  /^[\x21-\x7e]+$/.test(text) ? undefined : "must be one line of ASCII characters without spaces"

/** Reads a boolean as Vault's own command line does (Go's `strconv.ParseBool`). Undefined: it is not a boolean. */
export const parseBool = (text: string): boolean | undefined => {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true
  return ["0", "f", "F", "FALSE", "false", "False"].includes(text) ? false : undefined
}

/** The fields that a variable can replace, and the name of the variable without `VAULT_`. Two variables replace no field. */
const variables = {
  vaultUrl: { variable: "ADDR", check: vaultUrlProblem },
  vaultToken: { variable: "TOKEN", check: headerTextProblem },
  vaultNamespace: { variable: "NAMESPACE", check: headerTextProblem },
  vaultCaCert: { variable: "CACERT", check: filePathProblem },
  caCertText: { variable: "CACERT_BYTES", check: notEmpty },
  caPath: { variable: "CAPATH", check: filePathProblem },
  vaultClientCert: { variable: "CLIENT_CERT", check: filePathProblem },
  vaultClientKey: { variable: "CLIENT_KEY", check: filePathProblem },
  vaultSkipVerify: {
    variable: "SKIP_VERIFY",
    check: (text) => (parseBool(text) === undefined ? "must be true or false" : undefined)
  }
} satisfies Record<string, { readonly variable: string; readonly check: Check }>

/** The prefixes of the variables, in the order in which OpenBao's command line reads them. */
const products = ["BAO", "VAULT"]

/**
 * True if the block names an address of Vault, and was found in the working directory. Its author could collect the token of
 * every user who works there, so it gets only the credentials that the block itself names, which the user has approved.
 */
export const hasForeignAddress = (block: Block): boolean => {
  const { access } = block.findings
  return typeof access !== "string" && access.wasFound && block.has("vaultUrl")
}

/** Reads the variable that replaces a field. Undefined: it is not set, or empty. */
export const readVariable = Effect.fnUntraced(function* (
  block: Block,
  name: keyof typeof variables
): Effect.fn.Return<Setting | undefined> {
  const { findings } = block
  if (typeof findings.access === "string" || hasForeignAddress(block)) return undefined
  const { check, variable: suffix } = variables[name]
  for (const product of products) {
    const variable = `${product}_${suffix}`
    const read = yield* Effect.option(findings.access.variable(variable))
    // The cause is not shown: the value that could not be read may be the secret.
    if (Option.isNone(read))
      return { text: findings.error([], "the environment cannot be read", { variable }) }
    const text = read.value
    if (text === undefined || text === "") continue
    const problem = check(text)
    return { text: problem === undefined ? text : findings.error([], problem, { variable }) }
  }
  return undefined
})

/** Reads a string of the file, or the variable that replaces it. */
export const readSetting = Effect.fnUntraced(function* (
  block: Block,
  name: "vaultUrl" | "vaultNamespace"
): Effect.fn.Return<Setting | undefined> {
  return block.has(name)
    ? { text: yield* block.string(name, variables[name].check) }
    : yield* readVariable(block, name)
})

/** Reads the path of a file, or the variable that replaces it. In a variable, the shell has replaced `~`. */
export const readFileSetting = Effect.fnUntraced(function* (
  block: Block,
  name: "vaultCaCert" | "vaultClientCert" | "vaultClientKey"
): Effect.fn.Return<Setting | undefined> {
  return block.has(name) ? { text: yield* block.filePath(name) } : yield* readVariable(block, name)
})
