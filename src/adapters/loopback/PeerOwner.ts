import { readFileSync } from "node:fs"
import type { Socket } from "node:net"
import { codeOf } from "../platform/Errno.ts"

/** The tables of connections. A client with an IPv6 socket is in the second one, for IPv4 too. */
const tables = ["/proc/net/tcp", "/proc/net/tcp6"]

/** States of a connection (`include/net/tcp_states.h` of Linux). */
const established = "01"
const listening = "0A"

/** One end of a connection (`proc_pid_net(5)`). */
interface End {
  readonly from: number
  readonly to: number
  readonly state: string
  /** Undefined once the owner has closed it: the kernel shows root then, and no inode. */
  readonly user: number | undefined
}

const portOf = (address: string | undefined): number => parseInt(address?.split(":").at(-1) ?? "", 16)

const endsIn = (table: string): ReadonlyArray<End> =>
  table.split("\n").map((line) => {
    const [, local, remote, state = "", , , , user, , inode] = line.trim().split(/\s+/)
    return {
      from: portOf(local),
      to: portOf(remote),
      state,
      user: inode === "0" ? undefined : Number(user)
    }
  })

/**
 * Tells the users of connections on loopback apart. Linux only: other systems do not tell.
 *
 * Root counts as the same user: it can read the memory of this process, and WSL and Kubernetes forward ports as root.
 *
 * @param tablePaths replaced by tests
 */
export const peerOwners = (tablePaths: ReadonlyArray<string> = tables) => {
  const own = process.platform === "linux" ? process.getuid?.() : undefined
  const allEnds = () =>
    tablePaths.flatMap((path) => {
      try {
        return endsIn(readFileSync(path, "utf8"))
      } catch (error) {
        // A kernel without IPv6 has no tcp6, and no such connections.
        if (path.endsWith("6") && codeOf(error) === "ENOENT") return []
        throw error
      }
    })
  return {
    /** True if the tables show who owns connections to a port: they show that this user listens there. */
    canTell: (port: number): boolean => {
      try {
        return allEnds().some(({ from, state, user }) => from === port && state === listening && user === own)
      } catch {
        // A sandbox without /proc/net.
        return false
      }
    },
    /**
     * True if the other end of a connection may be another user's. Used only where `canTell`.
     *
     * A connection whose other end is in no table, such as one from Windows to WSL, is not another user's. It has to be open
     * still when the tables have been read: one that was reset is in no table, too, and what it sent can still be read.
     */
    mayBeAnotherUser: ({ localPort, remotePort }: Pick<Socket, "localPort" | "remotePort">): boolean => {
      try {
        // Ports may be in use on several loopback addresses: every such connection has to be this user's.
        const others = allEnds().filter(({ from, to }) => from === remotePort && to === localPort)
        if (others.length > 0) return others.some(({ user }) => user !== own && user !== 0)
        return !allEnds().some(
          ({ from, state, to }) => from === localPort && to === remotePort && state === established
        )
      } catch {
        // The tables could be read before. Another user may have used up the open files of this process.
        return true
      }
    }
  }
}
