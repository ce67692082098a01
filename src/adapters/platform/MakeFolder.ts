import { mkdirSync, statSync } from "node:fs"
import { dirname } from "node:path"

/**
 * Makes a folder and those above it that are missing. Throws the error of the file system.
 *
 * `recursive` of Node never ends where a folder cannot be made although the one above it is there, as in /proc.
 *
 * @param mode of the folders that are made
 */
export const makeFolder = (path: string, mode?: number): void => {
  const found = (at: string) => statSync(at, { throwIfNoEntry: false })
  if (found(path)?.isDirectory() === true) return
  const above = dirname(path)
  if (above !== path && found(above) === undefined) makeFolder(above, mode)
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    // Another process may have made it in the meantime.
    if (found(path)?.isDirectory() !== true) throw error
  }
}
