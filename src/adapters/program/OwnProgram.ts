import { realpath } from "node:fs/promises"
import { join, resolve } from "node:path"
import { Effect, Layer } from "effect"
import { OwnProgram } from "../../ports/OwnProgram.ts"
import { configuredHome } from "../platform/ConfiguredHome.ts"
import { dataFolder } from "../platform/HomeFolder.ts"

const fileName = "server_config.json"

/** Caches of `npx`, `pnpm dlx`, `yarn dlx` and `bunx`. */
const cache = /[/\\](_npx|dlx|dlx-[^/\\]+|xfs-[^/\\]+|bunx-[^/\\]+)[/\\]/

const resolved = (path: string): Promise<string> => realpath(path).catch(() => path)

/** The name of a Node of Homebrew that stays when Homebrew updates it. */
const lasting = async (path: string): Promise<string> => {
  const [, prefix, formula] = /^(.*)\/Cellar\/([^/]+)\/[^/]+\/bin\/node$/.exec(path) ?? []
  if (prefix === undefined) return path
  const link = `${prefix}/opt/${formula}/bin/node`
  return (await resolved(link)) === path ? link : path
}

/**
 * This process.
 *
 * @param runtime the absolute path of Node
 * @param script the file that it runs
 */
export const layer = (runtime: string, script: string): Layer.Layer<OwnProgram> =>
  Layer.succeed(
    OwnProgram,
    OwnProgram.of({
      launch: Effect.promise(async () => {
        const [command, file] = await Promise.all([resolved(runtime), resolved(script)])
        if (cache.test(command) || cache.test(file)) return undefined
        return { command: await lasting(command), args: [file] }
      }),
      defaultConfiguration: Effect.map(configuredHome, (home) => join(dataFolder(home), fileName)),
      projectConfiguration: Effect.sync(() => resolve(fileName))
    })
  )
