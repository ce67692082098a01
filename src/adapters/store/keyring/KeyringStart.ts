import { type ChildProcess, spawn } from "node:child_process"
import type { Socket } from "node:net"
import { extname, join } from "node:path"
import type { KeyringBackend } from "./KeyringName.ts"

// This module does not import Effect: bin.ts loads it before the rest of the program.

interface Started {
  readonly backend: KeyringBackend
  readonly child: ChildProcess
}

/** The variables that a keyring and its prompt need. Others may hold secrets, and are not passed on. */
const passedOn =
  /^(HOME|USER|LOGNAME|PATH|LANG|LC_\w+|XDG_\w+|DBUS_\w+|GNOME_KEYRING_\w+|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|TMPDIR|TEMP|TMP|__CF\w+|SystemRoot|SystemDrive|windir|APPDATA|LOCALAPPDATA|USERPROFILE|USERNAME|USERDOMAIN)$/i

let early: Started | undefined

/**
 * Starts the keyring process.
 *
 * @param environment the variables to choose from
 */
export const spawnChild = (
  backend: KeyringBackend,
  environment: NodeJS.ProcessEnv = process.env
): ChildProcess => {
  const file = join(import.meta.dirname, `KeyringChild${extname(import.meta.filename)}`)
  const env = Object.fromEntries(Object.entries(environment).filter(([name]) => passedOn.test(name)))
  const child = spawn(process.execPath, [file, backend], {
    env,
    stdio: ["pipe", "pipe", "ignore"]
  })
  const { stdin } = child
  // They are sockets, typed as streams, and null if the process did not start. The stdin of Bun has no `unref`.
  const pipes: ReadonlyArray<unknown> = [stdin, child.stdout]
  // It must not keep the program running.
  child.unref()
  for (const pipe of pipes as ReadonlyArray<Partial<Socket> | null>) pipe?.unref?.()
  return child
}

/** Returns the process that {@link prefetch} has started, or starts one. */
export const startChild = (backend: KeyringBackend): ChildProcess => {
  const started = early
  early = undefined
  if (started?.backend === backend && started.child.exitCode === null && started.child.signalCode === null)
    return started.child
  started?.child.kill("SIGKILL")
  return spawnChild(backend)
}

/** Starts the keyring process in parallel to loading the rest of the program. */
export const prefetch = (backend: KeyringBackend): void => {
  const child = spawnChild(backend)
  // The first request reports the failure; without one it does not matter.
  child.on("error", () => undefined)
  early = { backend, child }
}
