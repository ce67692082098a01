import { Effect, type Layer, Option } from "effect"
import type { McpClient } from "../../../domain/McpClient.ts"
import { advice, command, type Remedy } from "../../../domain/Remedy.ts"
import { Configuration, type ConfigurationError, type StorageSettings } from "../../../ports/Configuration.ts"
import type { StorageError } from "../../../ports/CredentialStore.ts"
import { storageBackends } from "../../../ports/StorageBackend.ts"
import { ChosenStorage, type StorageInUse } from "../../storage/ChosenStorage.ts"
import { tell } from "../Output.ts"
import { passwordVariable } from "../PasswordVariable.ts"
import { listed, remedyText } from "../RemedyText.ts"
import { configFileOfRun } from "../Settings.ts"

/** The storage in use, without a user to ask. */
export type StorageToExamine<R> = Layer.Layer<
  ChosenStorage | Configuration,
  ConfigurationError | StorageError,
  R
>

/** The environment variables without which a storage cannot be opened, and how to need none. */
export interface Needed {
  /** Where the sign-ins are, as the end of a sentence. */
  readonly place: string
  readonly variables: ReadonlyArray<string>
  /** What is in them, as the start of a sentence. */
  readonly contents: string
  readonly remedy: Remedy
}

/** Vault's own variables: those of OpenBao have another prefix. */
const isAddress = (name: string): boolean => /^(?:VAULT|BAO)_ADDR$/.test(name)
const isNamespace = (name: string): boolean => /^(?:VAULT|BAO)_NAMESPACE$/.test(name)
const isToken = (name: string): boolean => /^(?:VAULT|BAO)_TOKEN$/.test(name)

/**
 * What the storage in use needs from the environment of every process. Undefined: nothing.
 *
 * @param ofPassword the variable that has the password of encrypted files in this run
 */
export const neededVariables = (
  { address, backend }: Pick<StorageInUse, "address" | "backend">,
  { password, variables = { password: [], vault: [] } }: StorageSettings,
  ofPassword: string
): Needed | undefined => {
  if (backend === storageBackends.encrypted.name) {
    const names = password === undefined ? [ofPassword] : variables.password
    if (names.length === 0) return undefined
    return {
      place: "encrypted files",
      variables: names,
      contents: "The password is",
      remedy: command("storage move", {
        options: { to: "keyring" },
        purpose: "need no password, at a desktop with a keyring"
      })
    }
  }
  if (backend !== storageBackends.vault.name) return undefined
  // The address of the environment, and its namespace, are remembered with the choice.
  const isRemembered = address?.isFromEnvironment === true
  const names = variables.vault.filter(
    (name) => !(isRemembered && (isAddress(name) || (isNamespace(name) && address.namespace !== undefined)))
  )
  if (names.length === 0) return undefined
  return {
    place: storageBackends.vault.label,
    variables: names,
    contents: names.length === 1 ? "Its value is" : "Their values are",
    remedy: advice(
      names.some(isToken)
        ? "To need no token there, write it to ~/.vault-token, as vault login does; everything else can be in tokenStorage."
        : "Without variables: write the values into tokenStorage of the configuration."
    )
  }
}

/**
 * Tells which variables of this shell the clients need: nothing can ask for a password or a token there, and no entry holds
 * them. A storage that cannot be examined prevents no installation.
 */
export const tellVariables = <R>(clients: ReadonlyArray<McpClient>, storage: () => StorageToExamine<R>) =>
  Effect.gen(function* () {
    const settings = yield* Configuration.use((configuration) => configuration.tokenStorage)
    const inUse = yield* ChosenStorage.use((chosen) => chosen.inUse)
    const ofPassword = Option.match(yield* passwordVariable, {
      onNone: () => "MCP_CLI_ENCRYPTION_KEY",
      onSome: (variable) => variable.name
    })
    const needed = neededVariables(inUse, settings, ofPassword)
    if (needed === undefined) return
    const { contents, place, remedy, variables } = needed
    const [need, their] = clients.length === 1 ? ["needs", "its"] : ["need", "their"]
    const them = variables.length === 1 ? "it" : "them"
    yield* tell(
      `Sign-ins are stored in ${place}: ${listed(clients.map(({ title }) => title))} ${need} ${listed(variables)} in ${their} environment (start from a shell that exports ${them}). ${contents} not written into the entry.`,
      remedyText(remedy, yield* configFileOfRun)
    )
  }).pipe(Effect.provide(storage()), Effect.ignore)
