import { writeSync } from "node:fs"
import { createRequire } from "node:module"
import type { Worker } from "node:worker_threads"
import { keyringEntries } from "./KeyringEntries.ts"
import { faultOf } from "./KeyringFault.ts"
import { type KeyringMessage, type KeyringRequest, lines } from "./KeyringMessages.ts"
import type { KeyringBackend } from "./KeyringName.ts"

// The program of the keyring process. A system call may block it forever and cannot be cancelled from within: the
// parent kills it.

const backend = process.argv[2] as KeyringBackend

/** Writes synchronously: a blocking call would hold back what a stream has buffered. */
const say = (message: KeyringMessage) => {
  const bytes = Buffer.from(`${JSON.stringify(message)}\n`)
  for (let sent = 0; sent < bytes.length;) {
    try {
      sent += writeSync(1, bytes, sent)
    } catch (error) {
      // The pipe is full; its reader makes room.
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) process.exit(1)
    }
  }
}

/**
 * Kills this process if a call blocks it for 90 seconds, longer than any timeout of the parent: the parent may have
 * been killed. It is a thread, because the call blocks the event loop.
 */
const makeWatchdog = (): Worker => {
  const { Worker } = process.getBuiltinModule("node:worker_threads")
  const watchdog = new Worker(
    `const { parentPort } = require("node:worker_threads")
     let timer
     parentPort.on("message", (busy) => {
       clearTimeout(timer)
       if (busy) timer = setTimeout(() => process.kill(process.pid, "SIGKILL"), 90_000)
     })`,
    { eval: true }
  )
  watchdog.unref()
  return watchdog
}
let watchdog: Worker | undefined
const watch = (busy: boolean) => {
  watchdog ??= makeWatchdog()
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is a window's; a thread's has no origin
  watchdog.postMessage(busy)
}

/** Closes the connections of entries that are no longer held. With `--expose-gc` Node would not use its own compiled code at the start. */
const collect = () => {
  try {
    process.getBuiltinModule("node:v8").setFlagsFromString("--expose-gc")
    process.getBuiltinModule("node:vm").runInNewContext("gc")()
  } catch {
    // Another runtime collects when it does.
  }
}

const load = () => {
  try {
    // Faster than `import`, which reads the package for the names of its exports.
    const require = createRequire(import.meta.filename)
    const { Entry, findCredentials } = require("@napi-rs/keyring") as typeof import("@napi-rs/keyring")
    const connected = () => say({ tag: "connected" })
    const entries = keyringEntries(backend, { Entry }, connected, collect)
    const find = (service: string) => {
      connected()
      return JSON.stringify(findCredentials(service))
    }
    return { entries, find }
  } catch (error) {
    return { fault: faultOf(error) }
  }
}
type Loaded = ReturnType<typeof load>

const answer = (loaded: Loaded, request: KeyringRequest): KeyringMessage => {
  if (loaded.entries === undefined) return { tag: "fault", fault: loaded.fault }
  const { account } = request
  try {
    switch (request.op) {
      case "get": {
        const secret = loaded.entries.get(account)
        return { tag: "answer", answer: secret === null ? null : Buffer.from(secret).toString("base64") }
      }
      case "set":
        loaded.entries.set(account, Buffer.from(request.secret, "base64"))
        return { tag: "answer", answer: null }
      case "find":
        return { tag: "answer", answer: loaded.find(account) }
      case "remove":
        return { tag: "answer", answer: loaded.entries.remove(account) }
    }
  } catch (error) {
    return { tag: "fault", fault: faultOf(error) }
  }
}

const serve = (loaded: Loaded) => {
  process.stdin.setEncoding("utf8")
  process.stdin.on(
    "data",
    lines((line) => {
      watch(true)
      say(answer(loaded, JSON.parse(line) as KeyringRequest))
      watch(false)
    })
  )
  process.stdin.on("end", () => process.exit(0))
  say({ tag: "ready" })
}

serve(load())
