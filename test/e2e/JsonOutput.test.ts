import { copyFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Exit, Schema, Scope } from "effect"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { jsonError, jsonOutputs } from "../../src/app/cli/JsonOutput.ts"
import { type ModelServer, modelServer } from "../servers/ModelServer.ts"
import { startWorld, type World } from "./World.ts"

const scope = Effect.runSync(Scope.make())
let world: World
let model: ModelServer
beforeAll(async () => {
  world = await startWorld()
  model = await Effect.runPromise(Effect.provideService(modelServer(), Scope.Scope, scope))
})
afterAll(async () => {
  await world.close()
  await Effect.runPromise(Scope.close(scope, Exit.void))
})

/** Fails if JSON has another name or type than its schema. */
const decode = (schema: Schema.Decoder<unknown>, text: string) =>
  Schema.decodeUnknownSync(schema, { onExcessProperty: "error" })(JSON.parse(text))

/** The commands of the table, in an order in which each has something to show. */
const runs: ReadonlyArray<readonly [keyof typeof jsonOutputs, ...args: ReadonlyArray<string>]> = [
  ["servers"],
  ["add", "other", "https://other.example.com/mcp"],
  ["import"],
  ["import --tokens"],
  ["remove", "other"],
  ["install"],
  ["install --client", "cursor", "--force", "--yes", "demo"],
  ["uninstall", "demo", "--all", "--yes"],
  ["export", "--to", "mcp.json"],
  ["auth doctor", "demo"],
  ["auth login", "demo"],
  ["auth status"],
  ["auth token", "demo"],
  ["auth token --header", "demo"],
  ["auth headers", "demo"],
  ["proxy", "demo", "--port", "0"],
  ["tools", "demo"],
  ["resources", "demo"],
  ["prompts", "demo"],
  ["call", "demo", "add", "a=1", "b=2"],
  ["ping", "demo"],
  ["ask", "demo", "echo this", "--allow", "demo:echo"],
  ["models"],
  ["models key", "openai", "--remove"],
  ["secret set", "demo", "API_KEY"],
  ["secret list"],
  ["secret remove", "demo", "API_KEY"],
  ["storage"],
  ["storage move", "--to", "encrypted"],
  ["storage rekey"],
  ["trust"],
  ["auth client-metadata", "--url", "https://example.com/client.json"],
  ["auth logout", "demo"],
  ["auth logout --all", "--yes"],
  ["auth reset", "demo"]
]

describe("--json", () => {
  it("prints what docs/json.md says, for every command", async () => {
    assert.sameMembers(
      runs.map(([name]) => name),
      Object.keys(jsonOutputs)
    )
    copyFileSync(join(world.home, ".mcp_cli", "server_config.json"), join(world.home, "server_config.json"))
    const configFile = join(world.home, ".mcp_cli", "server_config.json")
    const newPassword = "another password of the tests"
    let env: Readonly<Record<string, string>> = { MCP_CLI_NEW_ENCRYPTION_KEY: newPassword }
    for (const [name, ...args] of runs) {
      const file = name === "trust" ? [] : ["--config-file", configFile]
      const running = world.start([...name.split(" "), ...args, ...file, "--json"], {
        env: { MCP_CLI_MODEL: "scripted", MCP_CLI_MODEL_BASE_URL: model.baseUrl, ...env },
        ...(name === "secret set" ? { stdin: "a secret" } : {})
      })
      // It serves until a signal ends it.
      if (name === "proxy") running.child.stdout?.once("data", () => running.child.kill())
      const run = await running.ended
      assert.strictEqual(run.code, 0, `${name}: ${run.stderr}`)
      // One event a line.
      const results = name === "ask" ? run.stdout.trim().split("\n") : [run.stdout]
      for (const result of results) decode(jsonOutputs[name], result)
      if (name === "storage rekey") env = { MCP_CLI_ENCRYPTION_KEY: newPassword }
    }
    const status = await world.run(["auth", "status", "--json", "--config-file", configFile], { env })
    assert.strictEqual(status.code, 3)
    decode(jsonOutputs["auth status"], status.stdout)
    decode(jsonError, status.stderr)
  })

  it("prints every error as JSON, those of the command line too", async () => {
    const failing = [
      [2, "--nope"],
      [2, "tools"],
      [2, "call", "demo"],
      [2, "auth", "logn"],
      [2, "tools", "demo", "--color", "blue"],
      [2, "tools", "none", "--config-file", join(world.home, "server_config.json")],
      [2, "servers", "--config-file", "/nonexistent"],
      [3, "auth", "token", "demo", "--config-file", join(world.home, "server_config.json")]
    ] as const
    await Promise.all(
      failing.map(async ([code, ...args]) => {
        const run = await world.run([...args, "--json"])
        assert.strictEqual(run.code, code, args.join(" "))
        assert.strictEqual(run.stdout, "")
        decode(jsonError, run.stderr)
      })
    )
  })
})
