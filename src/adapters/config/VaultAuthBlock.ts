import { Effect, Redacted } from "effect"
import type { VaultAuth } from "../../ports/Configuration.ts"
import { type Block, notEmpty } from "./Cursor.ts"
import { vaultPath, vaultPathProblem } from "./VaultPath.ts"
import { hasForeignAddress, headerTextProblem, readVariable } from "./VaultVariables.ts"

/** Where Kubernetes mounts the token of a pod's service account. */
const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

const methods = ["token", "approle", "kubernetes", "jwt"] as const
const methodFields: Readonly<Record<VaultAuth["method"], ReadonlyArray<string>>> = {
  token: [],
  approle: ["mount", "roleId", "secretId"],
  kubernetes: ["mount", "role", "jwt", "jwtFile"],
  jwt: ["mount", "role", "jwt", "jwtFile"]
}
/** The fields of the `vaultAuth` block. Any other is reported as unknown. */
export const authFields = [...new Set(["method", ...Object.values(methodFields).flat()])]

/** Reads the method. Without a `vaultAuth` block it is `token`. */
const readMethod = Effect.fnUntraced(function* (
  storage: Block,
  block: Block
): Effect.fn.Return<VaultAuth["method"] | undefined> {
  const method = yield* block.oneOf("method", methods)
  return storage.has("vaultAuth") ? method : "token"
})

/** Reports fields that the method needs, and warns about fields that it ignores. */
const checkMethod = (storage: Block, block: Block, method: VaultAuth["method"] | undefined): void => {
  if (storage.has("vaultAuth") && !storage.findings.hasErrorAt(block.path)) {
    block.require("method", `one of ${methods.join(", ")}`)
  }
  if (method === undefined) return block.warnUnknown(authFields)
  block.warnUnknown(["method", ...methodFields[method]], {
    fields: authFields,
    problem: `is ignored: it is not for the method ${method}`
  })
  if (method === "token") return
  if (method === "approle") block.require("roleId", "approle needs it")
  if (method === "kubernetes") block.require("role", "kubernetes needs it")
  if (method === "jwt" && !block.has("jwt")) {
    block.require("jwtFile", "the method jwt needs it, or jwt itself")
  }
  for (const name of ["vaultToken", "vaultTokenFile"]) {
    if (storage.has(name)) storage.warn(name, `is ignored: vaultAuth has the method ${method}`)
  }
}

/**
 * Reads how to authenticate to Vault: the `vaultAuth` block, and the token fields beside it. Every field is checked,
 * also the fields of other methods. Undefined: there are errors, or variables that are not filled in yet.
 */
export const readVaultAuth = Effect.fnUntraced(function* (
  storage: Block
): Effect.fn.Return<VaultAuth | undefined> {
  const block = storage.childOrEmpty("vaultAuth")
  const token = yield* storage.secret("vaultToken")
  const tokenProblem = token && headerTextProblem(Redacted.value(token))
  if (tokenProblem !== undefined) storage.error("vaultToken", tokenProblem)
  const tokenFile = yield* storage.filePath("vaultTokenFile")
  const method = yield* readMethod(storage, block)
  const mount = yield* block.string("mount", vaultPathProblem)
  const roleId = yield* block.string("roleId", notEmpty)
  const secretId = yield* block.secret("secretId")
  const role = yield* block.string("role", notEmpty)
  const jwtText = yield* block.secret("jwt")
  const jwtFile = yield* block.filePath("jwtFile")
  checkMethod(storage, block, method)

  const mounted = vaultPath(mount ?? method ?? "")
  const isForeign = hasForeignAddress(storage)
  switch (method) {
    case undefined:
      return undefined
    case "token": {
      if (storage.has("vaultToken") || storage.has("vaultTokenFile")) return { method, token, tokenFile }
      if (isForeign) {
        storage.require(
          "vaultToken",
          "this file was found in the working directory, so neither VAULT_TOKEN nor ~/.vault-token is sent to its vaultUrl. Write ${VAULT_TOKEN} if that token is meant"
        )
        return undefined
      }
      const text = (yield* readVariable(storage, "vaultToken"))?.text
      return { method, token: text === undefined ? undefined : Redacted.make(text), tokenFile }
    }
    case "approle":
      return roleId === undefined ? undefined : { method, mount: mounted, roleId, secretId }
    case "kubernetes":
    case "jwt": {
      if (block.has("jwt") && block.has("jwtFile")) {
        block.error("jwtFile", "is given besides jwt: one of the two is enough")
      }
      if (isForeign && !block.has("jwt")) {
        block.require(
          "jwtFile",
          "this file was found in the working directory, so the token of the pod is not sent to its vaultUrl"
        )
      }
      const file = jwtFile ?? (method === "kubernetes" && !isForeign ? serviceAccountToken : undefined)
      const jwt = jwtText ?? (file === undefined ? undefined : { file })
      return jwt === undefined ? undefined : { method, mount: mounted, role, jwt }
    }
  }
})
