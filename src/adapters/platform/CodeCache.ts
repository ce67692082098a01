import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { basename, dirname, join } from "node:path"
import { constants, Script } from "node:vm"

// This module does not import Effect: bin.ts loads it before the rest of the program.

/** Settings of {@link cacheCompiledCode}. */
export interface CodeCacheOptions {
  /** The folder of the cache. */
  readonly folder: string
  /** The folder of the `.cjs` files whose compiled code is stored. */
  readonly program: string
  /** Identifies the content of these files: V8 compares only the length of a source. */
  readonly build: string
}

/**
 * Creates a folder that only this user can write to. False if it cannot be, or if others can write to it already: V8 runs what
 * it finds there.
 */
const makePrivate = (folder: string): boolean => {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const { mode, uid } = statSync(folder)
    return process.getuid === undefined || (uid === process.getuid() && (mode & 0o022) === 0)
  } catch {
    // The home folder is not writable: the program is as slow as in its first run.
    return false
  }
}

/** The code that an earlier run of the same build has stored. */
const read = (file: string, build: string): Buffer | undefined => {
  try {
    const content = readFileSync(file)
    return content.toString("latin1", 0, build.length) === build ? content.subarray(build.length) : undefined
  } catch {
    return undefined
  }
}

/** Replaces a file at once and for good: V8 does not notice damage, and may crash. */
const replace = (file: string, content: Buffer): void => {
  const temporary = `${file}.${process.pid}`
  try {
    writeFileSync(temporary, content, { mode: 0o600, flush: true })
    renameSync(temporary, file)
  } catch {
    // The disk is full, for example: the next run tries again.
    rmSync(temporary, { force: true })
  }
}

/**
 * Stores the compiled functions of the program when a run ends with 0, for the next runs. Node's own compile cache
 * (`module.enableCompileCache`) is filled before the first function runs, and V8 compiles most functions when they run first.
 *
 * Does nothing in other runtimes than Node.
 */
export const cacheCompiledCode = ({ build, folder, program }: CodeCacheOptions): void => {
  if ("bun" in process.versions || "deno" in process.versions || !makePrivate(folder)) return
  const { extensions } = createRequire(join(program, "chunk.cjs"))
  const compiled = new Map<string, Script>()
  const byNode = extensions[".js"]
  extensions[".cjs"] = (module, filename) => {
    if (dirname(filename) !== program) return byNode(module, filename)
    const file = join(folder, basename(filename))
    const cachedData = read(file, build)
    const source = readFileSync(filename, "latin1")
    const script = new Script(`(function (exports, require, module, __filename, __dirname) {${source}\n})`, {
      filename,
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
      ...(cachedData === undefined ? {} : { cachedData })
    })
    // Absent without cached data. True for that of another version of V8.
    if (script.cachedDataRejected !== false) compiled.set(file, script)
    const run: (...parameters: ReadonlyArray<unknown>) => void = script.runInThisContext()
    run.call(module.exports, module.exports, createRequire(filename), module, filename, program)
  }
  process.once("exit", (code) => {
    if (code !== 0) return
    for (const [file, script] of compiled)
      replace(file, Buffer.concat([Buffer.from(build, "latin1"), script.createCachedData()]))
  })
}
