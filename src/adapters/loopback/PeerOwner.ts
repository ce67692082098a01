import { readFileSync } from "node:fs"
import type { Socket } from "node:net"

/** The tables of connections. A client with an IPv6 socket is in the second one, for IPv4 too. */
const tables = ["/proc/net/tcp", "/proc/net/tcp6"]

const portOf = (address: string | undefined): number => parseInt(address?.split(":").at(-1) ?? "", 16)

/**
 * The users of connections from one local port to another (`proc_pid_net(5)`). None for one that its owner has closed: the
 * kernel shows root then, and no inode.
 */
const connectionsIn = (table: string, from: number | undefined, to: number | undefined) =>
  table.split("\n").flatMap((line) => {
    const [, local, remote, , , , , user, , inode] = line.trim().split(/\s+/)
    if (portOf(local) !== from || portOf(remote) !== to) return []
    return [inode === "0" ? undefined : Number(user)]
  })

/**
 * True if a connection on loopback was made by another user of this machine. Linux only: other systems do not tell, and a
 * connection that is not in the tables, such as one from Windows to WSL, is not another user's.
 *
 * Root counts as the same user: it can read the memory of this process, and WSL and Kubernetes forward ports as root.
 *
 * @param tablePaths replaced by tests
 */
export const isOfAnotherUser = (
  { localPort, remotePort }: Pick<Socket, "localPort" | "remotePort">,
  tablePaths: ReadonlyArray<string> = tables
): boolean => {
  if (process.platform !== "linux" || process.getuid === undefined) return false
  const own = process.getuid()
  const found = tablePaths.flatMap((path) => {
    try {
      return connectionsIn(readFileSync(path, "utf8"), remotePort, localPort)
    } catch {
      // A sandbox without /proc/net, or a kernel without IPv6.
      return []
    }
  })
  // Ports may be in use on several loopback addresses: every such connection has to be this user's.
  return found.some((user) => user !== own && user !== 0)
}
