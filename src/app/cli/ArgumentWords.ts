/** A name of an argument that `name=value` gives, or that an object in it has a member of. */
const isGiven = (name: string, given: ReadonlyArray<string>): boolean =>
  given.some((word) => word.startsWith(`${name}=`) || word.startsWith(`${name}.`))

/**
 * The names that can follow, each with its equals sign. Those of members are offered once the word has begun with the name
 * of their argument: a tool may have hundreds.
 *
 * @param given the words before
 * @param word what is typed of this one
 */
export const namesLeft = (
  names: ReadonlyArray<string>,
  given: ReadonlyArray<string>,
  word: string
): ReadonlyArray<string> => {
  const isOffered = (name: string) =>
    word === "" ? !names.some((other) => name.startsWith(`${other}.`)) : name.startsWith(word)
  return names.filter((name) => !isGiven(name, given) && isOffered(name)).map((name) => `${name}=`)
}
