import { chmodSync, existsSync, readFileSync, watch, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import * as Browser from "../../../src/adapters/browser/Browser.ts"
import { Browser as Port } from "../../../src/ports/Browser.ts"
import { temporaryFolder } from "../TemporaryFolder.ts"

const open = (url: string, browser: string) =>
  Port.use((service) => service.open(new URL(url))).pipe(
    Effect.provide(
      Layer.merge(Browser.layer, ConfigProvider.layer(ConfigProvider.fromEnv({ env: { BROWSER: browser } })))
    )
  )

/** A program that writes down what it was called with, a line each, and then is done. */
const recorder = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  const program = join(folder, "browser")
  writeFileSync(
    program,
    `#!/bin/sh\nprintf '%s\\n' "$@" > "${folder}/new"\nmv "${folder}/new" "${folder}/called"\n`
  )
  chmodSync(program, 0o755)
  const called = Effect.callback<ReadonlyArray<string>>((resume) => {
    const path = join(folder, "called")
    const look = () => {
      if (!existsSync(path)) return
      watcher.close()
      resume(Effect.succeed(readFileSync(path, "utf8").trim().split("\n")))
    }
    const watcher = watch(folder, look)
    look()
  })
  return { program, folder, called }
})

describe("$BROWSER", () => {
  it.live("gets the address as one argument, which no shell has read", () =>
    Effect.gen(function* () {
      const { called, folder, program } = yield* recorder
      const url = `https://as.test/a?x=1&y=$(touch${"${IFS}"}${folder}/pwned);touch+${folder}/pwned`
      yield* open(url, `${program} --new window`)
      assert.deepEqual(yield* called, ["--new", "window", new URL(url).href])
      assert.isFalse(existsSync(join(folder, "pwned")))
    })
  )

  it.live("gets the address where it says %s", () =>
    Effect.gen(function* () {
      const { called, program } = yield* recorder
      yield* open("https://as.test/a", `${program} --url %s --last`)
      assert.deepEqual(yield* called, ["--url", "https://as.test/a", "--last"])
    })
  )

  it.live("may name several, of which the first that starts is taken", () =>
    Effect.gen(function* () {
      const { called, program } = yield* recorder
      yield* open("https://as.test/a", `/no/such/program:${program}`)
      assert.deepEqual(yield* called, ["https://as.test/a"])
    })
  )

  it.live("that cannot be started is said, with what to do", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(open("https://as.test/a", "/no/such/program"))
      assert.include(error.message, "ENOENT")
      assert.include(error.message, "by hand")
    })
  )

  it.live.each(["javascript:alert(1)", "file:///etc/passwd", "http://as.test/", "vbscript:x"])(
    "is never given %s",
    (url) =>
      Effect.gen(function* () {
        const { folder, program } = yield* recorder
        const error = yield* Effect.flip(open(url, program))
        assert.strictEqual(error._tag, "BrowserError")
        assert.isFalse(existsSync(join(folder, "called")))
      })
  )
})
