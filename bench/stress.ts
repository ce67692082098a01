// @effect-diagnostics globalRandom:off
import { type ChildProcess, spawn } from "node:child_process"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import { hasSecretService, type SecretService, startSecretService } from "../test/servers/SecretService.ts"
import { mountSmallDisk, noSmallDisk, type SmallDisk } from "../test/servers/SmallDisk.ts"
import { startVaultServer, type VaultServer } from "../test/servers/VaultServer.ts"
import { startWorld, type World } from "../test/e2e/World.ts"

// What only many processes at once, or a process that is paused, cut off or killed, can show. Takes minutes. Arguments: the
// backends (absent: all), `--refresh`, `--faults` or `--kill` for one part of it, `--runs N`, `--rounds N`.

const say = (line: string) => process.stdout.write(`${line}\n`)
const argumentsGiven = process.argv.slice(2)
const valueOf = (flag: string, otherwise: number) => {
  const at = argumentsGiven.indexOf(flag)
  return at < 0 ? otherwise : Number(argumentsGiven[at + 1])
}

const processes = valueOf("--processes", 50)
const expiries = valueOf("--expiries", 20)
const runs = valueOf("--runs", 500)
const rounds = valueOf("--rounds", 200)
const parts = ["--refresh", "--faults", "--kill"]
const isPart = (part: string) =>
  argumentsGiven.includes(part) || !parts.some((other) => argumentsGiven.includes(other))

const backends = ["encrypted", "secretservice", "vault"] as const
type Backend = (typeof backends)[number]

/** Where each run of one backend happens. */
interface Place {
  readonly world: World
  readonly env: Readonly<Record<string, string>>
  readonly vault: VaultServer
  readonly keyring: SecretService
  /** The disk of the folder of mcp-cli. Absent: it is the usual one. */
  readonly disk: SmallDisk | undefined
  readonly close: () => Promise<void>
}

/** Mounts a small disk at the folder of mcp-cli, with the configuration that is there. */
const mountUnder = (folder: string): SmallDisk => {
  const file = join(folder, "server_config.json")
  const configuration = readFileSync(file)
  const disk = mountSmallDisk(folder)
  writeFileSync(file, configuration, { mode: 0o600 })
  return disk
}

const startPlace = async (
  backend: Backend,
  { accessTokenSeconds, hasDisk = false }: { accessTokenSeconds?: number; hasDisk?: boolean } = {}
): Promise<Place> => {
  const vault = await startVaultServer()
  const keyring = await startSecretService()
  const world = await startWorld(accessTokenSeconds === undefined ? {} : { accessTokenSeconds })
  const env = {
    DBUS_SESSION_BUS_ADDRESS: keyring.env["DBUS_SESSION_BUS_ADDRESS"] ?? "",
    VAULT_ADDR: vault.url.href,
    VAULT_TOKEN: vault.rootToken
  }
  const disk = hasDisk && noSmallDisk === undefined ? mountUnder(join(world.home, ".mcp_cli")) : undefined
  const place = {
    world,
    env,
    vault,
    keyring,
    disk,
    close: async () => {
      disk?.close()
      await world.close()
      await keyring.close()
      await vault.close()
    }
  }
  await must(place, ["auth", "login", "demo"])
  await must(place, ["storage", "move", "--to", backend, "--yes"])
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
  hasEnded = false

  constructor(backend: Backend, { env, vault, world }: Place, stacks = 1, timeout = 15_000) {
    const { NODE_OPTIONS: _, ...inherited } = process.env
    this.child = spawn(
      process.execPath,
      [
        "bench/StressWorker.ts",
        backend,
        world.home,
        world.mcpServer.url.href,
        vault.url.href,
        vault.rootToken,
        String(stacks),
        String(timeout)
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
    this.child.once("close", () => {
      this.hasEnded = true
      this.#wake?.()
    })
  }

  /** The next line; `ended` if there is none. */
  async line(): Promise<string> {
    while (this.#lines.length === 0) {
      if (this.hasEnded) return "ended"
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

const faults = ["none", "pause", "long pause", "HUP", "full disk", "removed locks", "removed in-use"] as const
type Fault = (typeof faults)[number]

/** Milliseconds until a request of the workers below is given up. A long pause is longer. */
const shortTimeout = 2000
const sleep = (milliseconds: number) => new Promise<void>((done) => setTimeout(done, milliseconds))

/** Does something to one of the workers, or to what they share, at some moment of their refresh. */
const inject = async (fault: Fault, { disk, world }: Place, { child }: Worker) => {
  await sleep(Math.random() * 250)
  switch (fault) {
    case "none":
      return
    case "pause":
    case "long pause":
      child.kill("SIGSTOP")
      await sleep(fault === "pause" ? Math.random() * 300 : shortTimeout * 1.5)
      child.kill("SIGCONT")
      return
    case "HUP":
      child.kill("SIGHUP")
      return
    case "full disk":
      if (Math.random() < 0.5) disk?.fillInodes(Math.floor(Math.random() * 2))
      else disk?.fillBlocks(Math.floor(Math.random() * 4))
      return
    case "removed locks":
      for (const name of ["locks", "cache", "tmp"])
        rmSync(join(world.home, ".mcp_cli", name), { recursive: true, force: true })
      return
    case "removed in-use":
      rmSync(join(world.home, ".mcp_cli", "storage", "in-use"), { recursive: true, force: true })
  }
}

/**
 * Lets processes refresh together, one of them with two stacks of layers, and disturbs them. Afterwards another process
 * has to get a token that works, and the server must not have seen a refresh token twice.
 */
const refreshUnderFaults = async (backend: Backend) => {
  const place = await startPlace(backend, { hasDisk: true })
  if (place.disk === undefined) say(`  no disk is filled: ${noSmallDisk}`)
  const { authorizationServer, mcpServer } = place.world
  const started = async (stacks: number) => {
    const worker = new Worker(backend, place, stacks, shortTimeout)
    await worker.line()
    return worker
  }
  const stacks = [2, 1, 1]
  const workers = await Promise.all(stacks.map(started))
  const witness = await started(1)
  const injected = new Map<Fault, number>()
  const refused = new Map<string, number>()
  const count = <Key>(counts: Map<Key, number>, key: Key) => counts.set(key, (counts.get(key) ?? 0) + 1)
  let lost = 0
  // Nothing excludes a second process while the server answers the first one (decision 23).
  let unprotected = 0
  for (let round = 1; round <= rounds; round++) {
    const fault = faults[Math.floor(Math.random() * faults.length)] ?? "none"
    const at = Math.floor(Math.random() * workers.length)
    const victim = workers[at]
    if (victim === undefined) throw new Error("there is no such worker")
    count(injected, fault)
    const revoked = authorizationServer.revokedGrants()
    authorizationServer.failNext({ kind: "hold the answer", until: sleep(Math.random() * 200) })
    const [answers] = await Promise.all([
      Promise.all(workers.map((worker) => worker.ask(round * 2))),
      inject(fault, place, victim)
    ])
    place.disk?.free()
    for (const [worker, answer] of answers.entries()) {
      if (answer !== "ended" && !answer.includes("error:")) continue
      count(refused, `${fault}, ${worker === at ? "that worker" : "another worker"}: ${answer}`)
    }
    const token = await witness.ask(round * 2)
    const isActive = (await authorizationServer.introspect(token, mcpServer.url.href)).active
    if (!isActive || authorizationServer.revokedGrants() > revoked) {
      if (fault === "removed in-use") unprotected += 1
      else lost += 1
      say(`  round ${round}, ${fault} of worker ${at}: ${token} after ${answers.join(", ")}`)
      await must(place, ["auth", "login", "demo"])
    }
    if (victim.hasEnded || fault === "HUP") {
      await new Promise<void>((done) =>
        victim.hasEnded ? done() : void victim.child.once("close", () => done())
      )
      workers[at] = await started(stacks[at] ?? 1)
    }
  }
  for (const worker of [...workers, witness]) worker.child.stdin?.end()
  const counts = [...injected].map(([fault, count]) => `${count} ${fault}`).join(", ")
  const isMet = lost === 0
  for (const [answer, times] of [...refused].toSorted()) say(`  ${times} refused, ${answer}`)
  say(
    `${backend}: ${rounds} rounds with faults (${counts}): ${lost} sign-ins lost, ${unprotected} by removed in-use: ${isMet ? "met" : "MISSED"}`
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
  const place = await startPlace(backend, { accessTokenSeconds: 1 })
  const { authorizationServer } = place.world
  const counted = (name: string) => authorizationServer.counts.get(name) ?? 0
  let unopened = 0
  let lost = 0
  let inFlight = 0
  let to: Backend = other
  for (let run = 0; run < runs; run++) {
    const began = counted("token:refresh_token")
    const refresh = place.world.start(["auth", "token", "demo"], { env: place.env })
    const move = place.world.start(["storage", "move", "--to", to, "--yes"], { env: place.env })
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
  await must(place, ["storage", "move", "--to", backend, "--yes"])
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
  if (isPart("--refresh")) isMet = (await expireTogether(backend)) && isMet
  if (isPart("--faults")) isMet = (await refreshUnderFaults(backend)) && isMet
  if (isPart("--kill")) isMet = (await killAtRandom(backend)) && isMet
}
process.exitCode = isMet ? 0 : 1
