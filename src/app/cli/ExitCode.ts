import { Cause } from "effect"
import type { Remedy } from "../../domain/Remedy.ts"
import type { SecretBoundElsewhere, SecretMissing } from "../../domain/SecretError.ts"
import type { RevocationFailed } from "../../domain/SignInError.ts"
import type { ChatModelError } from "../../ports/ChatModel.ts"
import type { ModelUnavailable } from "../../ports/ChatModels.ts"
import type { ConfigurationError, UnknownServer } from "../../ports/Configuration.ts"
import type { ServerExists } from "../../ports/ConfigurationEditor.ts"
import type { FileEditError } from "../../ports/FileEditor.ts"
import type { LocalListenError } from "../../ports/LocalListener.ts"
import type { NoNewPassword } from "../../ports/StorageRekey.ts"
import type { TokenBoundToKey } from "../http/BearerHeader.ts"
import type { SessionError } from "../session/ServerSession.ts"
import type {
  AnswerIncomplete,
  ApprovalRequired,
  ProblemsFound,
  SignInsRequired,
  ToolFailed,
  UsageError
} from "./UsageError.ts"

/** Every error that can end a command. */
export type CommandError =
  | SessionError
  | RevocationFailed
  | ConfigurationError
  | UnknownServer
  | UsageError
  | ToolFailed
  | ProblemsFound
  | SignInsRequired
  | TokenBoundToKey
  | NoNewPassword
  | SecretMissing
  | SecretBoundElsewhere
  | ServerExists
  | FileEditError
  | LocalListenError
  | ModelUnavailable
  | ChatModelError
  | AnswerIncomplete
  | ApprovalRequired

/**
 * Exit codes: 2 usage or configuration, 3 a sign-in is required or was refused, 4 token storage, 5 network or server. An
 * error that is not in this table does not type-check. An error that a sign-in can fix ends with 3 in any case.
 */
export const exitCodes: Readonly<Record<CommandError["_tag"], 2 | 3 | 4 | 5>> = {
  UsageError: 2,
  ModelUnavailable: 2,
  ConfigurationError: 2,
  UnknownServer: 2,
  SecretMissing: 2,
  SecretBoundElsewhere: 2,
  ServerExists: 2,
  FileEditError: 2,
  LocalListenError: 2,
  ClientRejected: 2,
  RedirectPortBusy: 2,
  AuthorizationServerChanged: 2,
  TokenBoundToKey: 2,
  SignInRequired: 3,
  SignInsRequired: 3,
  ScopeRequired: 3,
  UnknownAccount: 3,
  SignInRefused: 3,
  SignInTimedOut: 3,
  CallbackRejected: 3,
  PendingSignInError: 3,
  StaleRegistration: 3,
  DeviceCodeNotOffered: 3,
  ApprovalRequired: 3,
  StorageError: 4,
  LockError: 4,
  NoNewPassword: 4,
  NetworkError: 5,
  DiscoveryError: 5,
  SignInNotOffered: 5,
  PkceUnsupported: 5,
  DpopUnsupported: 5,
  RegistrationError: 5,
  ListenError: 5,
  TokenRequestError: 5,
  RevocationFailed: 5,
  McpError: 5,
  AnswerIncomplete: 5,
  ChatModelError: 5,
  ToolFailed: 5,
  ProblemsFound: 5
}

const signInRequired = 3

const isSignIn = (remedy: Remedy): boolean => remedy._tag === "Command" && remedy.verb === "auth login"

/** The exit code of an internal error. */
export const defect = 1
/** The exit code of an interruption that no signal caused, such as Ctrl-C at a prompt. */
const interrupted = 130

/** The exit code of a command that failed. */
export const exitCodeOf = (cause: Cause.Cause<CommandError>): number => {
  const error = Cause.findErrorOption(cause)
  if (error._tag === "Some") {
    const { value } = error
    if (value.remedies.some(isSignIn)) return signInRequired
    if (value._tag === "ChatModelError" && value.failure === "authentication") return signInRequired
    if (value._tag !== "TokenRequestError") return exitCodes[value._tag]
    // The configuration names a secret that cannot be used.
    if (value.reason._tag === "UnusableSecret") return 2
    const isCodeRefused = value.purpose === "sign-in" && value.reason._tag === "InvalidGrant"
    return isCodeRefused ? signInRequired : exitCodes[value._tag]
  }
  return Cause.hasInterruptsOnly(cause) ? interrupted : defect
}
