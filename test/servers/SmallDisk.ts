import { spawnSync } from "node:child_process"
import { mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const run = (command: string, ...args: ReadonlyArray<string>) =>
  spawnSync(command, args, { encoding: "utf8" })

/** Why this machine mounts no disk of its own for a test; absent: it does. */
export const noSmallDisk: string | undefined =
  process.platform !== "linux"
    ? "tmpfs is of Linux"
    : run("unshare", "--mount", "true").status === 0
      ? undefined
      : "mounting needs root"

/** A disk of a test, which can be filled up. */
export interface SmallDisk {
  /** Uses up all but this many inodes. */
  readonly fillInodes: (left: number) => void
  /** Uses up all but this many blocks of 4 KiB. */
  readonly fillBlocks: (left: number) => void
  /** Frees what was filled. */
  readonly free: () => void
  readonly close: () => void
}

/** Mounts a tmpfs of 1 MiB and 64 inodes at a path. */
export const mountSmallDisk = (path: string): SmallDisk => {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const mounted = run("mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=64,mode=700", "tmpfs", path)
  if (mounted.status !== 0) throw new Error(`mount: ${mounted.stderr}`)
  const filled = (name: string) => join(path, `filled-${name}`)
  return {
    fillInodes: (left) => {
      const { ffree } = statfsSync(path)
      for (let at = left; at < ffree; at++) writeFileSync(filled(String(at)), "")
    },
    fillBlocks: (left) => {
      const { bavail, bsize } = statfsSync(path)
      writeFileSync(filled("blocks"), Buffer.alloc(Math.max(0, bavail - left) * bsize, 1))
    },
    free: () => {
      for (const name of readdirSync(path)) if (name.startsWith("filled-")) rmSync(join(path, name))
    },
    close: () => void run("umount", "--lazy", path)
  }
}
