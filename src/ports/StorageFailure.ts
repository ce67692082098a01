import { Schema } from "effect"
import { StorageBackend } from "./StorageBackend.ts"

/** Nothing to unlock the store with: no password in the configuration or the environment, and nobody to ask. */
export class NoPassword extends Schema.TaggedClass<NoPassword>()("NoPassword", {
  /** How often somebody was asked to choose one, and did not; absent: nobody could be asked. */
  attempts: Schema.optionalKey(Schema.Int)
}) {}
/** The password does not open the store. Nothing was changed. */
export class WrongPassword extends Schema.TaggedClass<WrongPassword>()("WrongPassword", {}) {}
/** A record that was cut short, altered, or moved from another name. Nothing was changed. */
export class Corrupt extends Schema.TaggedClass<Corrupt>()("Corrupt", {
  /** The file, or the backend and the name in it. */
  path: Schema.String,
  detail: Schema.String,
  /** What mends it, where that is not a backup, or a new sign-in. */
  fix: Schema.optionalKey(Schema.String)
}) {}
/** A record that a newer version wrote. Nothing was changed. */
export class NewerVersion extends Schema.TaggedClass<NewerVersion>()("NewerVersion", {
  path: Schema.String,
  version: Schema.Finite
}) {}
/** The folder or file is open to others, or belongs to somebody else. */
export class InsecurePermissions extends Schema.TaggedClass<InsecurePermissions>()("InsecurePermissions", {
  path: Schema.String,
  detail: Schema.String
}) {}
/** The system refused to read or write. */
export class Inaccessible extends Schema.TaggedClass<Inaccessible>()("Inaccessible", {
  path: Schema.String,
  detail: Schema.String
}) {}
/** The backend is not there at all. The only reason for which `auto` goes on to another one. */
export class Unavailable extends Schema.TaggedClass<Unavailable>()("Unavailable", {
  backend: StorageBackend,
  detail: Schema.String
}) {}
/** The backend is there, but locked, and nobody has unlocked it. */
export class Locked extends Schema.TaggedClass<Locked>()("Locked", {
  backend: StorageBackend,
  detail: Schema.String
}) {}
/** The system, or the user it asked, does not let us. */
export class Denied extends Schema.TaggedClass<Denied>()("Denied", {
  backend: StorageBackend,
  detail: Schema.String
}) {}
/** The backend did not answer in time. What was asked of it may still have happened. */
export class TimedOut extends Schema.TaggedClass<TimedOut>()("TimedOut", {
  backend: StorageBackend,
  /** Seconds. */
  after: Schema.Finite,
  detail: Schema.String
}) {}
/** The backend cannot hold a record of this kind. Nothing was changed. */
export class Unsupported extends Schema.TaggedClass<Unsupported>()("Unsupported", {
  backend: StorageBackend,
  detail: Schema.String
}) {}
/** The backend answered in a way that it should not. */
export class BackendError extends Schema.TaggedClass<BackendError>()("BackendError", {
  backend: StorageBackend,
  detail: Schema.String
}) {}
/** Another process has stored something newer since the lock was taken: it counts, and nothing was overwritten. */
export class Superseded extends Schema.TaggedClass<Superseded>()("Superseded", {
  server: Schema.String
}) {}

/** What can be wrong with Vault, with what to do about it. */
const vaultProblems = {
  unreachable: "Check VAULT_ADDR (or tokenStorage.vaultUrl), the network and the proxy, then try again.",
  timeout: "Check the network, then try again.",
  certificate:
    "Name its certificate authorizationServer in VAULT_CACERT, and check that VAULT_ADDR has the name in its certificate.",
  sealed: "Ask its operator to unseal it (vault operator unseal), then try again.",
  uninitialized: "Ask its operator to initialise it (vault operator init).",
  standby: "It has no active node now: try again shortly, or ask its operator.",
  "rate limited": "Try again later, or ask its operator to raise the quota.",
  redirect: "Set VAULT_ADDR to the address of the active node: the token is sent to no other host.",
  "no token":
    'Set VAULT_TOKEN (vault print token shows yours), run vault login, or set "tokenStorage.vaultAuth".',
  "token expired": "Run vault login, or give it a new VAULT_TOKEN.",
  "login refused": "Check tokenStorage.vaultAuth: the method's mount, the role and its credentials.",
  "no mount":
    'Check "tokenStorage.vaultMountPoint" (vault secrets list shows the mounts), or ask for a policy that may read it.',
  "not key-value": 'Set "tokenStorage.vaultMountPoint" to a mount of the key-value engine.',
  "wrong version":
    'Set "tokenStorage.vaultKvVersion" to the version of the mount, or leave it out to have it found.',
  forbidden: "Ask for a policy that allows it: the README has one to copy.",
  namespace: "Check VAULT_NAMESPACE (or tokenStorage.vaultNamespace).",
  unexpected: "Check that VAULT_ADDR is a Vault or OpenBao server; its own log says more."
} as const

/** The kinds of trouble with Vault. */
export type VaultProblem = keyof typeof vaultProblems

/** Vault cannot be used. */
export class VaultFailure extends Schema.TaggedClass<VaultFailure>()("VaultFailure", {
  /** Origin of the server; never a path with a query. */
  address: Schema.String,
  problem: Schema.Literals(Object.keys(vaultProblems) as ReadonlyArray<VaultProblem>),
  /** What happened, in words that hold no secret. */
  detail: Schema.String
}) {}

/** Why a store could not do what it was asked. */
export const StorageFailure = Schema.Union([
  NoPassword,
  WrongPassword,
  Corrupt,
  NewerVersion,
  InsecurePermissions,
  Inaccessible,
  Unavailable,
  Locked,
  Denied,
  TimedOut,
  Unsupported,
  BackendError,
  Superseded,
  VaultFailure
])
/** Why a store could not do what it was asked. */
export type StorageFailure = typeof StorageFailure.Type

/** Whether it is no matter of one record: whatever else the store is asked for now would fail, or wait, in the same way. */
export const isOfWholeStore = (reason: StorageFailure): boolean => {
  switch (reason._tag) {
    case "NoPassword":
    case "WrongPassword":
    case "Unavailable":
    case "Locked":
    case "TimedOut":
      return true
    case "VaultFailure":
      // A policy may allow one path and not the next.
      return reason.problem !== "forbidden" && reason.problem !== "unexpected"
    case "Corrupt":
    case "NewerVersion":
    case "InsecurePermissions":
    case "Inaccessible":
    case "Denied":
    case "Unsupported":
    case "BackendError":
    case "Superseded":
      return false
  }
}

/** A failure in words: what happened, and what to do. */
export const explainStorage = (reason: StorageFailure): string => {
  switch (reason._tag) {
    case "NoPassword":
      return reason.attempts === undefined
        ? `The token store is locked. Set MCP_CLI_ENCRYPTION_KEY or "tokenStorage.password" in the configuration, or run this in a terminal to be asked.`
        : `No password was chosen in ${reason.attempts} attempts. Run it again and type the same one twice, or set MCP_CLI_ENCRYPTION_KEY.`
    case "WrongPassword":
      return "The password does not open the token store. Give the one it was made with (MCP_CLI_ENCRYPTION_KEY, tokenStorage.password, or the prompt). If it is lost, run mcp-cli auth reset --all and sign in again."
    case "Corrupt":
      return `${reason.path} is damaged (${reason.detail}). ${reason.fix ?? "Restore it from a backup, or forget it with mcp-cli auth reset NAME and sign in again"}.`
    case "NewerVersion":
      return `${reason.path} was written by a newer version of mcp-cli (format ${reason.version}). Upgrade mcp-cli; nothing was changed.`
    case "InsecurePermissions":
      return `${reason.path} ${reason.detail}.`
    case "Inaccessible":
      return `${reason.path} cannot be used: ${reason.detail}.`
    case "Unavailable":
      return `There is no ${reason.backend.label.replace(/^the /, "")} here: ${reason.detail}. ${reason.backend.hints.unavailable}`
    case "Locked":
      return `${capital(reason.backend.label)} is locked: ${reason.detail}. ${reason.backend.hints.locked}`
    case "Denied":
      return `${capital(reason.backend.label)} denied access: ${reason.detail}. Allow mcp-cli when the system asks, then try again.`
    case "TimedOut":
      return `${capital(reason.backend.label)} did not answer within ${reason.after} seconds: ${reason.detail}. ${reason.backend.hints.locked}`
    case "Unsupported":
      return `${capital(reason.backend.label)} cannot keep this: ${reason.detail}. Set "tokenStorage.backend" to "encrypted".`
    case "BackendError":
      return `${capital(reason.backend.label)} failed: ${reason.detail}. Try again; mcp-cli storage tests it.`
    case "Superseded":
      return `Another process has stored a newer sign-in to ${reason.server} meanwhile, and that one counts. Run the command again.`
    case "VaultFailure":
      return `Vault at ${reason.address}: ${reason.detail}. ${vaultProblems[reason.problem]}`
  }
}

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1)
