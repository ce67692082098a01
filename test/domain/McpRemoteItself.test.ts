import { createHash } from "node:crypto"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { vi } from "vitest"
import { readRemoteLine } from "../../src/domain/RemoteCommandLine.ts"
import { remoteWordsOf } from "../../src/domain/RemoteLauncher.ts"
import { vendorLines } from "./VendorLines.ts"

/** What mcp-remote's own parser says of a command line. */
interface Parsed {
  readonly serverUrl: string
  readonly serverUrlHash: string
  readonly callbackPort: number
  readonly callbackPath: string
  readonly host: string
  readonly headers: Readonly<Record<string, string>>
  readonly transportStrategy: string
  readonly ignoredTools: ReadonlyArray<string>
  readonly authTimeoutMs: number
  readonly authorizeResource: string | undefined
  readonly staticOAuthClientInfo: { readonly client_id?: string } | null
}

let parse: (args: ReadonlyArray<string>, usage: string) => Promise<Parsed>
let folder = ""

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mcp-remote-"))
  vi.stubEnv("MCP_REMOTE_CONFIG_DIR", folder)
  vi.spyOn(console, "error").mockReturnValue(undefined)
  const dist = join(dirname(createRequire(import.meta.url).resolve("mcp-remote/package.json")), "dist")
  for (const name of readdirSync(dist).filter((file) => file.startsWith("chunk-"))) {
    const { parseCommandLineArgs } = (await import(pathToFileURL(join(dist, name)).href)) as {
      readonly parseCommandLineArgs?: typeof parse
    }
    if (parseCommandLineArgs !== undefined) parse = parseCommandLineArgs
  }
})
afterAll(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true, force: true })
})

const md5 = (text: string) => createHash("md5").update(text).digest("hex")

const url = "https://mcp.example.com/mcp"
const further: ReadonlyArray<ReadonlyArray<string>> = [
  [url, "--resource", "https://tenant.example.com/", "--authorize-param", "b=2", "--authorize-param", "a=1"],
  [url, "--header", "X-B: 2", "--header", "X-A:${A}", "--transport", "sse-first"],
  [url, "--client-metadata-url", "https://client.example.com/client.json", "--ignore-tool", "a*"],
  [url, "--disable-resource-parameter", "--resource", "https://tenant.example.com/", "--auth-timeout", "7.5"],
  [url, "--client-credentials", "--token-endpoint", "https://as.example.com/token"],
  [url, "--callback-path", "/cb", "--host", "127.0.0.1", "--transport", "nonsense", "--quux", "x"]
]

describe("the real mcp-remote", () => {
  const lines: ReadonlyArray<{
    readonly name: string
    readonly words: ReadonlyArray<string>
    readonly files: Readonly<Record<string, string>>
  }> = [
    ...vendorLines.map(({ args, command = "npx", files = {}, vendor }) => ({
      name: vendor,
      words: remoteWordsOf(command, args) ?? [],
      files
    })),
    ...further.map((words) => ({ name: words.join(" "), words, files: {} }))
  ]

  it.each(lines)("reads this line as we do: $name", async ({ files, words }) => {
    const paths = new Map(
      Object.entries(files).map(([path, text], index) => {
        const file = join(folder, `${index}.json`)
        writeFileSync(file, text)
        return [`@${path}`, `@${file}`] as readonly [string, string]
      })
    )
    const theirs = await parse(
      words.map((word) => paths.get(word) ?? word),
      ""
    )
    const ours = Result.getOrThrow(readRemoteLine(words, new Map(Object.entries(files)), md5))
    const oauth = (ours.entry["oauth"] ?? {}) as Readonly<Record<string, unknown>>
    assert.strictEqual(ours.url, theirs.serverUrl)
    assert.strictEqual(md5(ours.storeKey), theirs.serverUrlHash)
    assert.deepStrictEqual(ours.entry["headers"] ?? {}, theirs.headers)
    assert.deepStrictEqual(ours.options.ignoredTools, theirs.ignoredTools)
    assert.strictEqual(ours.options.transport ?? "http-first", theirs.transportStrategy)
    const { authTimeoutSeconds } = ours.options
    if (authTimeoutSeconds !== undefined) assert.strictEqual(authTimeoutSeconds * 1000, theirs.authTimeoutMs)
    assert.strictEqual(oauth["client_id"], theirs.staticOAuthClientInfo?.client_id)
    const { callbackPath, callbackPort, host } = theirs
    const redirect = oauth["redirect_uri"]
    if (redirect !== undefined) assert.strictEqual(redirect, `http://${host}:${callbackPort}${callbackPath}`)
  })
})
