import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { hasSecretService, type SecretService, startSecretService } from "../servers/SecretService.ts"
import { startVaultServer, type VaultServer } from "../servers/VaultServer.ts"
import { password, startWorld, type World } from "./World.ts"

/** Every text in the files below a folder. */
const textsBelow = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, "latin1"))

const oneLine = (text: string) => text.trim().split("\n")

describe.skipIf(!hasSecretService)("sign-ins in the keyring (needs dbus and gnome-keyring)", () => {
  let world: World
  let keyring: SecretService
  let env: Readonly<Record<string, string>>

  beforeAll(async () => {
    keyring = await startSecretService()
    world = await startWorld()
    env = {
      DBUS_SESSION_BUS_ADDRESS: keyring.env["DBUS_SESSION_BUS_ADDRESS"] ?? "",
      // With a keyring there is no password to know.
      MCP_CLI_ENCRYPTION_KEY: ""
    }
  })
  afterAll(async () => {
    await world.close()
    await keyring.close()
  })

  it("need no password, are said once to be there, and are in no file", async () => {
    const login = await world.run(["auth", "login", "demo"], { env })
    assert.strictEqual(login.code, 0, login.stderr)
    assert.include(login.stderr, "Sign-ins are stored in the Secret Service")
    const token = await world.run(["auth", "token", "demo"], { env })
    assert.strictEqual(token.code, 0, token.stderr)
    assert.strictEqual(token.stderr, "")
    const secret = token.stdout.trim()
    assert.isFalse(textsBelow(world.home).some((text) => text.includes(secret)))
    const status = await world.run(["auth", "status", "demo", "--json"], { env })
    assert.strictEqual(
      (JSON.parse(status.stdout) as Array<{ keptIn: { backend: string } }>)[0]?.keptIn.backend,
      "secretservice"
    )
  })

  it("are under the names that are documented", async () => {
    const seen = execFileSync("secret-tool", ["search", "service", "mcp-cli-oauth", "username", "demo"], {
      env: { ...process.env, ...keyring.env },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"]
    })
    assert.include(seen, "mcp-cli-oauth credential")
  })

  it("are there for a program that embeds the library as it is built", () => {
    const program = `
      import { CredentialKey, CredentialStore } from "./dist/lib/index.js"
      import { KeyringProcess, KeyringStore } from "./dist/lib/node.js"
      import { Effect, Layer, Option } from "effect"
      const keyring = KeyringProcess.layer({ backend: "secretservice" })
      const store = KeyringStore.layer({ directory: process.argv[1] }).pipe(Layer.provide(keyring))
      const found = CredentialStore.use((open) => open.get(CredentialKey.of("demo")))
      console.log(Option.isSome(await Effect.runPromise(Effect.provide(found, store))))`
    const shown = execFileSync(
      process.execPath,
      ["--input-type=module", "-e", program, join(world.home, "names")],
      { env: { ...process.env, ...env }, encoding: "utf8" }
    )
    assert.strictEqual(shown, "true\n")
  })

  it("are moved to encrypted files and back", async () => {
    const before = await world.run(["auth", "token", "demo"], { env })
    const there = await world.run(["storage", "move", "--to", "encrypted"], {
      env: { ...env, MCP_CLI_ENCRYPTION_KEY: "a password" }
    })
    assert.strictEqual(there.code, 0, there.stderr)
    assert.include(there.stderr, "Moved 1 sign-in to encrypted files.")
    const locked = await world.run(["auth", "token", "demo"], { env })
    assert.strictEqual(locked.code, 4)
    const back = await world.run(["storage", "move", "--to", "keyring"], {
      env: { ...env, MCP_CLI_ENCRYPTION_KEY: "a password" }
    })
    assert.strictEqual(back.code, 0, back.stderr)
    const after = await world.run(["auth", "token", "demo"], { env })
    assert.strictEqual(after.stdout, before.stdout)
    assert.deepStrictEqual(
      readdirSync(join(world.home, ".mcp_cli", "tokens")).filter((name) => name.endsWith(".enc")),
      []
    )
  })

  it("are shown with the copies of a move that was not completed, and with what ends that", async () => {
    const file = join(world.home, ".mcp_cli", "storage", "choice.json")
    const choice = JSON.parse(readFileSync(file, "utf8")) as object
    writeFileSync(file, JSON.stringify({ ...choice, copiedTo: ["encrypted"] }))
    const shown = await world.run(["storage"], { env })
    assert.match(shown.stdout, /Left over +copies in encrypted: a move to it was not completed/)
    assert.match(shown.stdout, /complete it.*: mcp-cli storage move --to encrypted/)
    writeFileSync(file, JSON.stringify(choice))
  })

  it("are listed by a keyring that is locked, and not lost to another backend", async () => {
    await keyring.lock()
    const status = await world.run(["auth", "status"], { env })
    assert.strictEqual(status.code, 4)
    assert.match(status.stdout, /demo +unreadable/)
    assert.include(status.stderr, "is locked")
    const token = await world.run(["auth", "token", "demo"], { env })
    assert.strictEqual(token.code, 4)
    const health = await world.run(["storage"], { env })
    assert.strictEqual(health.code, 4)
    assert.match(health.stdout, /Health +not usable now/)
  })
})

describe("sign-ins in Vault (a double)", () => {
  let world: World
  let vault: VaultServer
  let env: Readonly<Record<string, string>>

  beforeAll(async () => {
    vault = await startVaultServer()
    world = await startWorld()
    env = {
      VAULT_ADDR: vault.url.href,
      VAULT_TOKEN: vault.rootToken,
      MCP_CLI_ENCRYPTION_KEY: "",
      DEBUG: "*"
    }
  })
  afterAll(async () => {
    await world.close()
    await vault.close()
  })

  it("are taken there where the environment names it, and never shown, however much is logged", async () => {
    const login = await world.run(["auth", "login", "demo", "-v"], { env })
    assert.strictEqual(login.code, 0, login.stderr)
    assert.include(login.stderr, "Sign-ins are stored in Vault")
    const token = await world.run(["auth", "token", "demo", "-v"], { env })
    assert.strictEqual(token.code, 0, token.stderr)
    assert.deepStrictEqual(vault.paths("secret"), ["mcp-cli/oauth/demo"])
    for (const secret of [vault.rootToken, token.stdout.trim()]) {
      assert.notInclude(login.stderr + token.stderr, secret)
      assert.isFalse(textsBelow(world.home).some((text) => text.includes(secret)))
    }
    assert.deepStrictEqual(vault.violations, [])
  })

  it("make an installation name the variables of this shell that a client needs", async () => {
    const args = ["install", "demo", "--client", "zed", "--force", "--yes"]
    const installed = await world.run(args, { env })
    assert.strictEqual(installed.code, 0, installed.stderr)
    assert.include(
      installed.stderr,
      "Sign-ins are stored in Vault: Zed needs VAULT_TOKEN in its environment (start from a shell that exports it). Its value is not written into the entry.\n" +
        "To need no token there, write it to ~/.vault-token, as vault login does"
    )
    assert.notInclude(installed.stderr, vault.rootToken)
    assert.strictEqual((await world.run(["uninstall", "demo", "--all", "--yes"], { env })).code, 0)
  })

  it("are shown to be there, and healthy", async () => {
    const shown = await world.run(["storage", "--json"], { env })
    assert.strictEqual(shown.code, 0, shown.stderr)
    const { backend, healthy, kept, location } = JSON.parse(shown.stdout) as Record<string, unknown>
    assert.deepStrictEqual([backend, healthy, kept], ["vault", true, 1])
    assert.include(String(location), "secret/mcp-cli/oauth")
  })

  it("fail with what to do when the token for Vault has ended", async () => {
    const token = vault.createToken()
    vault.revoke(token)
    const run = await world.run(["auth", "token", "demo"], { env: { ...env, VAULT_TOKEN: token } })
    assert.strictEqual(run.code, 4)
    assert.match(run.stderr, /vault login/)
    assert.notInclude(run.stderr, token)
  })

  it("are used by a session whose token for Vault has ended, as long as the access token works", async () => {
    const token = vault.createToken()
    const session = world.start(["--server", "demo"], {
      env: { ...env, VAULT_TOKEN: token },
      openInput: true
    })
    const answers = (text: string) =>
      new Promise<void>((done) => {
        session.child.stdout?.on("data", (chunk: Buffer) => chunk.toString() === text && done())
      })
    const ask = (line: string) => session.child.stdin?.write(`${line}\n`)
    const first = answers("3\n")
    ask("call add a=1 b=2")
    await Promise.race([first, session.ended])
    vault.revoke(token)
    const second = answers("42\n")
    ask("call add a=19 b=23")
    await Promise.race([second, session.ended])
    world.mcpServer.rejectSeenTokens()
    ask("call add a=2 b=2")
    const { code, stderr, stdout } = await session.ended
    assert.deepStrictEqual([code, stdout], [4, "3\n42\n"])
    assert.match(stderr, /vault login/)
    // The refresh token was not sent, so the sign-in goes on with another token for Vault.
    const next = await world.run(["call", "demo", "add", "a=2", "b=2"], { env })
    assert.deepStrictEqual([next.code, next.stdout], [0, "4\n"])
  })

  it("are tested once by storage where the whole Vault is of no use", async () => {
    vault.seal()
    const requests = vault.requests.length
    const run = await world.run(["storage"], { env })
    vault.unseal()
    assert.strictEqual(run.code, 4)
    assert.match(run.stdout, /Health +not usable now/)
    assert.include(run.stderr, "it is sealed")
    const sent = vault.requests.slice(requests).filter(({ path }) => !path.endsWith("seal-status"))
    // The first one, and as often as it is repeated.
    assert.lengthOf(sent, 4)
    world.configure({ mcpServers: {}, tokenStorage: { backend: "vault", vaultKvVersion: 1 } })
    const wrong = await world.run(["storage"], { env })
    world.configure({ mcpServers: { demo: { url: world.mcpServer.url.href } } })
    assert.strictEqual(wrong.code, 4)
    assert.include(wrong.stderr, "is of version 2, and vaultKvVersion says 1")
    // That of version 1, which it is not.
    assert.notMatch(wrong.stdout, /Caution/)
  })

  it("are found by the token alone: the address of the environment is remembered with the choice", async () => {
    const { VAULT_ADDR: _, ...withoutAddress } = env
    const found = await world.run(["auth", "token", "demo"], { env: withoutAddress })
    assert.strictEqual(found.code, 0, found.stderr)
    const missing = { env: { MCP_CLI_ENCRYPTION_KEY: "x" } }
    const run = await world.run(["auth", "token", "demo"], missing)
    assert.strictEqual(run.code, 4)
    assert.include(run.stderr, "VAULT_TOKEN")
    const shown = await world.run(["storage"], missing)
    assert.strictEqual(shown.code, 4)
    assert.match(shown.stdout, /Backend +vault/)
    assert.include(shown.stdout, vault.url.origin)
    assert.include(shown.stderr, "VAULT_TOKEN")
    const status = await world.run(["auth", "status"], missing)
    assert.strictEqual(status.code, 4)
    assert.match(status.stdout, /demo +unreadable/)
    assert.include(status.stderr, "VAULT_TOKEN")
  })

  it("go to the address of the environment first, and say that it is another one", async () => {
    const other = await startVaultServer()
    const elsewhere = { env: { ...env, VAULT_ADDR: other.url.href, VAULT_TOKEN: other.rootToken } }
    const run = await world.run(["auth", "token", "demo"], elsewhere)
    await other.close()
    assert.strictEqual(run.code, 3)
    assert.include(run.stderr, `stored in Vault at ${vault.url.origin}, and ${other.url.origin} is set now`)
    assert.deepStrictEqual(vault.violations, [])
  })

  it("never send the token of the environment to an address that a file named", async () => {
    const choice = join(world.home, ".mcp_cli", "storage", "choice.json")
    const before = readFileSync(choice, "utf8")
    writeFileSync(choice, before.replace('"isFromEnvironment":true', '"isFromEnvironment":false'))
    const requests = vault.requests.length
    const run = await world.run(["storage"], { env: { VAULT_TOKEN: vault.rootToken } })
    writeFileSync(choice, before)
    assert.strictEqual(run.code, 4)
    assert.include(run.stderr, `it was at ${vault.url.origin} when it was chosen`)
    assert.include(run.stderr, "Set VAULT_ADDR")
    assert.strictEqual(vault.requests.length, requests)
  })

  it("are in the namespace of a configuration that was found in its folder only", async () => {
    const choice = join(world.home, ".mcp_cli", "storage", "choice.json")
    const before = readFileSync(choice, "utf8")
    rmSync(choice)
    const project = join(world.home, "project")
    mkdirSync(project)
    writeFileSync(
      join(project, "server_config.json"),
      JSON.stringify({
        mcpServers: { demo: { url: world.mcpServer.url.href } },
        tokenStorage: { vaultNamespace: "theirs" }
      })
    )
    await world.run(["trust"], { cwd: project, env })
    await world.run(["auth", "login", "demo"], { cwd: project, env })
    const remembered = readFileSync(choice, "utf8")
    writeFileSync(choice, before)
    assert.include(remembered, vault.url.origin)
    assert.notInclude(remembered, "theirs")
  })

  it("are moved out by a move, after a question, and those of other machines stay", async () => {
    const encrypted = { env: { ...env, MCP_CLI_ENCRYPTION_KEY: "a password" } }
    const move = ["storage", "move", "--to", "encrypted"]
    const [record] = vault.versions("secret", "mcp-cli/oauth/demo")
    vault.write("secret", "mcp-cli/oauth/theirs", record?.data ?? {})
    const unasked = await world.run(move, encrypted)
    assert.strictEqual(unasked.code, 2)
    assert.include(unasked.stderr, "1 of 2 sign-ins stay in Vault")
    assert.include(unasked.stderr, "Add --yes")
    assert.lengthOf(vault.paths("secret"), 2)
    const moved = await world.run([...move, "--yes"], encrypted)
    assert.strictEqual(moved.code, 0, moved.stderr)
    assert.include(moved.stderr, "Moved 1 sign-in to encrypted files.")
    assert.deepStrictEqual(vault.paths("secret"), ["mcp-cli/oauth/theirs"])
    const back = await world.run(["storage", "move", "--to", "vault"], encrypted)
    assert.strictEqual(back.code, 0, back.stderr)
    assert.lengthOf(vault.paths("secret"), 2)
    assert.deepStrictEqual(vault.violations, [])
  })

  it("are said to stay if another server has the name in this configuration", async () => {
    world.configure({ mcpServers: { demo: { url: "https://other.example.com/mcp" } } })
    const encrypted = { env: { ...env, MCP_CLI_ENCRYPTION_KEY: "a password" } }
    const moved = await world.run(["storage", "move", "--to", "encrypted", "--yes"], encrypted)
    const back = await world.run(["storage", "move", "--to", "vault"], encrypted)
    const reset = await world.run(["auth", "reset", "--all", "--yes"], { env })
    world.configure({ mcpServers: { demo: { url: world.mcpServer.url.href } } })
    assert.deepStrictEqual([moved.code, back.code, reset.code], [0, 0, 0])
    assert.include(moved.stderr, "not moved: demo. This configuration has other servers under these names.")
    assert.include(
      reset.stderr,
      "Still in Vault: 2 sign-ins that this configuration does not name (demo, theirs)."
    )
    assert.lengthOf(vault.paths("secret"), 2)
  })

  it("are forgotten without those of other machines, unless that is said", async () => {
    const theirs = ["mcp-cli/oauth/theirs"]
    const named = await world.run(["auth", "reset", "theirs"], { env })
    assert.strictEqual(named.code, 2)
    assert.include(named.stderr, "This configuration does not name theirs, and other machines share Vault")
    const set = await world.run(["secret", "set", "demo", "KEY"], { env, stdin: "hunter2hunter2" })
    assert.strictEqual(set.code, 0, set.stderr)
    const all = await world.run(["auth", "reset", "--all", "--yes"], { env })
    assert.strictEqual(all.code, 0, all.stderr)
    assert.include(all.stderr, "Forgot the sign-in to demo.")
    assert.include(
      all.stderr,
      "Still in Vault: 1 sign-in that this configuration does not name (theirs) and 1 secret."
    )
    assert.deepInclude(vault.paths("secret"), theirs[0])
    assert.lengthOf(vault.paths("secret"), 2)
    const everyone = await world.run(["auth", "reset", "--all", "--shared", "--yes"], { env })
    assert.strictEqual(everyone.code, 0, everyone.stderr)
    assert.deepStrictEqual(vault.paths("secret"), [])
  })
})

describe("what reports on the storage", () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
  })
  afterAll(() => world.close())
  const folder = () => join(world.home, ".mcp_cli")

  it("leaves nothing behind, and asks for no password, where nothing is stored yet", async () => {
    const env = { MCP_CLI_ENCRYPTION_KEY: "" }
    const commands = [["storage"], ["auth", "status"], ["auth", "doctor", "demo"], ["servers"], ["--version"]]
    for (const command of commands) {
      const run = await world.run(command, { env })
      assert.strictEqual(run.code, command[1] === "status" ? 3 : 0, run.stdout + run.stderr)
    }
    assert.deepStrictEqual(readdirSync(folder()), ["server_config.json"])
    const shown = await world.run(["storage"], { env })
    assert.match(shown.stdout, /Backend +encrypted/)
    assert.match(shown.stdout, /Health +not set up yet/)
    assert.include(shown.stdout, "the first sign-in decides")
  })

  it("shows what it can where the choice is damaged or of a newer version, and ends with 4", async () => {
    assert.strictEqual((await world.run(["auth", "login", "demo"])).code, 0)
    const choice = join(folder(), "storage", "choice.json")
    const before = readFileSync(choice, "utf8")
    for (const [text, problem] of [
      ["{", "is damaged"],
      [before.replace('"version":1', '"version":2'), "newer version"]
    ] as const) {
      writeFileSync(choice, text)
      for (const command of [["storage"], ["auth", "status"]]) {
        const run = await world.run(command)
        assert.strictEqual(run.code, 4, run.stdout + run.stderr)
        assert.include(run.stderr, problem)
        assert.notStrictEqual(run.stdout, "")
      }
    }
    writeFileSync(choice, before)
  })

  it("shows the other sign-ins beside a damaged one, and in a folder that others can read says so", async () => {
    const tokens = join(folder(), "tokens")
    writeFileSync(join(tokens, "broken.enc"), "x", { mode: 0o600 })
    const status = await world.run(["auth", "status"])
    assert.strictEqual(status.code, 4)
    assert.match(status.stdout, /broken +unreadable/)
    assert.match(status.stdout, /demo +signed in/)
    assert.include(status.stderr, "run: mcp-cli auth reset broken")
    const asJson = await world.run(["auth", "status", "--json"])
    assert.strictEqual(asJson.code, 4)
    assert.lengthOf(JSON.parse(asJson.stdout) as ReadonlyArray<unknown>, 2)
    for (let extra = 1; extra <= 6; extra++) {
      writeFileSync(join(tokens, `broken${extra}.enc`), "x", { mode: 0o600 })
    }
    const many = await world.run(["auth", "status"])
    assert.strictEqual(many.code, 4)
    assert.lengthOf(many.stderr.match(/is damaged/g) ?? [], 5)
    assert.include(many.stderr, "2 more problems like these")
    for (let extra = 1; extra <= 6; extra++) rmSync(join(tokens, `broken${extra}.enc`))
    chmodSync(tokens, 0o755)
    for (const command of [["storage"], ["auth", "status"]]) {
      const run = await world.run(command)
      assert.strictEqual(run.code, 4)
      assert.include(run.stderr, "chmod 700")
    }
    chmodSync(tokens, 0o700)
    // A name that the configuration does not have works by name.
    assert.include((await world.run(["auth", "reset", "broken"])).stderr, "Forgot the sign-in to broken.")
    assert.strictEqual((await world.run(["auth", "status"])).code, 0)
  })
})

describe("encrypted files", () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
  })
  afterAll(() => world.close())

  it("are what remains where there is no keyring, and say why", async () => {
    const login = await world.run(["auth", "login", "demo"])
    assert.strictEqual(login.code, 0, login.stderr)
    assert.match(login.stderr, /Sign-ins are stored in encrypted files.*there is no keyring/)
    const again = await world.run(["auth", "login", "demo"])
    assert.notInclude(again.stderr, "Sign-ins are stored")
  })

  it("open with the password in a file", async () => {
    const file = join(world.home, "password")
    writeFileSync(file, `${password}\n`)
    const inFile = { MCP_CLI_ENCRYPTION_KEY: "", MCP_CLI_ENCRYPTION_KEY_FILE: file }
    const token = await world.run(["auth", "token", "demo"], { env: inFile })
    assert.strictEqual(token.code, 0, token.stderr)
    const missing = await world.run(["auth", "token", "demo"], {
      env: { ...inFile, MCP_CLI_ENCRYPTION_KEY_FILE: join(world.home, "none") }
    })
    assert.strictEqual(missing.code, 4)
    assert.include(missing.stderr, "which MCP_CLI_ENCRYPTION_KEY_FILE names, does not exist")
    const rekeyed = await world.run(["storage", "rekey"], {
      env: { ...inFile, MCP_CLI_NEW_ENCRYPTION_KEY: password }
    })
    assert.strictEqual(rekeyed.code, 0, rekeyed.stderr)
    assert.include(rekeyed.stderr, `Now change the password in ${file}.`)
  })

  it("get another password, and the old one opens nothing", async () => {
    const rekeyed = await world.run(["storage", "rekey"], {
      env: { MCP_CLI_NEW_ENCRYPTION_KEY: "another one" }
    })
    assert.strictEqual(rekeyed.code, 0, rekeyed.stderr)
    assert.include(oneLine(rekeyed.stderr).at(-1), "MCP_CLI_ENCRYPTION_KEY")
    assert.strictEqual((await world.run(["auth", "token", "demo"])).code, 4)
    const token = await world.run(["auth", "token", "demo"], {
      env: { MCP_CLI_ENCRYPTION_KEY: "another one" }
    })
    assert.strictEqual(token.code, 0, token.stderr)
  })

  it("named by hand do not go elsewhere, and a keyring named by hand neither", async () => {
    world.configure({
      mcpServers: { demo: { url: world.mcpServer.url.href } },
      tokenStorage: { backend: "secretservice" }
    })
    const run = await world.run(["auth", "token", "demo"])
    assert.strictEqual(run.code, process.platform === "linux" ? 4 : run.code)
    assert.match(run.stderr, /There is no Secret Service/)
  })
})

describe("sign-ins in memory", () => {
  it("are said to be gone with the command, and how to store them", async () => {
    const world = await startWorld()
    world.configure({
      mcpServers: { demo: { url: world.mcpServer.url.href } },
      tokenStorage: { backend: "memory" }
    })
    const login = await world.run(["auth", "login", "demo"])
    assert.strictEqual(login.code, 0, login.stderr)
    assert.include(
      login.stderr,
      "Signed in to demo. The tokens are stored in memory only: they are gone when this command ends.\n" +
        'If sign-ins should last, set "backend": "auto" in "tokenStorage".\n'
    )
    assert.notInclude(login.stderr, "renews it")
    await world.close()
  })
})
