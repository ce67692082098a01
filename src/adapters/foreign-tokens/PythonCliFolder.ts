import { join } from "node:path"
import { Config, Effect, Option, Redacted } from "effect"
import { pythonCliSignIn } from "../../domain/foreign-tokens/PythonCliTokens.ts"
import type { ForeignKeyring } from "../../ports/ForeignKeyring.ts"
import type { ForeignVault } from "../../ports/ForeignVault.ts"
import type { SecretPrompt } from "../../ports/SecretPrompt.ts"
import type { Collected } from "./Collected.ts"
import { fernetKey, isFernet, openFernet } from "./Fernet.ts"
import { namesIn } from "./ForeignFile.ts"

/** The services of the program, the newest first. The last one is ours as well, and its own entries are not JSON of this kind. */
const services = ["mcp-cli", "chuk-oauth", "mcp-cli-oauth"]

/** The name of a file, as the program makes it: letters and digits of any script, and a few signs. */
const fileNameOf = (name: string, kept: RegExp): string =>
  Array.from(name, (character) => (kept.test(character) ? character : "_")).join("")

const ofTokens = /[\p{L}\p{N}:_-]/u
const ofClient = /[\p{L}\p{N}_-]/u

/** What is looked for, and what was found already. */
interface Searched {
  readonly names: ReadonlyArray<string>
  /** The folders of the program. */
  readonly folders: ReadonlyArray<string>
  readonly seen: Set<string>
}

/** Reads what the program has in the keyring: two copies for each server. */
export const readPythonKeyring = Effect.fnUntraced(function* (
  collected: Collected,
  keyring: ForeignKeyring["Service"],
  { folders, names, seen }: Searched
) {
  for (const service of services) {
    const secrets = yield* collected.keyring(keyring, service)
    for (const name of names) {
      if (seen.has(name)) continue
      const text = secrets.get(name) ?? secrets.get(`oauth:${name}`)
      const signIn =
        text === undefined
          ? Option.none()
          : pythonCliSignIn(name, text, yield* clientTextOf(collected, folders, name))
      if (Option.isNone(signIn)) continue
      seen.add(name)
      collected.add(signIn.value)
    }
  }
})

const clientTextOf = Effect.fnUntraced(function* (
  collected: Collected,
  folders: ReadonlyArray<string>,
  name: string
) {
  for (const folder of folders) {
    const text = yield* collected.text(join(folder, `${fileNameOf(name, ofClient)}_client.json`))
    if (text !== undefined) return text
  }
  return undefined
})

/**
 * Reads what the program has in Vault: the tokens as fields, and a second copy as JSON, which alone says when they expire.
 */
export const readPythonVault = Effect.fnUntraced(function* (
  collected: Collected,
  vault: ForeignVault["Service"],
  { folders, names, seen }: Searched
) {
  const [mount, path] = ["secret", "mcp-cli/oauth"]
  collected.place(`Vault (${mount}/${path})`)
  for (const name of names) {
    if (seen.has(name)) continue
    const read = (of: string) => vault.read(mount, path, of)
    const found = yield* Effect.result(
      Effect.gen(function* () {
        return (yield* read(`oauth:${name}`))?.["value"] ?? JSON.stringify((yield* read(name)) ?? null)
      })
    )
    if (found._tag === "Failure") {
      return collected.note(`Vault was not read: ${found.failure.message}`)
    }
    const signIn = pythonCliSignIn(name, found.success, yield* clientTextOf(collected, folders, name))
    if (Option.isNone(signIn)) continue
    seen.add(name)
    collected.add(signIn.value)
  }
})

/** The password of the files: the variable of the program, or what the user types. */
const passwordOf = Effect.fnUntraced(function* (prompt: SecretPrompt["Service"], folder: string) {
  const given = yield* Effect.orElseSucceed(Config.option(Config.Redacted("MCP_CLI_ENCRYPTION_KEY")), () =>
    Option.none<Redacted.Redacted>()
  )
  const isGiven = Option.exists(given, (password) => Redacted.value(password) !== "")
  return isGiven ? given : yield* prompt.ask(`The password of the files in ${folder}`)
})

/** Reads the encrypted files of the program in a folder. */
export const readPythonFolder = Effect.fnUntraced(function* (
  collected: Collected,
  prompt: SecretPrompt["Service"],
  folder: string,
  { folders, names, seen }: Searched
) {
  collected.place(folder)
  const files = (yield* Effect.promise(() => namesIn(folder))).filter((file) => file.endsWith(".enc"))
  const sealed: Array<{ readonly name: string; readonly token: string; readonly path: string }> = []
  for (const name of names) {
    const own = fileNameOf(name, ofTokens)
    const file = [`${own}.enc`, `oauth:${own}.enc`].find((candidate) => files.includes(candidate))
    if (file === undefined || seen.has(name)) continue
    const path = join(folder, file)
    const token = yield* collected.text(path)
    // The files of this program may be in the same folder.
    if (token !== undefined && isFernet(token)) sealed.push({ name, token, path })
  }
  if (sealed.length === 0) return
  const salt = yield* collected.bytes(join(folder, ".salt"))
  if (salt?.length !== 16) {
    collected.note(`The files in ${folder} were not read: the file .salt beside them is missing or damaged.`)
    return
  }
  const password = yield* passwordOf(prompt, folder)
  if (Option.isNone(password)) {
    collected.note(`The files in ${folder} were not read: set MCP_CLI_ENCRYPTION_KEY to their password.`)
    return
  }
  const key = yield* Effect.promise(() => fernetKey(Redacted.value(password.value), salt))
  for (const { name, path, token } of sealed) {
    const text = openFernet(token, key)
    if (text === undefined) {
      collected.note(`${path} was not read: the password does not open it.`)
      continue
    }
    const signIn = pythonCliSignIn(name, text, yield* clientTextOf(collected, folders, name))
    if (Option.isNone(signIn)) {
      collected.note(`${path} is written in a way that this version does not know.`)
      continue
    }
    seen.add(name)
    collected.add(signIn.value)
  }
})
