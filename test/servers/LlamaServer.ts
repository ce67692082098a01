import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { tinyModel } from "./llama/TinyModel.ts"
import { hasPackages, startScript } from "./PythonServer.ts"

/** Whether `scripts/test-servers.sh` has installed the server of llama.cpp. */
export const hasLlama = hasPackages("llama")

/** A server of llama.cpp. */
export interface LlamaServer {
  readonly origin: string
  /** Its Chat Completions. */
  readonly baseUrl: string
}

/** How a server runs. */
export interface LlamaOptions {
  /** Tokens. Each character of a request is about one. */
  readonly contextSize?: number
  readonly key?: string
  /** It never has its model. */
  readonly isLoading?: boolean
}

/** A server of llama.cpp with {@link tinyModel}, which ends with the scope. */
export const llamaServer = ({
  contextSize = 32_768,
  isLoading = false,
  key
}: LlamaOptions = {}): Effect.Effect<LlamaServer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const folder = mkdtempSync(join(tmpdir(), "mcp-cli-llama-"))
      const model = join(folder, "tiny.gguf")
      if (isLoading) execFileSync("mkfifo", [model])
      else writeFileSync(model, tinyModel(contextSize))
      const keys = key === undefined ? [] : [key]
      const server = await startScript("llama", "llama_server.py", model, String(contextSize), ...keys)
      return { ...server, folder }
    }),
    ({ close, folder }) =>
      Effect.promise(async () => {
        await close()
        rmSync(folder, { recursive: true, force: true })
      })
  ).pipe(Effect.map(({ url }) => ({ origin: url, baseUrl: `${url}/v1` })))
