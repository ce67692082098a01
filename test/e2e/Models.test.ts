import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { modelServer } from "../servers/ModelServer.ts"
import { shared } from "../servers/shared.ts"
import { type Home, makeHome } from "./World.ts"

const key = "sk-live-of-a-user"
const server = shared(modelServer({ key, models: ["only-here"] }))
let user: Home
beforeAll(() => {
  user = makeHome("https://mcp.example.com")
  const closed = { base_url: "http://127.0.0.1:1/v1" }
  user.configure({
    mcpServers: {},
    tokenStorage: { backend: "encrypted" },
    models: {
      providers: { work: { base_url: server().baseUrl }, lmstudio: closed, llamacpp: closed, vllm: closed }
    }
  })
})
afterAll(() => user.close())

/** Every file of the user, as one text. */
const files = (folder: string): string =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .flatMap((entry) => (entry.isFile() ? [readFileSync(join(entry.parentPath, entry.name), "latin1")] : []))
    .join("\n")

const run = (args: ReadonlyArray<string>, stdin = "") =>
  user.run(args, { stdin, env: { OLLAMA_HOST: "127.0.0.1:1" } })

describe("the key of a provider of models", () => {
  it("is stored with the sign-ins, is none of them, and opens the models of its provider", async () => {
    const before = await run(["models"])
    assert.match(before.stderr, /work: it answered HTTP 401/)

    const stored = await run(["models", "key", "work"], `${key}\n`)
    assert.strictEqual(stored.code, 0, stored.stderr)
    assert.include(stored.stderr, `It is sent to ${server().origin} only.`)
    assert.notInclude(`${stored.stdout}${stored.stderr}${files(user.home)}`, key)

    const listed = await run(["models", "--json"])
    assert.notInclude(listed.stdout + listed.stderr, key)
    const { providers } = JSON.parse(listed.stdout) as {
      readonly providers: ReadonlyArray<Readonly<Record<string, unknown>>>
    }
    const work = providers.find(({ provider }) => provider === "work")
    assert.deepInclude(work, { source: "the stored key", problem: null })
    const model = { name: "work:only-here", tools: null, images: null, contextSize: null, warning: null }
    assert.deepInclude(work?.["models"], model)

    const status = await run(["auth", "status", "--json"])
    assert.deepStrictEqual(JSON.parse(status.stdout), [])
    assert.include((await run(["storage"])).stdout, "0 sign-ins")

    const removed = await run(["models", "key", "work", "--remove"])
    assert.include(removed.stderr, "The key of work is removed.")
    assert.match((await run(["models"])).stderr, /work: it answered HTTP 401/)
  })

  it("is refused if it is empty, no key, or of no provider", async () => {
    const table = [
      [["models", "key", "work"], "", "The key is empty."],
      [["models", "key", "work"], "two words", "This is not a key"],
      [["models", "key", "wrk"], key, "Did you mean work?"]
    ] as const
    for (const [args, stdin, problem] of table) {
      const { code, stderr } = await run(args, stdin)
      assert.strictEqual(code, 2)
      assert.include(stderr, problem)
      assert.notInclude(stderr, key)
    }
  })
})
