import { assert, describe, it } from "@effect/vitest"
import { SecretBoundElsewhere, SecretMissing } from "../../../src/domain/SecretError.ts"
import { Cause } from "effect"
import { type CommandError, exitCodeOf, exitCodes } from "../../../src/app/cli/ExitCode.ts"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import {
  AnswerIncomplete,
  ApprovalRequired,
  ProblemsFound,
  SignInsRequired,
  ToolFailed,
  UsageError
} from "../../../src/app/cli/UsageError.ts"
import { TokenBoundToKey } from "../../../src/app/http/BearerHeader.ts"
import { PendingSignInError } from "../../../src/domain/PendingSignInError.ts"
import * as Remedy from "../../../src/domain/Remedy.ts"
import * as SignInError from "../../../src/domain/SignInError.ts"
import { StaleRegistration } from "../../../src/domain/StaleRegistration.ts"
import { ListenError, RedirectPortBusy } from "../../../src/ports/CallbackListener.ts"
import { RegistrationError } from "../../../src/ports/ClientRegistrar.ts"
import { ConfigurationError, UnknownServer } from "../../../src/ports/Configuration.ts"
import { LockError } from "../../../src/ports/CredentialLock.ts"
import { StorageError } from "../../../src/ports/CredentialStore.ts"
import { DiscoveryError, discoveryRefusals, SignInNotOffered } from "../../../src/ports/Discovery.ts"
import { NetworkError } from "../../../src/ports/HttpTransport.ts"
import { McpError } from "../../../src/ports/McpConnector.ts"
import { NoNewPassword } from "../../../src/ports/StorageRekey.ts"
import { storageBackends } from "../../../src/ports/StorageBackend.ts"
import {
  Corrupt,
  MoveLocked,
  NoPassword,
  Unavailable,
  UnusablePassword
} from "../../../src/ports/StorageFailure.ts"
import { Superseded } from "../../../src/ports/Superseded.ts"
import { ServerExists } from "../../../src/ports/ConfigurationEditor.ts"
import { FileEditError } from "../../../src/ports/FileEditor.ts"
import { ChatFailure, ChatModelError } from "../../../src/ports/ChatModel.ts"
import { ModelUnavailable, modelWays } from "../../../src/ports/ChatModels.ts"
import { LocalListenError } from "../../../src/ports/LocalListener.ts"
import {
  InvalidClient,
  InvalidGrant,
  Malformed,
  NotSenderConstrained,
  Refused,
  requestPurposes,
  type TokenFailure,
  TokenRequestError,
  Transient,
  Unanswered,
  UnusableSecret
} from "../../../src/ports/TokenEndpoint.ts"

const server = "s"
const why = SignInError.SignInRequired.fields.why.literals
const ways = PendingSignInError.fields.reason.literals
const failures: ReadonlyArray<TokenFailure> = [
  new Transient({ detail: "HTTP 503", status: 503 }),
  new Transient({ detail: "HTTP 500", status: 500 }),
  new Transient({ detail: "HTTP 500", status: 500, error: "server_error" }),
  new Transient({ detail: "no such host" }),
  new Unanswered({ detail: "reset", end: "broke" }),
  new InvalidGrant(),
  new InvalidClient(),
  new Refused({ error: "invalid_scope" }),
  new Malformed({ detail: "HTTP 403" }),
  new UnusableSecret({ field: "assertion", problem: "is empty" }),
  new NotSenderConstrained({})
]

type Samples = {
  readonly [Tag in CommandError["_tag"]]: ReadonlyArray<Extract<CommandError, { readonly _tag: Tag }>>
}

/** Every error that can end a command, in the forms that differ in their advice. */
const samples: Samples = {
  SecretMissing: [
    new SecretMissing({ server: "s", names: ["API_KEY"] }),
    new SecretMissing({ server: "s", names: ["API_KEY", "OTHER"] })
  ],
  SecretBoundElsewhere: [
    new SecretBoundElsewhere({
      server: "s",
      name: "API_KEY",
      storedFor: "https://a.test",
      destination: "https://b.test"
    })
  ],
  AnswerIncomplete: [new AnswerIncomplete({ limit: "length", text: "The answer is cut." })],
  ApprovalRequired: [
    new ApprovalRequired({ tools: ["s:a"] }),
    new ApprovalRequired({ tools: ["s:a", "s:b"] })
  ],
  FileEditError: [new FileEditError({ file: "f", problem: "is not a file", remedies: [] })],
  ModelUnavailable: [new ModelUnavailable({ detail: "There is no model.", remedies: modelWays })],
  ChatModelError: ChatFailure.literals.map(
    (failure) => new ChatModelError({ model: "m:n", failure, detail: "it answered HTTP 500." })
  ),
  LocalListenError: [new LocalListenError({ place: "port 80", detail: "permission denied" })],
  ServerExists: [new ServerExists({ name: "s", file: "f", target: "https://a.test", url: "https://b.test" })],
  AuthorizationServerChanged: [
    new SignInError.AuthorizationServerChanged({ server, before: "https://a.test", now: "https://b.test" })
  ],
  CallbackRejected: [new SignInError.CallbackRejected({ server, detail: "iss" })],
  ClientRejected: [
    new SignInError.ClientRejected({ server, hasSecret: true }),
    new SignInError.ClientRejected({ server, hasSecret: false }),
    new SignInError.ClientRejected({ server, hasSecret: false, metadataUrl: "https://c.test" })
  ],
  ConfigurationError: [new ConfigurationError({ issues: [] })],
  DeviceCodeNotOffered: [new SignInError.DeviceCodeNotOffered({ server, issuer: "https://as.test" })],
  DiscoveryError: discoveryRefusals.map((reason) => new DiscoveryError({ server, reason, detail: "x" })),
  DpopUnsupported: [new SignInError.DpopUnsupported({ server, issuer: "https://as.test", required: true })],
  ListenError: [new ListenError({ detail: "x" })],
  LockError: [new LockError({ name: server })],
  McpError: [
    new McpError({ server, detail: "it answered HTTP 500." }),
    new McpError({
      server,
      detail: "it answered HTTP 401.",
      remedies: [Remedy.command("auth login", { server })]
    })
  ],
  NetworkError: [new NetworkError({ origin: "https://a.test", detail: "no such host" })],
  NoNewPassword: [new NoNewPassword()],
  PendingSignInError: ways.map((reason) => new PendingSignInError({ server, reason })),
  PkceUnsupported: [new SignInError.PkceUnsupported({ server, issuer: "https://as.test" })],
  ProblemsFound: [new ProblemsFound({ server, account: "default", count: 1 })],
  RedirectPortBusy: [new RedirectPortBusy({ server, redirectUri: "http://localhost:1/" })],
  RegistrationError: [
    new RegistrationError({ server, issuer: "https://as.test" }),
    new RegistrationError({ server, issuer: "https://as.test", detail: "invalid_redirect_uri" }),
    new RegistrationError({ server, issuer: "https://as.test", why: "nothing there" })
  ],
  RevocationFailed: [new SignInError.RevocationFailed({ server, detail: "x", fixes: [] })],
  ScopeRequired: [new SignInError.ScopeRequired({ server, missing: ["a"], scopes: ["a"] })],
  SignInNotOffered: [new SignInNotOffered({ server })],
  SignInRefused: ["access_denied", "invalid_scope", "server_error"].map(
    (error) => new SignInError.SignInRefused({ server, error })
  ),
  SignInRequired: why.map((reason) => new SignInError.SignInRequired({ server, why: reason })),
  SignInsRequired: [
    new SignInsRequired({ names: ["a", "b"] }),
    new SignInsRequired({ names: ["a", "b"], unattended: true })
  ],
  SignInTimedOut: [
    new SignInError.SignInTimedOut({ server, seconds: 300 }),
    new SignInError.SignInTimedOut({ server, seconds: 300, device: true })
  ],
  StaleRegistration: [new StaleRegistration({ server, issuer: "https://as.test", clientId: "c" })],
  StorageError: [
    new NoPassword(),
    new UnusablePassword({ use: "store", file: "/x", problem: "is empty" }),
    new UnusablePassword({ use: "rekey", problem: "are both set" }),
    new Corrupt({ path: "/x", detail: "x" }),
    new Superseded({ server }),
    new Unavailable({ backend: storageBackends.keychain, detail: "x" }),
    new MoveLocked({ end: "source", backend: storageBackends.keychain, problem: "x", fixes: [] })
  ].map((reason) => new StorageError({ reason })),
  TokenBoundToKey: [new TokenBoundToKey({ server })],
  TokenRequestError: failures.flatMap((reason) => [
    new TokenRequestError({ server, origin: "https://as.test", reason }),
    ...requestPurposes.map(
      (purpose) => new TokenRequestError({ server, origin: "https://as.test", purpose, reason })
    )
  ]),
  ToolFailed: [new ToolFailed({ server, tool: "t" })],
  UnknownAccount: [new SignInError.UnknownAccount({ server, account: "a", stored: ["b"] })],
  UnknownServer: [new UnknownServer({ name: server, file: "f", known: [] })],
  UsageError: [new UsageError({ problem: "x" })]
}

const codeOf = (error: CommandError) => exitCodeOf(Cause.fail(error))

describe("the exit code of an error", () => {
  it.each(Object.entries(samples))("is 3 wherever its text names auth login: %s", (_, errors) => {
    assert.isNotEmpty(errors)
    for (const error of errors) {
      if (errorText(error).includes("auth login")) assert.strictEqual(codeOf(error), 3, errorText(error))
    }
  })

  it.each(Object.entries(samples))(
    "is that of the table for a sample, or a sign-in is: %s",
    (tag, errors) => {
      const listed = exitCodes[tag as CommandError["_tag"]]
      assert.include(errors.map(codeOf), listed)
    }
  )

  const failed = (reason: TokenRequestError["reason"], purpose?: TokenRequestError["purpose"]) =>
    new TokenRequestError({
      server: "s",
      origin: "https://as.test",
      reason,
      ...(purpose === undefined ? {} : { purpose })
    })
  it.each<[string, CommandError, number]>([
    ["a refresh that gets a page", failed(new Malformed({ detail: "HTTP 403" }), "refresh"), 3],
    ["a sign-in that gets a page", failed(new Malformed({ detail: "HTTP 403" }), "sign-in"), 5],
    ["a server that is down", failed(new Transient({ detail: "HTTP 503", status: 503 }), "refresh"), 5],
    [
      "an MCP server that rejects every token",
      new McpError({
        server: "s",
        detail: "it answered HTTP 401.",
        remedies: [Remedy.command("auth login", { server: "s" })]
      }),
      3
    ],
    ["an MCP server that fails", new McpError({ server: "s", detail: "it answered HTTP 500." }), 5],
    [
      "a code that is not offered",
      new SignInError.DeviceCodeNotOffered({ server: "s", issuer: "https://as.test" }),
      3
    ],
    ["a client that is wrong", new SignInError.ClientRejected({ server: "s", hasSecret: true }), 2]
  ])("is that of its advice: %s", (_, error, expected) => {
    assert.strictEqual(codeOf(error), expected)
  })
})
