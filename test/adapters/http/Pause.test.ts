import { spawn } from "node:child_process"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { resolve } from "node:path"
import { assert, describe, it } from "vitest"

/** The answer that a process prints which was paused, from its request until after its timeout. */
const answerAfterPause = async (way: "core" | "undici"): Promise<string> => {
  const server = createServer((request, response) => {
    request.resume().once("end", () => {
      child.kill("SIGSTOP")
      response.end("the answer")
      // Longer than the timeout of the request, which is what the pause is about. That is long enough for a loaded machine.
      response.once("finish", () => setTimeout(() => child.kill("SIGCONT"), 3300))
    })
  })
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  const { port } = server.address() as AddressInfo
  const child = spawn(process.execPath, [
    resolve("test/adapters/http/sender.ts"),
    `http://127.0.0.1:${port}/`,
    way
  ])
  let printed = ""
  child.stdout.on("data", (chunk: Buffer) => {
    printed += chunk.toString()
  })
  await new Promise((done) => child.once("close", done))
  server.closeAllConnections()
  await new Promise((done) => server.close(done))
  return printed
}

describe.each(["undici", "core"] as const)(
  "a process that is paused until after the timeout of its request by %s",
  (way) => {
    // Whether the timer or the socket comes first is a matter of luck: about one in three without a second look.
    it("reads the answer that waits in the socket, in each of twelve runs", async () => {
      const answers = await Promise.all(Array.from({ length: 12 }, () => answerAfterPause(way)))
      assert.deepEqual([...new Set(answers)], ["the answer"])
    })
  }
)
