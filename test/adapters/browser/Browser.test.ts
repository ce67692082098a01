import { chmodSync, existsSync, readFileSync, watch, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Deferred, Effect, Layer, Logger } from "effect"
import * as Browser from "../../../src/adapters/browser/Browser.ts"
import { Browser as Port } from "../../../src/ports/Browser.ts"
import { temporaryFolder } from "../TemporaryFolder.ts"

const open = (url: string, browser: string) =>
  Port.use((service) => service.open(new URL(url))).pipe(
    Effect.provide(
      Layer.merge(Browser.layer, ConfigProvider.layer(ConfigProvider.fromEnv({ env: { BROWSER: browser } })))
    )
  )

/** What a program writes into a file, once it has. */
const written = (folder: string, name: string) =>
  Effect.callback<string>((resume) => {
    const path = join(folder, name)
    const look = () => {
      if (!existsSync(path)) return
      watcher.close()
      resume(Effect.succeed(readFileSync(path, "utf8").trim()))
    }
    const watcher = watch(folder, look)
    look()
  })

/** A program that writes down what it was called with, a line each, and then is done. */
const recorder = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  const program = join(folder, "browser")
  writeFileSync(
    program,
    `#!/bin/sh\nprintf '%s\\n' "$@" > "${folder}/new"\nmv "${folder}/new" "${folder}/called"\n`
  )
  chmodSync(program, 0o755)
  const called = Effect.map(written(folder, "called"), (text) => text.split("\n"))
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

  it.live("gets the address inside of a word that says %s, as it is", () =>
    Effect.gen(function* () {
      const { called, program } = yield* recorder
      yield* open("https://as.test/a?x=$&", `${program} --url=%s`)
      assert.deepEqual(yield* called, ["--url=https://as.test/a?x=$&"])
    })
  )

  it.live("that ends badly after its start is said in the log", () =>
    Effect.gen(function* () {
      const logged = yield* Deferred.make<string>()
      const logger = Logger.make(({ message }) =>
        Deferred.doneUnsafe(logged, Effect.succeed(String(message)))
      )
      yield* open("https://as.test/a?state=secret", "/bin/false").pipe(Effect.provide(Logger.layer([logger])))
      const warning = yield* Deferred.await(logged)
      assert.include(warning, "/bin/false")
      assert.include(warning, "exit code 1")
      assert.notInclude(warning, "secret")
    })
  )

  it.live("that ends badly after its start tells the caller, who asks for it", () =>
    Effect.gen(function* () {
      const told = yield* Deferred.make<string>()
      yield* Port.use(({ open }) =>
        open(new URL("https://as.test/a"), undefined, ({ message }) => Deferred.succeed(told, message))
      ).pipe(
        Effect.provide(
          Browser.layer.pipe(
            Layer.provideMerge(
              ConfigProvider.layer(ConfigProvider.fromEnv({ env: { BROWSER: "/bin/false" } }))
            )
          )
        )
      )
      assert.strictEqual(
        yield* Deferred.await(told),
        "No browser could be opened: /bin/false ended with exit code 1. Open the URL above yourself."
      )
    })
  )

  it.live("is not waited for", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const program = join(folder, "browser")
      writeFileSync(
        program,
        `#!/bin/sh\necho $$ > "${folder}/new"\nmv "${folder}/new" "${folder}/pid"\nexec tail -f /dev/null\n`
      )
      chmodSync(program, 0o755)
      yield* open("https://as.test/a", program)
      process.kill(Number(yield* written(folder, "pid")))
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
      assert.include(error.message, "Open the URL above yourself.")
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
