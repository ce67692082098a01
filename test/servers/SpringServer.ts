import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { startMcpServer } from "./McpServer.ts"
import type { RealServer } from "./RealServer.ts"
import { serverCache } from "./ServerCache.ts"

const archive = join(serverCache, "spring", "server.jar")

/** Whether `scripts/test-servers.sh --java` has built it. */
export const hasSpring = existsSync(archive)

/** The version of Spring Boot, which decides that of the authorization server. */
export const springVersion =
  /<version>([\d.]+)<\/version>/.exec(readFileSync(resolve("test/servers/spring/pom.xml"), "utf8"))?.[1] ?? ""

const ended = (child: ChildProcess) => new Promise<void>((done) => child.once("close", () => done()))

/** Starts Spring Authorization Server, and an MCP server that asks it about tokens. */
export const startSpringServer = async (): Promise<RealServer> => {
  const asked: Array<string> = []
  const start = async (port: string) => {
    const child = spawn("java", ["-jar", archive, "--server.address=127.0.0.1", `--server.port=${port}`])
    const output = { text: "" }
    const ready = await new Promise<string>((done, reject) => {
      child.stdout.on("data", (chunk: Buffer) => {
        const lines = (output.text + chunk.toString()).split("\n")
        output.text = lines.pop() ?? ""
        for (const line of lines) {
          if (line.startsWith("port ")) done(line.slice(5))
          if (line.startsWith("asked ")) asked.push(line)
        }
      })
      child.stderr.resume()
      child.once("error", reject)
      void ended(child).then(() => reject(new Error(`Spring ended: ${output.text}`)))
    })
    return { child, port: ready }
  }
  const stop = async ({ child }: { readonly child: ChildProcess }) => {
    const end = ended(child)
    child.stdin?.end()
    await end
  }

  let running = await start("0")
  const issuer = `http://127.0.0.1:${running.port}`
  const authorization = `Basic ${Buffer.from("watcher:a+secret+of+a+test").toString("base64")}`
  const mcpServer = await startMcpServer({
    authorizationServer: {
      issuer,
      introspect: async (token) => {
        const answer = await fetch(`${issuer}/oauth2/introspect`, {
          method: "POST",
          headers: { authorization },
          body: new URLSearchParams({ token })
        })
        const { active, scope } = (await answer.json()) as {
          readonly active: boolean
          readonly scope?: string
        }
        return { active, scopes: scope === undefined ? [] : scope.split(" "), thumbprint: undefined }
      }
    }
  })
  return {
    url: mcpServer.url.href,
    account: { username: "demo", password: "a password of a test" },
    expire: async () => mcpServer.rejectSeenTokens(),
    forget: async () => {
      await stop(running)
      running = await start(running.port)
    },
    count: async (path, grant) =>
      asked.filter((line) => line.startsWith(`asked ${path} `) && line.endsWith(grant ?? "")).length,
    close: async () => void (await Promise.all([mcpServer.close(), stop(running)]))
  }
}
