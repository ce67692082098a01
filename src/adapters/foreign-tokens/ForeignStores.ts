import { join } from "node:path"
import { Effect, Layer, Option } from "effect"
import { claudeCodeSignIns } from "../../domain/foreign-tokens/ClaudeCodeTokens.ts"
import { codexKeyringSignIn, codexSignIns } from "../../domain/foreign-tokens/CodexTokens.ts"
import { geminiSealedSignIns, geminiSignIns } from "../../domain/foreign-tokens/GeminiTokens.ts"
import { mcpcSecrets, mcpcSignIns } from "../../domain/foreign-tokens/McpcTokens.ts"
import { mcporterSignIns } from "../../domain/foreign-tokens/McporterTokens.ts"
import { opencodeSignIns } from "../../domain/foreign-tokens/OpencodeTokens.ts"
import type { ClientPlatform } from "../../domain/McpClient.ts"
import { ForeignKeyring } from "../../ports/ForeignKeyring.ts"
import { ForeignVault } from "../../ports/ForeignVault.ts"
import { type ForeignProgram, ForeignTokens, type SearchedServers } from "../../ports/ForeignTokens.ts"
import { SecretPrompt } from "../../ports/SecretPrompt.ts"
import { Collected } from "./Collected.ts"
import { openGeminiFile } from "./GeminiFile.ts"
import { readMcpRemote } from "./McpRemoteFolder.ts"
import { readPythonFolder, readPythonKeyring, readPythonVault } from "./PythonCliFolder.ts"

type Reader = (collected: Collected, servers: SearchedServers) => Effect.Effect<void>

/** @see ForeignTokens */
export const layer = ({
  home,
  os,
  variable
}: ClientPlatform): Layer.Layer<ForeignTokens, never, ForeignKeyring | ForeignVault | SecretPrompt> =>
  Layer.effect(
    ForeignTokens,
    Effect.gen(function* () {
      const keyring = yield* ForeignKeyring
      const vault = yield* ForeignVault
      const prompt = yield* SecretPrompt
      const folder = (name: string, ...standard: ReadonlyArray<string>) =>
        variable(name) ?? join(home, ...standard)
      const data = folder("XDG_DATA_HOME", ".local", "share")

      const readers: Readonly<Record<ForeignProgram, Reader>> = {
        "mcp-remote": (collected, { remoteLines }) =>
          readMcpRemote(collected, folder("MCP_REMOTE_CONFIG_DIR", ".mcp-auth"), remoteLines),

        "claude-code": Effect.fnUntraced(function* (collected) {
          const file = join(folder("CLAUDE_CONFIG_DIR", ".claude"), ".credentials.json")
          yield* collected.file(file, claudeCodeSignIns)
          if (os !== "darwin") return
          const service = "Claude Code-credentials"
          for (const text of (yield* collected.keyring(keyring, service)).values()) {
            collected.addAll(`the keyring (service ${service})`, claudeCodeSignIns(text))
          }
        }),

        gemini: Effect.fnUntraced(function* (collected) {
          yield* collected.file(join(home, ".gemini", "mcp-oauth-tokens.json"), geminiSignIns)
          const sealed = join(home, ".gemini", "gemini-credentials.json")
          collected.place(sealed)
          const text = yield* collected.text(sealed)
          if (text === undefined) return
          const opened = yield* Effect.promise(() => openGeminiFile(text))
          if (opened === undefined) {
            collected.note(`${sealed} was not read: it is of another machine or user, or damaged.`)
          } else collected.addAll(sealed, geminiSealedSignIns(opened))
        }),

        codex: Effect.fnUntraced(function* (collected) {
          yield* collected.file(join(folder("CODEX_HOME", ".codex"), ".credentials.json"), codexSignIns)
          const service = "Codex MCP Credentials"
          for (const [account, text] of yield* collected.keyring(keyring, service)) {
            const signIn = codexKeyringSignIn(text)
            collected.addAll(
              `the keyring (service ${service})`,
              Option.some({
                signIns: Option.toArray(signIn),
                unknown: Option.isNone(signIn) ? [account] : []
              })
            )
          }
        }),

        opencode: (collected) => collected.file(join(data, "opencode", "mcp-auth.json"), opencodeSignIns),

        mcporter: Effect.fnUntraced(function* (collected) {
          if (variable("XDG_DATA_HOME") !== undefined) {
            yield* collected.file(join(data, "mcporter", "credentials.json"), mcporterSignIns)
          }
          yield* collected.file(join(home, ".mcporter", "credentials.json"), mcporterSignIns)
        }),

        mcpc: Effect.fnUntraced(function* (collected) {
          const profiles = join(home, ".mcpc", "profiles.json")
          collected.place(profiles)
          const text = yield* collected.text(profiles)
          if (text === undefined) return
          const credentials = join(home, ".mcpc", "credentials.json")
          const inFile = yield* collected.text(credentials)
          const secrets = new Map([
            ...(inFile === undefined
              ? []
              : Option.getOrElse(mcpcSecrets(inFile), () => new Map<string, string>())),
            ...(yield* collected.keyring(keyring, "mcpc"))
          ])
          collected.addAll(profiles, mcpcSignIns(text, secrets))
        }),

        "python-mcp-cli": Effect.fnUntraced(function* (collected, { names }) {
          const folders = [join(home, ".chuk_oauth", "tokens"), join(home, ".mcp_cli", "tokens")]
          const searched = { names, folders, seen: new Set<string>() }
          // In the order in which the program chose its own store.
          yield* readPythonVault(collected, vault, searched)
          yield* readPythonKeyring(collected, keyring, searched)
          for (const one of folders) yield* readPythonFolder(collected, prompt, one, searched)
        }),

        fastmcp: (collected) =>
          Effect.sync(() =>
            collected.note(
              "FastMCP keeps tokens in the memory of the program that uses it, or where that program says, so that no place is known to look in."
            )
          )
      }

      return ForeignTokens.of({
        find: Effect.fn("ForeignTokens.find")(function* (program, servers) {
          const collected = new Collected()
          yield* readers[program](collected, servers)
          return collected.found
        })
      })
    })
  )
