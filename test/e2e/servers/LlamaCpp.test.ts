import { resolve } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { hasLlama, llamaServer } from "../../servers/LlamaServer.ts"
import { shared } from "../../servers/shared.ts"
import { hasTerminal, startVirtualTerminal } from "../VirtualTerminal.ts"
import { type Home, makeHome } from "../World.ts"

const prompt = /\nYou: $/

describe.skipIf(!hasLlama)("a model that llama.cpp runs (needs scripts/test-servers.sh)", () => {
  const server = shared(llamaServer())
  let user: Home
  beforeAll(() => {
    user = makeHome("")
    const stdio = (script: string) => ({
      command: process.execPath,
      args: [resolve(`test/servers/${script}.ts`)]
    })
    const closed = { base_url: "http://127.0.0.1:1/v1" }
    user.configure({
      mcpServers: { demo: stdio("screens"), schemas: stdio("schemas") },
      models: {
        providers: {
          lmstudio: closed,
          vllm: closed,
          llamacpp: closed,
          messages: { type: "anthropic", base_url: server().baseUrl }
        }
      }
    })
  })
  afterAll(() => user.close())

  const run = (args: ReadonlyArray<string>, stdin = "") =>
    user.run(args, { stdin, env: { OLLAMA_HOST: "127.0.0.1:1" } })
  const ask = (baseUrl: string, args: ReadonlyArray<string>, stdin?: string) =>
    run(["ask", ...args, "--base-url", baseUrl], stdin)

  it("is listed with its tools and its context", async () => {
    const { code, stdout } = await run(["models", "--base-url", server().baseUrl])
    assert.strictEqual(code, 0)
    assert.match(stdout, /custom:tiny +yes +no +32768 +http:\/\/127\.0\.0\.1:\d+\/v1 \(on this machine\)/)
  })

  it("answers piece by piece, and says how many tokens it took", async () => {
    const { code, stdout } = await ask(server().baseUrl, ["demo", "hello", "--json"])
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    assert.strictEqual(code, 0)
    assert.deepStrictEqual(
      events.flatMap(({ text, type }) => (type === "text" ? [text] : [])),
      ["Hello", " from", " llama.cpp", "."]
    )
    const end = events.at(-1)
    assert.deepInclude(end, { type: "end", model: "custom:tiny", answer: "Hello from llama.cpp." })
    const tokens = end?.["tokens"] as { readonly input: number; readonly output: number } | undefined
    // Each character is about one token.
    assert.isAbove(tokens?.input ?? 0, 1000)
    assert.strictEqual(tokens?.output, 5)
  })

  it.each(["custom", "messages"])("calls a tool, and reads its result (%s)", async (provider) => {
    const question = ["demo", "use a tool", "--allow", "demo:*", "--model", `${provider}:tiny`]
    const at = provider === "custom" ? ["--base-url", server().baseUrl] : []
    const { code, stderr, stdout } = await run(["ask", ...question, ...at])
    assert.strictEqual(code, 0, stderr)
    assert.match(stderr, /demo: search query="" … failed after .* the index is broken/)
    assert.strictEqual(stdout, "The tool has answered: **done**.\n")
  })

  it("takes the schemas of tools that are wrong, or that its grammars do not know", async () => {
    const { code, stderr, stdout } = await ask(server().baseUrl, [
      "schemas",
      "use a tool",
      "--allow",
      "schemas:*"
    ])
    assert.strictEqual(code, 0, stderr)
    assert.strictEqual(stdout, "The tool has answered: **done**.\n")
  })

  it.skipIf(!hasTerminal)("is stopped by Ctrl-C in an answer without an end", async () => {
    const terminal = startVirtualTerminal(user, ["chat", "demo", "--base-url", server().baseUrl], 80, {
      env: { OLLAMA_HOST: "127.0.0.1:1" }
    })
    await terminal.shows(prompt)
    await terminal.type("go on for ever\r", /more more more/)
    await terminal.type("\u0003", /Cancelled\.\nYou: $/)
    // It has one slot: a request that went on would be before this one.
    assert.match(await terminal.type("hello\r", prompt), /Hello from llama\.cpp\./)
    terminal.press("\u0004")
    assert.strictEqual((await terminal.ended).code, 0)
  })

  describe("with a small context", () => {
    const small = shared(llamaServer({ contextSize: 4096 }))

    it("ends an answer at its limit, and says so", async () => {
      const { code, stderr, stdout } = await ask(small().baseUrl, ["demo", "go on for ever", "--model", "x"])
      assert.strictEqual(code, 5, stderr)
      assert.match(stdout, /^more more/)
      assert.include(stderr, "The answer is cut")
    })

    it("refuses a conversation that is too long, with what a user can do", async () => {
      const { code, stderr } = await ask(small().baseUrl, ["demo", "hello"], "a".repeat(4000))
      assert.strictEqual(code, 5)
      assert.match(stderr, /exceeds the available context size \(4096 tokens\)/)
    })
  })

  describe("with a key", () => {
    const locked = shared(llamaServer({ key: "secret" }))

    it("needs it", async () => {
      const without = await ask(locked().baseUrl, ["demo", "hello", "--model", "tiny"])
      assert.strictEqual(without.code, 3)
      assert.match(without.stderr, /HTTP 401: Invalid API Key\.\n.*MCP_CLI_MODEL_API_KEY/)
      const env = { OLLAMA_HOST: "127.0.0.1:1", MCP_CLI_MODEL_API_KEY: "secret" }
      const { code, stdout } = await user.run(
        ["ask", "demo", "hello", "--model", "tiny", "--base-url", locked().baseUrl],
        { env }
      )
      assert.deepInclude({ code, stdout }, { code: 0, stdout: "Hello from llama.cpp.\n" })
    })
  })

  describe("while it loads the model", () => {
    const loading = shared(llamaServer({ isLoading: true }))

    it("is asked again", async () => {
      const waiting = user.start(["ask", "demo", "hello", "--model", "tiny", "--base-url", loading().baseUrl])
      await waiting.shows(/HTTP 503: Loading model\. Trying again in/)
      waiting.child.kill("SIGINT")
      assert.strictEqual((await waiting.ended).code, 130)
    })
  })
})
