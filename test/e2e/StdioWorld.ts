import type { ChildProcess } from "node:child_process"
import { createInterface } from "node:readline"
import type { Home, Running, RunOptions } from "./World.ts"

/** A message as a client sees it. */
export interface Message {
  readonly id?: unknown
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: Record<string, unknown>
  readonly error?: { readonly code: number; readonly message: string }
}

/** An MCP client that has started the proxy. */
export interface StdioClient extends Running {
  readonly write: (message: object | string) => void
  /** Sends a request, and gives the response to it. */
  readonly ask: (method: string, params?: object) => Promise<Message>
  /** The handshake. */
  readonly connect: () => Promise<Message>
  /** Every line of stdout. */
  readonly lines: ReadonlyArray<string>
}

/** Starts `mcp-cli proxy`, and speaks to it as a client does. */
export const startProxy = (
  home: Home,
  args: ReadonlyArray<string> = ["demo"],
  options: RunOptions = {}
): StdioClient => {
  const running = home.start(["proxy", ...args], { ...options, openInput: true })
  const child = running.child as ChildProcess & {
    stdin: NodeJS.WritableStream
    stdout: NodeJS.ReadableStream
  }
  const waiting = new Map<unknown, (message: Message) => void>()
  const lines: Array<string> = []
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line)
    const message = JSON.parse(line) as Message
    waiting.get(message.id)?.(message)
  })
  const write = (message: object | string) =>
    void child.stdin.write(`${typeof message === "string" ? message : JSON.stringify(message)}\n`)
  let last = 0
  const ask = (method: string, params: object = {}) =>
    new Promise<Message>((done, reject) => {
      const id = ++last
      waiting.set(id, done)
      void running.ended.then(({ code, stderr }) => reject(new Error(`it ended with ${code}: ${stderr}`)))
      write({ jsonrpc: "2.0", id, method, params })
    })
  return {
    ...running,
    lines,
    write,
    ask,
    connect: async () => {
      const answer = await ask("initialize", {
        protocolVersion: "2025-11-25",
        capabilities: {},
        clientInfo: { name: "test", version: "1" }
      })
      if (answer.error === undefined) write({ jsonrpc: "2.0", method: "notifications/initialized" })
      return answer
    }
  }
}
