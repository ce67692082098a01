import { Config, ConfigProvider, Effect, Option, type Redacted, Redacted as Secret, Semaphore } from "effect"
import { StorageError } from "../../../ports/CredentialStore.ts"
import { SecretPrompt } from "../../../ports/SecretPrompt.ts"
import { NoPassword, PasswordTooShort, UnusablePassword } from "../../../ports/StorageFailure.ts"
import { configuredHome } from "../../platform/ConfiguredHome.ts"
import { withHome } from "../../platform/HomePath.ts"
import { readPasswordFile } from "../../platform/SecretFile.ts"
import { secretFileProblem } from "../../platform/SecretFileProblem.ts"
import { maxAttempts, minPasswordLength } from "./EncryptionLimits.ts"

/** Where the passwords of a store come from. */
export interface Passwords {
  /**
   * The password of the configuration, else of `MCP_CLI_ENCRYPTION_KEY`, else in the file of `MCP_CLI_ENCRYPTION_KEY_FILE`,
   * which is read each time (a pipe: once); none: the user has to type it. Fails with `UnusablePassword` if both variables are
   * set, or if the file cannot be read or is empty.
   */
  readonly given: Effect.Effect<Option.Option<Redacted.Redacted>, StorageError>
  /** The same for a password change: `MCP_CLI_NEW_ENCRYPTION_KEY`, or the file of `MCP_CLI_NEW_ENCRYPTION_KEY_FILE`. */
  readonly givenNew: Effect.Effect<Option.Option<Redacted.Redacted>, StorageError>
  /** Asks the user once. Fails with `NoPassword` in a non-interactive run. */
  readonly ask: (question: string) => Effect.Effect<Redacted.Redacted, StorageError>
  /** Asks the user to choose a password of {@link minPasswordLength} characters or more, and to repeat it. */
  readonly choose: (question: string) => Effect.Effect<Redacted.Redacted, StorageError>
}

const isTooShort = (password: Redacted.Redacted): boolean =>
  Array.from(Secret.value(password)).length < minPasswordLength

/** Fails with `PasswordTooShort` if a password of the environment or the configuration is too short. */
export const refuseShort = (
  password: Redacted.Redacted,
  use: PasswordTooShort["use"]
): Effect.Effect<void, StorageError> =>
  isTooShort(password)
    ? Effect.fail(new StorageError({ reason: new PasswordTooShort({ use, minLength: minPasswordLength }) }))
    : Effect.void

type Use = UnusablePassword["use"]

const unusable = (details: { readonly use: Use; readonly file?: string; readonly problem: string }) =>
  new StorageError({ reason: new UnusablePassword(details) })

/** The passwords that came out of pipes, by path: a pipe gives its text once, and a process may need it again. */
const ofPipes = new Map<string, Redacted.Redacted>()
const pipeTurn = Semaphore.makeUnsafe(1)

const passwordIn = (use: Use, file: string): Effect.Effect<Redacted.Redacted, StorageError> =>
  Effect.gen(function* () {
    const known = ofPipes.get(file)
    if (known !== undefined) return known
    const { isFile, text } = yield* Effect.tryPromise({
      try: (signal) => readPasswordFile(file, signal),
      catch: (cause) => unusable({ use, file, problem: secretFileProblem(cause) })
    })
    if (text === "") return yield* unusable({ use, file, problem: "is empty" })
    const password = Secret.make(text)
    if (!isFile) ofPipes.set(file, password)
    return password
  }).pipe(pipeTurn.withPermit)

/** The passwords of a store whose configuration has this one, or none. */
export const passwords = (
  configured: Redacted.Redacted | undefined
): Effect.Effect<Passwords, never, SecretPrompt> =>
  Effect.gen(function* () {
    const prompt = yield* SecretPrompt
    const environment = yield* ConfigProvider.ConfigProvider

    const variable = (name: string) =>
      Effect.map(
        Config.option(Config.Redacted(name)),
        Option.filter((password) => Secret.value(password) !== "")
      ).pipe(
        Effect.provideService(ConfigProvider.ConfigProvider, environment),
        // A variable that cannot be read counts as unset.
        Effect.orElseSucceed(() => Option.none<Redacted.Redacted>())
      )

    const ofEnvironment = Effect.fnUntraced(function* (use: Use, name: string) {
      const key = yield* variable(name)
      const file = yield* variable(`${name}_FILE`)
      if (Option.isNone(file)) return key
      if (Option.isSome(key)) return yield* unusable({ use, problem: "are both set" })
      const home = yield* Effect.provideService(configuredHome, ConfigProvider.ConfigProvider, environment)
      return Option.some(yield* passwordIn(use, withHome(Secret.value(file.value), home)))
    })

    const ask = Effect.fnUntraced(function* (question: string) {
      const answer = yield* prompt.ask(question)
      if (Option.isSome(answer)) return answer.value
      return yield* new StorageError({ reason: new NoPassword() })
    })

    const choose = Effect.fnUntraced(function* (question: string) {
      let before = ""
      for (let attempt = 1; attempt <= maxAttempts; attempt++) {
        const first = yield* ask(`${before}${question}`)
        if (isTooShort(first)) {
          before = `That has fewer than ${minPasswordLength} characters. `
          continue
        }
        const again = yield* ask("The same password again")
        if (Secret.value(first) === Secret.value(again)) return first
        before = "The two were not the same. "
      }
      return yield* new StorageError({ reason: new NoPassword({ attempts: maxAttempts }) })
    })

    return {
      given:
        configured === undefined
          ? ofEnvironment("store", "MCP_CLI_ENCRYPTION_KEY")
          : Effect.succeedSome(configured),
      givenNew: ofEnvironment("rekey", "MCP_CLI_NEW_ENCRYPTION_KEY"),
      ask,
      choose
    }
  })
