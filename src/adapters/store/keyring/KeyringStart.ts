import { type ChildProcess, spawn } from "node:child_process"
import type { Socket } from "node:net"
import { extname, join } from "node:path"
import type { KeyringExpectation } from "./KeyringMessages.ts"
import type { KeyringBackend } from "./KeyringName.ts"

// Nothing of Effect is imported here: a program begins with this before it has loaded the rest of itself.

interface Started {
  readonly backend: KeyringBackend
  readonly child: ChildProcess
}

/** What it takes to find a keyring and to show a prompt. The rest may hold secrets, and is none of its business. */
const passedOn =
  /^(HOME|USER|LOGNAME|PATH|LANG|LC_\w+|XDG_\w+|DBUS_\w+|GNOME_KEYRING_\w+|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|TMPDIR|TEMP|TMP|__CF\w+|SystemRoot|SystemDrive|windir|APPDATA|LOCALAPPDATA|USERPROFILE|USERNAME|USERDOMAIN)$/i

let early: Started | undefined

/**
 * Starts the process that speaks to the keyring, in an environment.
 *
 * @param account what will probably be asked for; to be wrong costs nothing but a connection to the keyring
 */
export const spawnChild = (
  backend: KeyringBackend,
  environment: NodeJS.ProcessEnv = process.env,
  account?: string
): ChildProcess => {
  const file = join(import.meta.dirname, `KeyringChild${extname(import.meta.filename)}`)
  const env = Object.fromEntries(Object.entries(environment).filter(([name]) => passedOn.test(name)))
  const child = spawn(process.execPath, ["--expose-gc", file, backend], {
    env,
    stdio: ["pipe", "pipe", "ignore"]
  })
  // Sockets, of which their types say only that they are streams; none of them where it could not be started.
  const pipes: ReadonlyArray<unknown> = [child.stdin, child.stdout]
  const [stdin, stdout] = pipes as ReadonlyArray<Socket | null | undefined>
  // It is there for us; we do not stay for it.
  child.unref()
  stdin?.unref()
  stdout?.unref()
  if (account !== undefined) {
    const expectation: KeyringExpectation = { op: "expect", account }
    // Whoever asks is told of a process that has ended.
    stdin?.on("error", () => undefined)
    stdin?.write(`${JSON.stringify(expectation)}\n`)
  }
  return child
}

/** Starts the process that speaks to the keyring, or gives the one that was started early. */
export const startChild = (backend: KeyringBackend): ChildProcess => {
  const begun = early
  early = undefined
  if (begun?.backend === backend && begun.child.exitCode === null && begun.child.signalCode === null)
    return begun.child
  begun?.child.kill("SIGKILL")
  return spawnChild(backend)
}

/**
 * Starts it before the program has loaded the rest of itself: the two then take as long as the longer one.
 *
 * @param account as in {@link spawnChild}
 */
export const prefetch = (backend: KeyringBackend, account?: string): void => {
  const child = spawnChild(backend, process.env, account)
  // Whoever asks it is told that it failed; if nobody does, it is of no interest.
  child.on("error", () => undefined)
  early = { backend, child }
}
