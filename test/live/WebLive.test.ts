import { Worker } from "node:worker_threads"
import { resolve } from "node:path"
import { build } from "rolldown"
import { assert, describe, it } from "vitest"
import { sizeOf, smallestWebProgram } from "../../bench/sizes.ts"
import { startAuthorizationServer } from "../servers/AuthorizationServer.ts"
import { followRedirects } from "../servers/BrowserUser.ts"
import { startMcpServer } from "../servers/McpServer.ts"

/** The program as one script for a browser, which leaves `WebProgram` behind. */
const script = async (): Promise<string> => {
  const { output } = await build({
    input: resolve("test/live/WebProgram.ts"),
    platform: "browser",
    output: { format: "iife", name: "WebProgram", codeSplitting: false },
    write: false,
    logLevel: "silent"
  })
  assert.lengthOf(output, 1)
  return output[0].code
}

/** Hides what only Node has from the program, and passes its sign-in on to the test. */
const worker = (program: string) => `
  const { parentPort, workerData: { url, init } } = require("node:worker_threads")
  const approve = (address) => new Promise((done) => {
    parentPort.once("message", done)
    parentPort.postMessage({ address })
  })
  ;((require, module, exports, __dirname, __filename, process, Buffer, global, setImmediate) => {
    ${program}
    WebProgram.request(url, init, approve).then(
      (status) => parentPort.postMessage({ status, node: typeof process }),
      (error) => parentPort.postMessage({ error: String(error.stack) })
    )
  })()
`

describe("./web", () => {
  it("signs in and sends the token where there is no Node", async () => {
    const authorizationServer = await startAuthorizationServer({ autoApprove: true })
    const mcpServer = await startMcpServer({ authorizationServer })
    const init = {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} })
    }
    const running = new Worker(worker(await script()), {
      eval: true,
      workerData: { url: mcpServer.url.href, init }
    })
    try {
      const result = await new Promise((done, reject) => {
        running.once("error", reject)
        running.on("message", async (message: { readonly address?: string }) => {
          if (message.address === undefined) return done(message)
          const redirectUri = new URL(message.address).searchParams.get("redirect_uri") ?? ""
          running.postMessage((await followRedirects(message.address, redirectUri)).url, [])
        })
      })
      assert.deepEqual(result, { status: 200, node: "undefined" })
      assert.strictEqual(authorizationServer.counts.get("token:authorization_code"), 1)
    } finally {
      await running.terminate()
      await Promise.all([authorizationServer.close(), mcpServer.close()])
    }
  })

  it("is small: at most 132 kB with Effect, minified and compressed", async () => {
    const { gzip, ours } = await sizeOf(smallestWebProgram)
    assert.isBelow(gzip, 132_000)
    // It is 20.9 kB: docs/decisions/0019-entry-points.md.
    assert.isBelow(ours, 21_650)
    assert.isAbove(ours, 10_000)
  })
})
