import { spawn, spawnSync } from "node:child_process"
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { startWorld, type World } from "./World.ts"

const has = (program: string) => spawnSync(program, ["--version"]).status === 0
const hasScript = spawnSync("script", ["--version"], { encoding: "utf8" }).stdout?.includes("util-linux")

/** How each shell starts without the files of its user, and reads the completions. */
const shells = {
  bash: { start: "bash --norc --noprofile -i", source: 'eval "$(mcp-cli completions bash)"' },
  zsh: { start: "zsh -f -i", source: "source <(mcp-cli completions zsh)" },
  fish: { start: "fish --no-config -i", source: "mcp-cli completions fish | source" }
} as const

let world: World
let bin: string
beforeAll(async () => {
  world = await startWorld()
  const url = world.mcpServer.url.href
  bin = join(world.home, "bin")
  mkdirSync(bin)
  symlinkSync(resolve("dist/bin/mcp-cli.cjs"), join(bin, "mcp-cli"))
  symlinkSync(process.execPath, join(bin, "node"))
  world.configure({
    mcpServers: {
      demo: { url },
      notion: { url: "https://notion.test/mcp" },
      "my server": { url },
      "it's $HOME": { url },
      "a:b": { url },
      "$(touch pwned)": { url },
      "evil\u001b]0;x\u0007": { url }
    }
  })
  await world.run(["auth", "login", "demo", "--account", "work"])
  await world.run(["tools", "demo", "--account", "work"])
})
afterAll(() => world.close())

/** A shell at a terminal. */
const startShell = (start: string) => {
  const child = spawn(
    "script",
    ["--quiet", "--flush", "--command", `stty cols 200; exec ${start}`, "/dev/null"],
    {
      cwd: world.home,
      env: {
        PATH: `${bin}:${process.env["PATH"]}`,
        HOME: world.home,
        TERM: "dumb",
        LANG: "C.UTF-8",
        XDG_CACHE_HOME: resolve("node_modules/.cache"),
        // No key: a password would be asked for.
        DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent"
      }
    }
  )
  let shown = ""
  const waiting: Array<() => void> = []
  child.stdout.on("data", (chunk: Buffer) => {
    shown += chunk.toString()
    for (const look of waiting.splice(0)) look()
  })
  const ended = new Promise<void>((done) => child.once("close", () => done()))
  return {
    /** Types, and waits until the terminal shows what follows. */
    type: (keys: string, expected: RegExp) =>
      new Promise<string>((done, reject) => {
        const before = shown.length
        const look = () => {
          const found = expected.exec(shown.slice(before))
          if (found === null) return void waiting.push(look)
          return done(found[1] ?? "")
        }
        void ended.then(() => reject(new Error(`it ended and has shown: ${shown}`)))
        child.stdin.write(keys)
        look()
      }),
    all: () => shown,
    close: () => {
      child.stdin.end("\u0003\u0004exit\n")
      return ended
    }
  }
}

describe.skipIf(!hasScript)("completions (needs script of util-linux)", () => {
  it.each(Object.keys(shells).filter(has) as ReadonlyArray<keyof typeof shells>)(
    "complete in %s",
    async (name) => {
      const { source, start } = shells[name]
      const shell = startShell(start)
      await shell.type(`${source}; echo rea''dy\n`, /ready\r?\n/)
      /** The words of a command line that ends with TABs. */
      const wordsOf = async (line: string) => {
        const home = "\u0001"
        // What follows the last word shows that it is the last.
        const words = await shell.type(
          `${line}${home}printf '[%s]' start \n`,
          /\[start\](\[mcp-cli\].*?\])(?=[^[])/
        )
        return words.slice("[mcp-cli]".length)
      }
      for (const [line, words] of [
        ["mcp-cli to\tmy\t", "[tools][my server]"],
        ['mcp-cli tools "it\t', "[tools][it's $HOME]"],
        ["mcp-cli tools 'my\t", "[tools][my server]"],
        ["mcp-cli tools \\$\\(\t", "[tools][$(touch pwned)]"],
        ["mcp-cli tools a:\t", "[tools][a:b]"],
        ["mcp-cli storage move --to sec\t", "[storage][move][--to][secretservice]"],
        ["mcp-cli storage move --to=sec\t", "[storage][move][--to=secretservice]"],
        ["mcp-cli models key opena\t", "[models][key][openai]"],
        ["mcp-cli auth login demo --acc\two\t", "[auth][login][demo][--account][work]"],
        [
          "mcp-cli --config-file .mcp_cli/server_c\tauth status no\t",
          "[--config-file][.mcp_cli/server_config.json][auth][status][notion]"
        ],
        ["mcp-cli call demo ech\tte\tx", "[call][demo][echo][text=x]"]
      ] as const) {
        assert.strictEqual(await wordsOf(line), words, line)
      }
      assert.notMatch(shell.all(), /warning|error|password/i)
      assert.notInclude(shell.all(), "evil")
      await shell.close()
    }
  )

  it("say nothing where nothing is known", async () => {
    writeFileSync(join(world.home, "broken.json"), "{")
    const found = join(world.home, "found")
    mkdirSync(found)
    const stranger = { mcpServers: { stranger: { url: "https://stranger.test/mcp" } } }
    writeFileSync(join(found, "server_config.json"), JSON.stringify(stranger))
    for (const [line, cwd] of [
      ["mcp-cli tools --config-file broken.json ", world.home],
      ["mcp-cli tools --config-file none ", world.home],
      ["mcp-cli tools ", found]
    ] as const) {
      const ended = await world.run(["__complete", "bash", line], { cwd })
      assert.deepEqual(ended, { code: 0, stdout: "names\n", stderr: "" })
    }
  })
})
