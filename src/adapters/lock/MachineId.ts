import { readFileSync } from "node:fs"
import { hostname, networkInterfaces } from "node:os"

const hardwareAddresses = (): ReadonlyArray<string> =>
  Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .map(({ mac }) => mac)
    .filter((mac) => mac !== "00:00:00:00:00:00")

let known: string | undefined

/**
 * Identifies this machine until it starts again. Not `/etc/machine-id`, which copies of an image share. Where the kernel has
 * no identity of its own, a changed network makes it another machine, which costs a wait and nothing else.
 */
export const machineId = (): string => {
  if (known === undefined) {
    try {
      known = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
    } catch {
      known = [hostname(), ...new Set(hardwareAddresses().toSorted())].join(" ")
    }
  }
  return known
}
