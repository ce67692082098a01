import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { type Ended, startWorld, type World } from "./World.ts"

/** How processes that need the same token at once have ended. */
export interface Round {
  readonly right: number
  readonly refreshes: number
  /** Milliseconds of the slowest process. */
  readonly slowest: number
  /** What the processes said that did not get the right answer. */
  readonly complaints: ReadonlyArray<string>
}

/** A user with two machines: two home folders that share a Vault. */
export interface TwoMachines {
  readonly world: World
  readonly run: (
    machine: 0 | 1,
    args: ReadonlyArray<string>,
    env?: Readonly<Record<string, string>>
  ) => Promise<Ended>
  /** As `run`. A command that fails is an error. */
  readonly must: TwoMachines["run"]
  /** Every command that changes or checks the store, one after the other, with a sign-in at the start and none at the end. */
  readonly everyCommand: (env: Readonly<Record<string, string>>) => Promise<void>
  /** Expires the access token, and lets processes on both machines use it at once. */
  readonly round: (processes: number, env: Readonly<Record<string, string>>) => Promise<Round>
}

const start = async () => {
  const world = await startWorld()
  const homes = [0, 1].map(() => mkdtempSync(join(tmpdir(), "mcp-cli-machine-")))
  const configuration = { mcpServers: { demo: { url: world.mcpServer.url.href } } }
  for (const home of homes) {
    mkdirSync(join(home, ".mcp_cli"), { mode: 0o700 })
    const file = join(home, ".mcp_cli", "server_config.json")
    writeFileSync(file, JSON.stringify(configuration), { mode: 0o600 })
  }
  const run: TwoMachines["run"] = (machine, args, env = {}) => {
    const home = homes[machine] ?? ""
    return world.run(args, { cwd: home, env: { HOME: home, ...env } })
  }
  const refreshes = () => world.authorizationServer.counts.get("token:refresh_token") ?? 0
  const round: TwoMachines["round"] = async (processes, env) => {
    world.mcpServer.rejectSeenTokens()
    const before = refreshes()
    const started = performance.now()
    const ended = await Promise.all(
      Array.from({ length: processes }, async (_, index) => {
        const end = await run(index % 2 === 0 ? 0 : 1, ["call", "demo", "add", "a=19", "b=23"], env)
        return { ...end, took: performance.now() - started }
      })
    )
    const wrong = ended.filter(({ stdout }) => stdout !== "42\n")
    return {
      right: processes - wrong.length,
      refreshes: refreshes() - before,
      slowest: Math.max(...ended.map(({ took }) => took)),
      complaints: wrong.map(({ code, stderr }) => `${code} ${stderr}`)
    }
  }
  const must: TwoMachines["run"] = async (machine, args, env) => {
    const ended = await run(machine, args, env)
    if (ended.code !== 0) throw new Error(`${args.join(" ")}: ${ended.code} ${ended.stderr}`)
    return ended
  }
  const everyCommand: TwoMachines["everyCommand"] = async (env) => {
    for (const args of [
      ["auth", "login", "demo"],
      ["storage"],
      ["storage", "move", "--to", "encrypted", "--yes"],
      ["storage", "move", "--to", "vault", "--yes"],
      ["auth", "reset", "demo", "--yes"],
      ["auth", "login", "demo"],
      ["auth", "logout", "demo"]
    ]) {
      await must(0, args, env)
    }
  }
  const close = async () => {
    await world.close()
    for (const home of homes) rmSync(home, { recursive: true, force: true })
  }
  return { machines: { world, run, must, everyCommand, round }, close }
}

/** Starts an authorization server with rotating refresh tokens, whose reuse revokes the sign-in, and two machines of a user. */
export const twoMachines: Effect.Effect<TwoMachines, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(start),
  ({ close }) => Effect.promise(close)
).pipe(Effect.map(({ machines }) => machines))
