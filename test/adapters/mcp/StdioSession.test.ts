import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import type { StdioServer } from "../../../src/domain/Server.ts"
import { McpConnector } from "../../../src/ports/McpConnector.ts"
import { connector } from "./McpWorld.ts"

const program = fileURLToPath(new URL("stdio-server.ts", import.meta.url))

const stdioServer = (args: ReadonlyArray<string>, rest: Partial<StdioServer> = {}): StdioServer => ({
  _tag: "Stdio",
  name: "local",
  command: process.execPath,
  args: [program, ...args],
  env: {},
  cwd: undefined,
  ...rest
})

const connect = (server: StdioServer) => McpConnector.use((connector) => connector.connectStdio(server))

/** A file that each process of the program writes its id to. */
const journal = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "mcp-stdio-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
).pipe(
  Effect.map((folder) => {
    const file = join(folder, "pids")
    return {
      env: { JOURNAL: Redacted.make(file) },
      pids: () => readFileSync(file, "utf8").trim().split("\n").map(Number)
    }
  })
)

const runs = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Runs a process of ours that opens a session with a program, lists its tools and closes the session. */
const host = (options: { readonly args: ReadonlyArray<string>; readonly showOutput: boolean }) =>
  Effect.callback<{ readonly code: number | null; readonly output: string; readonly errors: string }>(
    (resume) => {
      const script = fileURLToPath(new URL("stdio-host.ts", import.meta.url))
      const child = spawn(process.execPath, [script, JSON.stringify(options)])
      let output = ""
      let errors = ""
      child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString("utf8")))
      child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString("utf8")))
      child.on("close", (code) => resume(Effect.succeed({ code, output, errors })))
      return Effect.sync(() => child.kill())
    }
  )

describe("a session with a program", () => {
  for (const { kind, protocol, processes } of [
    { kind: "both-eras", protocol: "2026-07-28", processes: 1 },
    { kind: "legacy", protocol: "2025-11-25", processes: 1 },
    { kind: "strict", protocol: "2025-11-25", processes: 2 }
  ]) {
    it.effect(`starts it as few times as it can and leaves no process: ${kind}`, () =>
      Effect.gen(function* () {
        const { env, pids } = yield* journal
        yield* Effect.scoped(
          Effect.gen(function* () {
            const session = yield* connect(stdioServer([kind], { env }))
            assert.deepStrictEqual(session.server, { name: "example", version: "1.2.3", protocol })
            assert.deepStrictEqual(
              (yield* session.tools).map(({ name }) => name),
              ["echo"]
            )
            const { content } = yield* session.call("echo", { text: "hello" })
            assert.deepStrictEqual(content, [{ _tag: "Text", text: "hello" }])
            const text = "é\n".repeat(2 ** 18)
            const long = yield* session.call("echo", { text })
            assert.deepInclude(long.raw, { content: [{ type: "text", text }] })
            yield* session.ping
            assert.strictEqual(pids().length, processes)
            assert.isTrue(runs(pids().at(-1)!))
          })
        )
        assert.deepStrictEqual(pids().filter(runs), [])
      }).pipe(Effect.provide(connector))
    )
  }

  it.effect("gives it the variables of its entry and none of ours but the harmless ones", () =>
    Effect.gen(function* () {
      process.env["OUR_SECRET"] = "hunter2"
      yield* Effect.addFinalizer(() => Effect.sync(() => delete process.env["OUR_SECRET"]))
      const env = { THEIR_SECRET: Redacted.make("hunter3") }
      const session = yield* connect(stdioServer(["legacy"], { env }))
      const { structured } = yield* session.call("environment", {})
      const variables = Option.getOrThrow(structured)
      assert.deepInclude(variables, { THEIR_SECRET: "hunter3", PATH: process.env["PATH"] })
      assert.notProperty(variables, "OUR_SECRET")
    }).pipe(Effect.provide(connector))
  )

  it.effect("runs it in the folder of its entry", () =>
    Effect.gen(function* () {
      const session = yield* connect(stdioServer(["legacy"], { cwd: "/" }))
      const { structured } = yield* session.call("folder", {})
      assert.deepStrictEqual(structured, Option.some({ folder: "/" }))
    }).pipe(Effect.provide(connector))
  )

  it.effect("says that it ended in the middle of a message that it was sent", () =>
    Effect.gen(function* () {
      // It ends with the first part of a line that has not arrived as a whole.
      const code = `process.stdin.on("data", (chunk) => {
        if (!chunk.toString().endsWith("\\n")) process.exit(7)
        for (const line of chunk.toString().trim().split("\\n")) {
          const { id, method } = JSON.parse(line)
          const result = { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "a", version: "1" } }
          const answer = method === "initialize" ? { result } : { error: { code: -32601, message: "unknown" } }
          if (id !== undefined) console.log(JSON.stringify({ jsonrpc: "2.0", id, ...answer }))
        }
      })`
      const session = yield* connect({ ...stdioServer([]), args: ["-e", code] })
      const error = yield* Effect.flip(session.call("store", { text: "x".repeat(4_000_000) }))
      assert.match(errorText(error), /^local: its program ended with exit code 7\./)
    }).pipe(Effect.provide(connector))
  )

  it.effect("says so where the program ends, and starts it again for the next request", () =>
    Effect.gen(function* () {
      const session = yield* connect(stdioServer(["legacy"]))
      const error = yield* Effect.flip(session.call("exits", {}))
      assert.strictEqual(
        errorText(error),
        "local: its program ended with exit code 7. It wrote: goodbye. The call may have been carried out.\nCheck whether it was, before you repeat it.\nTo see all that it writes, add -v, or run it by hand."
      )
      assert.strictEqual((yield* session.tools).length, 1)
    }).pipe(Effect.provide(connector))
  )

  it.effect("quotes a program that ends at once, without the secrets of its entry", () =>
    Effect.gen(function* () {
      const env = { DATABASE_PASSWORD: Redacted.make("hunter2hunter2") }
      const error = yield* Effect.flip(connect(stdioServer(["broken"], { env })))
      assert.strictEqual(
        errorText(error),
        "local: its program ended with exit code 1. It wrote: cannot reach the database with ….\nTo see all that it writes, add -v, or run it by hand."
      )
    }).pipe(Effect.provide(connector))
  )

  it.effect("says what is missing where there is no such program or folder", () =>
    Effect.gen(function* () {
      const missing = yield* Effect.flip(connect(stdioServer([], { command: "no-such-program" })))
      assert.strictEqual(
        errorText(missing),
        `local: there is no program "no-such-program".\nCheck "command" in the entry of local.\nIf it is right, install the program.`
      )
      const folder = yield* Effect.flip(connect(stdioServer(["legacy"], { cwd: "/no/such/folder" })))
      assert.include(
        errorText(folder),
        `no folder /no/such/folder.\nCheck "command" and "cwd" in the entry of local.`
      )
      const plain = yield* Effect.flip(connect(stdioServer([], { command: fileURLToPath(import.meta.url) })))
      assert.include(errorText(plain), "may not be run.")
      assert.include(errorText(plain), "make the program executable")
    }).pipe(Effect.provide(connector))
  )

  it.effect("lets it write to our standard error only where that is asked for", () =>
    Effect.gen(function* () {
      const shown = yield* host({ args: [process.execPath, program, "talks"], showOutput: true })
      assert.deepStrictEqual(shown, { code: 0, output: "1 tool\n", errors: "listening\n" })
      const hidden = yield* host({ args: [process.execPath, program, "talks"], showOutput: false })
      assert.deepStrictEqual(hidden, { code: 0, output: "1 tool\n", errors: "" })
    })
  )

  it.effect("lets our process end although the program has left another one behind", () =>
    Effect.gen(function* () {
      const { env, pids } = yield* journal
      yield* Effect.addFinalizer(() => Effect.sync(() => process.kill(pids()[0]!)))
      const script = `sleep 600 & echo $! >> "$0"; exec "$1" "$2" legacy`
      const args = ["sh", "-c", script, Redacted.value(env.JOURNAL), process.execPath, program]
      const ended = yield* host({ args, showOutput: false })
      assert.deepStrictEqual(ended, { code: 0, output: "1 tool\n", errors: "" })
      assert.isTrue(runs(pids()[0]!))
    })
  )
})
