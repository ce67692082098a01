import { Effect, Layer, Option } from "effect"
import type { Opening } from "../../../domain/BrowserElection.ts"
import { BrowserOpenings } from "../../../ports/BrowserOpenings.ts"
import { privateFolder } from "../folder/PrivateFolder.ts"

const writeOpenings = (openings: ReadonlyArray<Opening>): string =>
  openings.map(({ pid, tag, time }) => `${time} ${pid}\n${tag === undefined ? "" : `of ${tag}\n`}`).join("")

const readOpenings = (text: string): ReadonlyArray<Opening> =>
  Array.from(text.matchAll(/^(\d+) (\d+)$(?:\nof (\S+)$)?/gm), ([, time, pid, tag]) => ({
    time: Number(time),
    pid: Number(pid),
    ...(tag === undefined ? {} : { tag })
  }))

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

/**
 * Records openings in files named after the credentials, one a line: milliseconds since the epoch, and the pid. The line
 * after it has the tag, and earlier versions ignore that. Other lines are ignored.
 *
 * @param options.directory a folder that only this program uses
 */
export const layer = (options: {
  readonly directory: string
  readonly mayOpen: boolean
}): Layer.Layer<BrowserOpenings> =>
  Layer.sync(BrowserOpenings, () => {
    const folder = privateFolder(options.directory)
    return BrowserOpenings.of({
      mayOpen: options.mayOpen,
      pid: process.pid,
      isRunning,
      read: Effect.fn("OpeningsFolder.read")(function* ({ storageName }) {
        return readOpenings(Option.getOrElse(yield* folder.read(storageName), () => ""))
      }),
      replace: Effect.fn("OpeningsFolder.replace")(function* ({ storageName }, openings) {
        if (openings.length > 0) yield* folder.replace(storageName, writeOpenings(openings))
        else yield* folder.remove(storageName)
      })
    })
  })
