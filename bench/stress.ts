// @effect-diagnostics globalRandom:off
import { type ChildProcess, spawn } from "node:child_process"
import { performance } from "node:perf_hooks"
import { hasSecretService, type SecretService, startSecretService } from "../test/servers/SecretService.ts"
import { startVaultServer, type VaultServer } from "../test/servers/VaultServer.ts"
import { startWorld, type World } from "../test/e2e/World.ts"

// What only many processes at once, or a process that is killed, can show. Takes minutes. Arguments: the backends
// (absent: all), `--refresh` or `--kill` for one half of it, `--runs N`.

const say = (line: string) => process.stdout.write(`${line}\n`)
const argumentsGiven = process.argv.slice(2)
const valueOf = (flag: string, otherwise: number) => {
  const at = argumentsGiven.indexOf(flag)
  return at < 0 ? otherwise : Number(argumentsGiven[at + 1])
}

const processes = valueOf("--processes", 50)
const expiries = valueOf("--expiries", 20)
const runs = valueOf("--runs", 500)

const backends = ["encrypted", "secretservice", "vault"] as const
type Backend = (typeof backends)[number]

/** Where each run of one backend happens. */
interface Place {
  readonly world: World
  readonly env: Readonly<Record<string, string>>
  readonly vault: VaultServer
  readonly keyring: SecretService
  readonly close: () => Promise<void>
}

const startPlace = async (backend: Backend, accessTokenSeconds?: number): Promise<Place> => {
  const vault = await startVaultServer()
  const keyring = await startSecretService()
  const world = await startWorld(accessTokenSeconds === undefined ? {} : { accessTokenSeconds })
  const env = {
    DBUS_SESSION_BUS_ADDRESS: keyring.env["DBUS_SESSION_BUS_ADDRESS"] ?? "",
    VAULT_ADDR: vault.url.href,
    VAULT_TOKEN: vault.rootToken
  }
  const place = {
    world,
    env,
    vault,
    keyring,
    close: async () => {
      await world.close()
      await keyring.close()
      await vault.close()
    }
  }
  await must(place, ["auth", "login", "demo"])
  await must(place, ["storage", "move", "--to", backend])
  return place
}

const must = async ({ env, world }: Pick<Place, "env" | "world">, args: ReadonlyArray<string>) => {
  const run = await world.run(args, { env })
  if (run.code !== 0) throw new Error(`mcp-cli ${args.join(" ")}: ${run.code} ${run.stderr}`)
  return run.stdout
}

/** A program that answers each line with a line. */
class Worker {
  readonly child: ChildProcess
  #rest = ""
  readonly #lines: Array<string> = []
  #wake: (() => void) | undefined

  constructor(backend: Backend, { env, vault, world }: Place) {
    const { NODE_OPTIONS: _, ...inherited } = process.env
    this.child = spawn(
      process.execPath,
      [
        "bench/StressWorker.ts",
        backend,
        world.home,
        world.mcpServer.url.href,
        vault.url.href,
        vault.rootToken
      ],
      { env: { ...inherited, HOME: world.home, ...env }, stdio: ["pipe", "pipe", "inherit"] }
    )
    this.child.stdout?.on("data", (chunk: Buffer) => {
      this.#rest += chunk.toString()
      const parts = this.#rest.split("\n")
      this.#rest = parts.pop() ?? ""
      this.#lines.push(...parts)
      this.#wake?.()
    })
  }

  async line(): Promise<string> {
    while (this.#lines.length === 0) {
      await new Promise<void>((done) => {
        this.#wake = done
      })
    }
    return this.#lines.shift() ?? ""
  }

  ask(hours: number): Promise<string> {
    this.child.stdin?.write(`${hours}\n`)
    return this.line()
  }
}

const expireTogether = async (backend: Backend) => {
  const place = await startPlace(backend)
  const { authorizationServer } = place.world
  const refreshes = () => authorizationServer.counts.get("token:refresh_token") ?? 0
  const workers = Array.from({ length: processes }, () => new Worker(backend, place))
  await Promise.all(workers.map((worker) => worker.line()))
  const before = refreshes()
  const seen = new Set<string>()
  let right = 0
  const began = performance.now()
  for (let round = 1; round <= expiries; round++) {
    const answers = await Promise.all(workers.map((worker) => worker.ask(round * 2)))
    const answer = answers.find((text) => !text.startsWith("error")) ?? ""
    const isNew = !seen.has(answer)
    const { active } = await authorizationServer.introspect(answer, place.world.mcpServer.url.href)
    seen.add(answer)
    if (isNew && active) right += answers.filter((other) => other === answer).length
    const odd = answers.find((other) => other.startsWith("error"))
    if (odd !== undefined) say(`  expiry ${round}: ${odd}`)
  }
  const took = (performance.now() - began) / expiries
  for (const worker of workers) worker.child.stdin?.end()
  const made = refreshes() - before
  const revoked = authorizationServer.revokedGrants()
  const isMet = made === expiries && right === processes * expiries && revoked === 0
  say(
    `${backend}: ${processes} processes x ${expiries} expiries: ${made} refreshes, ${right} right answers, ${revoked} revoked families: ${isMet ? "met" : "MISSED"} (${took.toFixed(0)} ms an expiry)`
  )
  await place.close()
  return isMet
}

/**
 * Kills a refresh and a move at once, over and over. Afterwards the store has to open, and the token of one of the
 * two places has to work, unless the authorization server had rotated it for a process that was killed before it
 * could write: nothing on this side can prevent that, and such runs are counted for themselves.
 */
const killAtRandom = async (backend: Backend) => {
  const other: Backend = backend === "encrypted" ? "secretservice" : "encrypted"
  const place = await startPlace(backend, 1)
  const { authorizationServer } = place.world
  const counted = (name: string) => authorizationServer.counts.get(name) ?? 0
  let unopened = 0
  let lost = 0
  let inFlight = 0
  let to: Backend = other
  for (let run = 0; run < runs; run++) {
    const began = counted("token:refresh_token")
    const refresh = place.world.start(["auth", "token", "demo"], { env: place.env })
    const move = place.world.start(["storage", "move", "--to", to], { env: place.env })
    to = to === other ? backend : other
    const wait = Math.random() * 500
    await new Promise((done) => setTimeout(done, wait))
    refresh.child.kill("SIGKILL")
    move.child.kill("SIGKILL")
    const [ended] = await Promise.all([refresh.ended, move.ended])
    const status = await place.world.run(["auth", "status", "demo", "--json"], { env: place.env })
    const [shown] = status.code === 0 ? (JSON.parse(status.stdout) as ReadonlyArray<{ state: string }>) : []
    if (shown === undefined || shown.state === "unreadable") {
      unopened += 1
      say(`  run ${run}: ${status.stdout} ${status.stderr}`)
    }
    const after = await place.world.run(["auth", "token", "demo"], { env: place.env })
    if (after.code === 0) continue
    // The one that was killed had asked, and had not yet said what it got.
    if (counted("token:refresh_token") > began && ended.stdout === "") inFlight += 1
    else {
      lost += 1
      say(`  run ${run}, killed after ${wait.toFixed(0)} ms: ${after.stderr}`)
    }
    await must(place, ["auth", "login", "demo"])
  }
  await must(place, ["storage", "move", "--to", backend])
  await must(place, ["auth", "token", "demo"])
  const isMet = unopened === 0 && lost === 0
  say(
    `${backend}: ${runs} kills of a refresh and a move: ${unopened} stores that did not open, ${lost} sign-ins lost, ${inFlight} lost between the server's answer and the write: ${isMet ? "met" : "MISSED"}`
  )
  await place.close()
  return isMet
}

if (!hasSecretService) throw new Error("this needs dbus and gnome-keyring (scripts/debian-packages.sh)")
const chosen = backends.filter((backend) => argumentsGiven.includes(backend))
let isMet = true
for (const backend of chosen.length === 0 ? backends : chosen) {
  if (!argumentsGiven.includes("--kill")) isMet = (await expireTogether(backend)) && isMet
  if (!argumentsGiven.includes("--refresh")) isMet = (await killAtRandom(backend)) && isMet
}
process.exitCode = isMet ? 0 : 1
