import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)

/** Whether this machine has what a Secret Service takes: a message bus, GNOME's keyring, and a way to ask the bus. */
export const hasSecretService = ["dbus-daemon", "gnome-keyring-daemon", "gdbus"].every(
  (program) => spawnSync("which", [program]).status === 0
)

/** GNOME's keyring on a message bus of its own, unlocked, in folders of its own. */
export interface SecretService {
  /** What a program needs to find it. */
  readonly env: Readonly<Record<string, string>>
  /** Locks the collection that everything is in. */
  readonly lock: () => Promise<void>
  /** From now on a locked keyring asks for its password in a prompt that nobody answers. */
  readonly askNobody: () => Promise<void>
  /** Ends the keyring in the middle of whatever it does; the bus stays. */
  readonly kill: () => Promise<void>
  /** Ends the keyring, and starts it again with what it has stored. */
  readonly restart: () => Promise<void>
  /** Stops the keyring where it is (SIGSTOP), and lets it go on. */
  readonly pause: () => void
  readonly resume: () => void
  readonly close: () => Promise<void>
}

const firstLine = (child: ChildProcess): Promise<string> =>
  new Promise((done, reject) => {
    let text = ""
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString()
      const end = text.indexOf("\n")
      if (end >= 0) done(text.slice(0, end))
    })
    child.once("exit", () => reject(new Error(`it ended: ${text}`)))
    child.once("error", reject)
  })

const ended = (child: ChildProcess): Promise<unknown> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((done) => child.once("exit", done))

const busConfiguration = (socket: string, services: string) => `<!DOCTYPE busconfig PUBLIC
 "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=${socket}</listen>
  <auth>EXTERNAL</auth>
  <servicedir>${services}</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`

/**
 * Starts one.
 *
 * @param options.collection false: nothing was ever set up, so that there is no place to keep anything in
 */
export const startSecretService = async (
  options: { readonly collection?: boolean } = {}
): Promise<SecretService> => {
  const home = mkdtempSync(join(tmpdir(), "mcp-cli-keyring-"))
  const folders = {
    HOME: home,
    XDG_RUNTIME_DIR: join(home, "run"),
    XDG_DATA_HOME: join(home, "data"),
    XDG_CONFIG_HOME: join(home, "config"),
    XDG_CACHE_HOME: join(home, "cache")
  }
  for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true, mode: 0o700 })
  const services = join(home, "services")
  mkdirSync(services)
  writeFileSync(join(home, "bus.conf"), busConfiguration(join(home, "bus"), services))
  const { DISPLAY: _, WAYLAND_DISPLAY: _w, GNOME_KEYRING_CONTROL: _g, ...inherited } = process.env

  const bus = spawn(
    "dbus-daemon",
    [`--config-file=${join(home, "bus.conf")}`, "--nofork", "--print-address"],
    {
      env: { ...inherited, ...folders },
      stdio: ["ignore", "pipe", "ignore"]
    }
  )
  const env = { ...folders, DBUS_SESSION_BUS_ADDRESS: await firstLine(bus) }
  const call = async (destination: string, path: string, method: string, ...args: ReadonlyArray<string>) => {
    const command = ["call", "--session", "--dest", destination, "--object-path", path, "--method", method]
    return (await run("gdbus", [...command, ...args], { env: { ...inherited, ...env } })).stdout
  }
  const askBus = (method: string, ...args: ReadonlyArray<string>) =>
    call("org.freedesktop.DBus", "/org/freedesktop/DBus", `org.freedesktop.DBus.${method}`, ...args)

  const startDaemon = async () => {
    const started = spawn(
      "gnome-keyring-daemon",
      ["--foreground", "--components=secrets", ...(options.collection === false ? [] : ["--unlock"])],
      { env: { ...inherited, ...env }, stdio: ["pipe", "ignore", "ignore"] }
    )
    started.stdin?.on("error", () => undefined)
    started.stdin?.end(options.collection === false ? "" : "the password of the keyring")
    // To ask the service itself would start a second one.
    while (!(await askBus("NameHasOwner", "org.freedesktop.secrets")).includes("true")) {
      if (started.exitCode !== null) throw new Error("gnome-keyring-daemon ended")
    }
    return started
  }
  let daemon = await startDaemon()
  const kill = async () => {
    daemon.kill("SIGKILL")
    await ended(daemon)
  }

  return {
    env,
    lock: async () => {
      const collection = "['/org/freedesktop/secrets/collection/login']"
      await call(
        "org.freedesktop.secrets",
        "/org/freedesktop/secrets",
        "org.freedesktop.Secret.Service.Lock",
        collection
      )
    },
    askNobody: async () => {
      writeFileSync(
        join(services, "org.gnome.keyring.SystemPrompter.service"),
        "[D-BUS Service]\nName=org.gnome.keyring.SystemPrompter\nExec=/bin/sleep 30\n"
      )
      await askBus("ReloadConfig")
    },
    kill,
    restart: async () => {
      await kill()
      daemon = await startDaemon()
    },
    pause: () => void daemon.kill("SIGSTOP"),
    resume: () => void daemon.kill("SIGCONT"),
    close: async () => {
      daemon.kill("SIGKILL")
      bus.kill("SIGKILL")
      await Promise.all([ended(daemon), ended(bus)])
      rmSync(home, { recursive: true, force: true })
    }
  }
}

/** A message bus that accepts connections and never says anything. */
export const startMuteBus = async (): Promise<{
  readonly env: Readonly<Record<string, string>>
  readonly close: () => Promise<void>
}> => {
  const folder = mkdtempSync(join(tmpdir(), "mcp-cli-mute-"))
  const path = join(folder, "bus")
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => undefined)
  })
  await new Promise<void>((done) => server.listen(path, done))
  return {
    env: { DBUS_SESSION_BUS_ADDRESS: `unix:path=${path}` },
    close: async () => {
      const closed = new Promise((done) => server.close(done))
      for (const socket of sockets) socket.destroy()
      await closed
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
