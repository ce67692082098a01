import { Schema } from "effect"
import { CredentialKey } from "../domain/CredentialKey.ts"
import * as Remedy from "../domain/Remedy.ts"
import { StorageBackend } from "./StorageBackend.ts"
import type { Superseded } from "./Superseded.ts"

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1)

const useEncrypted = Remedy.set(Remedy.tokenStorage, { backend: "encrypted" })
const tryAgain = Remedy.advice("Try again.")

/** The store is locked: no password in the configuration or the environment, and no user to ask. */
export class NoPassword extends Schema.TaggedError<NoPassword>()("NoPassword", {
  /** How often a user was asked to choose one, without success; absent: no user could be asked. */
  attempts: Schema.optionalKey(Schema.Int)
}) {
  override get message(): string {
    return this.attempts === undefined
      ? "The token store is locked, and no password was given."
      : `No password was chosen in ${this.attempts} attempts.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return this.attempts === undefined
      ? [
          Remedy.advice(
            "Set MCP_CLI_ENCRYPTION_KEY, or MCP_CLI_ENCRYPTION_KEY_FILE to the path of a file with the password, for the program that starts this. In a terminal you are asked."
          ),
          Remedy.command("storage move", {
            options: { to: "keyring" },
            purpose: "need no password, at a desktop with a keyring"
          }),
          Remedy.set(Remedy.tokenStorage, { password: null }, "the configuration should hold the password"),
          Remedy.set(
            Remedy.tokenStorage,
            { backend: "memory" },
            "nothing has to be stored, as with a grant without a user"
          )
        ]
      : [
          Remedy.advice(
            "Try again and type the same password twice, of 8 characters or more, or set MCP_CLI_ENCRYPTION_KEY."
          )
        ]
  }
}

/** The variable of a password: of the store, or of a new one for it. The name with `_FILE` is that of a file with it. */
const passwordVariable = {
  store: "MCP_CLI_ENCRYPTION_KEY",
  rekey: "MCP_CLI_NEW_ENCRYPTION_KEY"
} as const

/** The environment does not give the one password that it names. Nothing was changed. */
export class UnusablePassword extends Schema.TaggedError<UnusablePassword>()("UnusablePassword", {
  /** The password of a store, or a new one for an existing one. */
  use: Schema.Literals(["store", "rekey"]),
  /** The file that cannot be used. Absent: two variables name a password. */
  file: Schema.optionalKey(Schema.String),
  /** What is wrong, as a predicate: `is empty`. Never a part of the password. */
  problem: Schema.String
}) {
  override get message(): string {
    const name = passwordVariable[this.use]
    return this.file === undefined
      ? `${name} and ${name}_FILE ${this.problem}.`
      : `${this.file}, which ${name}_FILE names, ${this.problem}.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return [
      Remedy.advice(
        this.file === undefined
          ? "Unset one of the two."
          : `Correct ${passwordVariable[this.use]}_FILE, or put the password into that file.`
      )
    ]
  }
}

/** The environment or the configuration gives a new store a password that is too short. Nothing was changed. */
export class PasswordTooShort extends Schema.TaggedError<PasswordTooShort>()("PasswordTooShort", {
  /** A new store, or a new password for an existing one. */
  use: Schema.Literals(["store", "rekey"]),
  minLength: Schema.Int
}) {
  override get message(): string {
    return this.use === "store"
      ? `The password for the new token store has fewer than ${this.minLength} characters.`
      : `The new password of the token store has fewer than ${this.minLength} characters. Nothing was changed.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    const name = passwordVariable[this.use]
    const variable = `${name} (or the file of ${name}_FILE)`
    const source = this.use === "store" ? `${variable}, or "password" in "tokenStorage",` : variable
    return [Remedy.advice(`Set ${source} to ${this.minLength} characters or more.`)]
  }
}

/** The password does not open the store. Nothing was changed. */
export class WrongPassword extends Schema.TaggedError<WrongPassword>()("WrongPassword", {}) {
  override get message(): string {
    return "The password does not open the token store."
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return [
      Remedy.advice(
        "Give the password that the store was made with (MCP_CLI_ENCRYPTION_KEY, the file of MCP_CLI_ENCRYPTION_KEY_FILE, tokenStorage.password, or the prompt)."
      ),
      Remedy.command("auth reset", {
        options: { all: true },
        purpose: "forget every sign-in, if the password is lost"
      })
    ]
  }
}

/** A record is cut short, altered, or moved from another name. Nothing was changed. */
export class Corrupt extends Schema.TaggedError<Corrupt>()("Corrupt", {
  /** The file, or the backend and the name in it. */
  path: Schema.String,
  detail: Schema.String,
  /** The credential of the record. Absent: every credential of the store is affected. */
  key: Schema.optionalKey(CredentialKey),
  /** What fixes it, unless that is a backup or a new sign-in. */
  fixes: Schema.optionalKey(Schema.Array(Remedy.Remedy))
}) {
  override get message(): string {
    return `${this.path} is damaged (${this.detail}).`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return (
      this.fixes ?? [
        Remedy.advice("Restore it from a backup, if you have one."),
        this.key === undefined
          ? Remedy.command("auth reset", { options: { all: true }, purpose: "forget every sign-in" })
          : Remedy.command("auth reset", {
              server: this.key.server,
              account: this.key.account,
              purpose: "forget it and sign in again"
            })
      ]
    )
  }
}

/** A newer version wrote the record. Nothing was changed. */
export class NewerVersion extends Schema.TaggedError<NewerVersion>()("NewerVersion", {
  path: Schema.String,
  version: Schema.Finite
}) {
  override get message(): string {
    return `${this.path} was written by a newer version of mcp-cli (format ${this.version}). Nothing was changed.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return [Remedy.advice("Upgrade mcp-cli.")]
  }
}

/** Other users can read the folder or file, or own it. */
export class InsecurePermissions extends Schema.TaggedError<InsecurePermissions>()("InsecurePermissions", {
  path: Schema.String,
  detail: Schema.String,
  /** The mode to set; absent: another user owns it. */
  mode: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return `${this.path} ${this.detail}.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return [
      Remedy.advice(
        this.mode === undefined ? "Use a folder of your own." : `Run: chmod ${this.mode} '${this.path}'`
      )
    ]
  }
}

/** The system refused to read or write. */
export class Inaccessible extends Schema.TaggedError<Inaccessible>()("Inaccessible", {
  path: Schema.String,
  detail: Schema.String,
  /** What fixes that, where the detail does not say enough. */
  fixes: Schema.optionalKey(Schema.Array(Remedy.Remedy))
}) {
  override get message(): string {
    return `${this.path} cannot be used: ${this.detail}.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return this.fixes ?? []
  }
}

/** The backend does not exist here. The only reason for which `auto` tries another one. */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {
  backend: StorageBackend,
  detail: Schema.String
}) {
  override get message(): string {
    return `There is no ${this.backend.label.replace(/^the /, "")} here: ${this.detail}.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return this.backend.hints.unavailable
  }
}

/** The backend is locked, and the user did not unlock it. */
export class Locked extends Schema.TaggedError<Locked>()("Locked", {
  backend: StorageBackend,
  detail: Schema.String
}) {
  override get message(): string {
    return `${capital(this.backend.label)} is locked: ${this.detail}.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return this.backend.hints.locked
  }
}

/** The system, or the user it asked, denied access. */
export class Denied extends Schema.TaggedError<Denied>()("Denied", {
  backend: StorageBackend,
  detail: Schema.String
}) {
  override get message(): string {
    return `${capital(this.backend.label)} denied access: ${this.detail}.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return [Remedy.advice("Allow access when the system asks, then try again.")]
  }
}

/** The backend did not answer in time. What was requested may still have happened. */
export class TimedOut extends Schema.TaggedError<TimedOut>()("TimedOut", {
  backend: StorageBackend,
  /** Seconds. */
  after: Schema.Finite,
  detail: Schema.String
}) {
  override get message(): string {
    return `${capital(this.backend.label)} did not answer within ${this.after} seconds: ${this.detail}.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return this.backend.hints.locked
  }
}

/** A store at one end of a move is locked. An original is removed only after its copy was verified, so nothing is lost. */
export class MoveLocked extends Schema.TaggedError<MoveLocked>()("MoveLocked", {
  /** `source`: where the sign-ins are. `target`: where they are moved to. */
  end: Schema.Literals(["source", "target"]),
  backend: StorageBackend,
  /** What is wrong, as a clause. */
  problem: Schema.String,
  fixes: Schema.Array(Remedy.Remedy)
}) {
  override get message(): string {
    const { label } = this.backend
    return `Sign-ins cannot be moved ${this.end === "source" ? "out of" : "to"} ${label}: ${this.problem}.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return this.fixes
  }
}

/** The backend cannot store a record of this kind. Nothing was changed. */
export class Unsupported extends Schema.TaggedError<Unsupported>()("Unsupported", {
  backend: StorageBackend,
  detail: Schema.String
}) {
  override get message(): string {
    return `${capital(this.backend.label)} cannot store this: ${this.detail}.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return [useEncrypted]
  }
}

/** The backend gave an answer that it should not give. */
export class BackendError extends Schema.TaggedError<BackendError>()("BackendError", {
  backend: StorageBackend,
  detail: Schema.String
}) {
  override get message(): string {
    return `${capital(this.backend.label)} failed: ${this.detail}.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return [tryAgain, Remedy.command("storage", { purpose: "test it" })]
  }
}

/** The kinds of trouble with Vault, and what to do about each. */
const vaultProblems = {
  unreachable: [
    Remedy.advice("Check VAULT_ADDR (or tokenStorage.vaultUrl), the network and the proxy, then try again.")
  ],
  timeout: [Remedy.advice("Check the network, then try again.")],
  certificate: [
    Remedy.advice(
      "Name its certificate authority in VAULT_CACERT, and check that VAULT_ADDR has the name in its certificate."
    )
  ],
  "client certificate": [
    Remedy.advice(
      "Set VAULT_CLIENT_CERT (or tokenStorage.vaultClientCert) to a certificate that it accepts, and VAULT_CLIENT_KEY to its key."
    )
  ],
  scheme: [
    Remedy.advice("Check the scheme and the port in VAULT_ADDR (or tokenStorage.vaultUrl): https or http.")
  ],
  upgrading: [Remedy.advice("Try again in a minute.")],
  sealed: [Remedy.advice("Ask its operator to unseal it (vault operator unseal), then try again.")],
  uninitialized: [Remedy.advice("Ask its operator to initialise it (vault operator init).")],
  standby: [Remedy.advice("It has no active node now: try again shortly, or ask its operator.")],
  "rate limited": [Remedy.advice("Try again later, or ask its operator to raise the quota.")],
  redirect: [
    Remedy.advice("Set VAULT_ADDR to the address of the active node: the token is sent to no other host.")
  ],
  "no token": [
    Remedy.advice("Set VAULT_TOKEN (vault print token shows yours), or run vault login."),
    Remedy.set(Remedy.tokenStorage, { vaultAuth: null }, "this machine has a role of its own")
  ],
  "no JWT": [
    Remedy.check(Remedy.tokenStorage, ["vaultAuth"]),
    Remedy.advice("The file of a pod is there only if a service account token is mounted.")
  ],
  "token expired": [Remedy.advice("Run vault login, or set a new VAULT_TOKEN.")],
  "token ends": [Remedy.advice("Use a token that lasts longer, or run vault login again.")],
  "login refused": [
    Remedy.check(Remedy.tokenStorage, ["vaultAuth"]),
    Remedy.advice("The mount of the method, the role or its credentials may be wrong.")
  ],
  "no mount": [
    Remedy.check(Remedy.tokenStorage, ["vaultMountPoint"]),
    Remedy.advice("vault secrets list shows the mounts. A policy may also be missing that allows to read it.")
  ],
  "not key-value": [
    Remedy.set(Remedy.tokenStorage, { vaultMountPoint: null }),
    Remedy.advice("It has to be a mount of the key-value engine.")
  ],
  "wrong version": [
    Remedy.remove(Remedy.tokenStorage, ["vaultKvVersion"]),
    Remedy.advice("The version is then found automatically.")
  ],
  forbidden: [Remedy.advice("Ask for a policy that allows it: docs/vault.md has one to copy.")],
  namespace: [Remedy.advice("Check VAULT_NAMESPACE (or tokenStorage.vaultNamespace).")],
  unexpected: [Remedy.advice("Check that VAULT_ADDR is a Vault or OpenBao server; its own log says more.")]
} as const satisfies Readonly<Record<string, ReadonlyArray<Remedy.Remedy>>>

/** The kinds of trouble with Vault. */
export type VaultProblem = keyof typeof vaultProblems

/** Vault cannot be used. */
export class VaultFailure extends Schema.TaggedError<VaultFailure>()("VaultFailure", {
  /** Origin of the server; never a path with a query. */
  address: Schema.String,
  problem: Schema.Literals(Object.keys(vaultProblems) as ReadonlyArray<VaultProblem>),
  /** What happened, in words that hold no secret. */
  detail: Schema.String
}) {
  override get message(): string {
    return `Vault at ${this.address}: ${this.detail}.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return vaultProblems[this.problem]
  }
}

/** Why a store failed. */
export type StorageFailure =
  | NoPassword
  | UnusablePassword
  | PasswordTooShort
  | WrongPassword
  | Corrupt
  | NewerVersion
  | InsecurePermissions
  | Inaccessible
  | Unavailable
  | Locked
  | Denied
  | TimedOut
  | MoveLocked
  | Unsupported
  | BackendError
  | Superseded
  | VaultFailure

/** True if the failure is not about one record: every other request to the store would fail, or wait, in the same way. */
export const isOfWholeStore = (reason: StorageFailure): boolean => {
  switch (reason._tag) {
    case "NoPassword":
    case "UnusablePassword":
    case "PasswordTooShort":
    case "WrongPassword":
    case "Unavailable":
    case "Locked":
    case "TimedOut":
    case "MoveLocked":
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

/** True if the failure is about what one record holds. A move leaves that record where it is. */
export const isUnreadable = ({ _tag }: StorageFailure): boolean =>
  _tag === "Corrupt" || _tag === "NewerVersion" || _tag === "InsecurePermissions"
