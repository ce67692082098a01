import { Command } from "effect/cli"

/** Words with which a run reads the declarations of all commands. */
const readsAll = /^(-h|--help)$/
/** Words with which a run may name no command, and reads the declaration of none. */
const readsNone = /^(-V|--version|-s|--server(=.*)?)$/

/**
 * The commands of one level that a run may need. The others have their names only, so that their code is not loaded
 * (`scripts/build.ts` loads a module at the first use of one of its exports). If no word names a command, all are needed.
 *
 * @param words the arguments of the run
 * @param all makes each command, by its name
 */
export const commandsOf = <T extends Readonly<Record<string, () => Command.Command.Any>>>(
  words: ReadonlyArray<string>,
  all: T
): ReadonlyArray<ReturnType<T[keyof T]>> => {
  const isAll =
    words.some((word) => readsAll.test(word)) ||
    !words.some((word) => Object.hasOwn(all, word) || readsNone.test(word))
  return Object.entries(all).map(([name, make]) => {
    if (isAll || words.includes(name)) return make() as ReturnType<T[keyof T]>
    // Nothing reads more than the name of a command that no word names.
    return Command.make(name) as Command.Command.Any as ReturnType<T[keyof T]>
  })
}
