import { join } from "node:path"
import { Effect, Option, Redacted, Result } from "effect"
import type { VaultAuth } from "../../../ports/Configuration.ts"
import type { StorageError } from "../../../ports/CredentialStore.ts"
import { type SecretForm, secretFormProblem } from "../../../domain/SecretForm.ts"
import { configuredHome } from "../../platform/ConfiguredHome.ts"
import { codeOf, explainErrno } from "../../platform/Errno.ts"
import { readSecretFile } from "../../platform/SecretFile.ts"
import { textOf } from "./JsonFields.ts"
import { saidBy } from "./VaultProblems.ts"
import { isRefusal, type VaultHttp } from "./VaultHttp.ts"

/** A token of Vault. */
export interface VaultToken {
  readonly token: Redacted.Redacted
  /** True if this process logged in for it, and has to revoke it. */
  readonly isOurs: boolean
}

/** The content of a file, or why it cannot be used. */
const readSecret = (path: string) =>
  Effect.tryPromise({
    try: (signal) => readSecretFile(path, signal),
    catch: (cause) => explainErrno(codeOf(cause))
  }).pipe(
    Effect.filterOrFail(
      (text) => text !== "",
      () => "it is empty"
    ),
    Effect.result
  )

/** Fails if a file does not hold what is sent from it, so that no other file is ever sent. */
const checkForm = (http: VaultHttp, form: SecretForm, text: string, path: string) => {
  const problem = secretFormProblem(form, text)
  const kind = form === "jwt" ? "no JWT" : "no token"
  return problem === undefined ? Effect.void : http.fail(kind, `${path} ${problem}, so it was not sent`)
}

/** A message of Vault without the secrets that were sent. */
const withoutSecrets = (said: string, { jwt, secret_id: secretId }: LoginBody): string =>
  [jwt, secretId].reduce<string>(
    (text, sent) => (sent === undefined ? text : text.replaceAll(sent, "***")),
    said
  )

/** What a login sends. */
interface LoginBody {
  readonly role?: string
  readonly role_id?: string
  readonly secret_id?: string
  readonly jwt?: string
}

const login = Effect.fnUntraced(function* (http: VaultHttp, mount: string, body: LoginBody) {
  const answer = yield* http.send({ method: "POST", path: ["auth", ...mount.split("/"), "login"], body })
  const token = isRefusal(answer) ? Option.none() : textOf(answer.body, "auth", "client_token")
  if (Option.isNone(token)) {
    const said = isRefusal(answer) ? saidBy(answer.errors) : ""
    return yield* http.fail(
      "login refused",
      `it refused the login at auth/${mount}${withoutSecrets(said, body)}`
    )
  }
  return { token: Redacted.make(token.value), isOurs: true }
})

/** Gets a token by the method of the settings: reads it, or logs in. */
export const obtainToken = Effect.fnUntraced(function* (
  http: VaultHttp,
  auth: VaultAuth
): Effect.fn.Return<VaultToken, StorageError> {
  switch (auth.method) {
    case "token": {
      if (auth.token !== undefined) return { token: auth.token, isOurs: false }
      const path = auth.tokenFile ?? join(yield* configuredHome, ".vault-token")
      const token = yield* readSecret(path)
      if (Result.isFailure(token)) {
        return yield* http.fail("no token", `there is no token, and none in ${path} (${token.failure})`)
      }
      yield* checkForm(http, "token", token.success, path)
      return { token: Redacted.make(token.success), isOurs: false }
    }
    case "approle":
      return yield* login(http, auth.mount, {
        role_id: auth.roleId,
        ...(auth.secretId === undefined ? {} : { secret_id: Redacted.value(auth.secretId) })
      })
    case "kubernetes":
    case "jwt": {
      const jwt = Redacted.isRedacted(auth.jwt)
        ? Result.succeed(Redacted.value(auth.jwt))
        : yield* readSecret(auth.jwt.file)
      const file = Redacted.isRedacted(auth.jwt) ? "the JWT" : auth.jwt.file
      if (Result.isFailure(jwt)) {
        return yield* http.fail("no JWT", `there is no JWT to log in with in ${file} (${jwt.failure})`)
      }
      yield* checkForm(http, "jwt", jwt.success, file)
      return yield* login(http, auth.mount, {
        jwt: jwt.success,
        ...(auth.role === undefined ? {} : { role: auth.role })
      })
    }
  }
})
