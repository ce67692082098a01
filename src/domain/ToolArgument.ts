import {
  alternatives,
  choices,
  isRecord,
  itemsOf,
  type JsonSchema,
  listOf,
  maxDepth,
  parts,
  resolved,
  typesOf,
  typeText
} from "./ToolSchema.ts"

/** An argument of a tool, as its schema describes it. */
export interface ToolArgument {
  readonly name: string
  readonly schema: unknown
  readonly type: string
  readonly choices: ReadonlyArray<unknown> | undefined
  readonly description: string | undefined
  /** Absent: none. */
  readonly default?: unknown
  readonly required: boolean
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

/** The alternatives of a schema other than `null`. */
const branchesOf = (root: JsonSchema, node: JsonSchema): ReadonlyArray<unknown> =>
  (alternatives(node) ?? []).filter((branch) => typesOf(root, branch)?.join() !== "null")

/** The members that a schema of an object lists. Those that only some of its alternatives have are optional. */
const membersOf = (root: JsonSchema, object: unknown): ReadonlyArray<ToolArgument> => {
  const found = new Map<string, ToolArgument>()
  const collect = (schema: unknown, isCertain: boolean, depth: number): void => {
    for (const node of depth > maxDepth ? [] : parts(root, schema)) {
      const required = listOf(node["required"])
      for (const [name, property] of Object.entries(isRecord(node["properties"]) ? node["properties"] : {})) {
        const before = found.get(name)
        // Beside a reference, 2020-12 allows a description and a default.
        const target = { ...resolved(root, property), ...(isRecord(property) ? property : {}) }
        found.set(name, {
          ...before,
          name,
          schema: property,
          type: typeText(root, property),
          choices: choices(root, property),
          description: textOf(target["description"]) ?? textOf(target["title"]) ?? before?.description,
          ...("default" in target ? { default: target["default"] } : {}),
          required: (isCertain && required.includes(name)) || before?.required === true
        })
      }
      for (const name of isCertain ? required : []) {
        const listed = typeof name === "string" ? found.get(name) : undefined
        if (listed !== undefined) found.set(listed.name, { ...listed, required: true })
      }
      const branches = branchesOf(root, node)
      for (const branch of branches) collect(branch, isCertain && branches.length === 1, depth + 1)
    }
  }
  collect(object, true, 0)
  return [...found.values()]
}

/** The arguments that a schema lists. Those that only some of its alternatives have are optional. */
export const toolArguments = (root: JsonSchema): ReadonlyArray<ToolArgument> => membersOf(root, root)

const textOfChoice = (choice: unknown): string =>
  typeof choice === "string" ? choice : JSON.stringify(choice)

/** The values that an argument, or an element of it, is chosen from, as they are typed. Empty: it allows others. */
export const valueTexts = (
  root: JsonSchema,
  { choices: own, schema, type }: ToolArgument
): ReadonlyArray<string> => {
  const listed = own ?? choices(root, itemsOf(root, schema))
  if (listed !== undefined) return listed.map(textOfChoice)
  return /^boolean( or null)?$/.test(type) ? ["true", "false"] : []
}

/** An argument, or a member of one that is an object or a list of objects. */
export interface NamedArgument extends ToolArgument {
  /** The argument that it is a member of, by the name that a user types. Absent: an argument of the tool itself. */
  readonly within?: string
}

/** Levels of members below an argument. A name with more dots is longer than the JSON. */
const maxLevels = 3
/** Members that are listed, at most: objects within objects multiply. */
const maxMembers = 200

/** True for a name that can be a step of a dotted one. */
const isStep = (name: string): boolean => name !== "" && !/[.=]/.test(name)

/** The object that a value is, or that its elements are, and the start of the names of its members. */
const objectIn = (root: JsonSchema, { name, schema }: NamedArgument) => {
  const types = typesOf(root, schema)
  const isList = types?.includes("array") === true && !types.includes("object")
  const object = isList ? itemsOf(root, schema) : schema
  return { object, prefix: isList ? `${name}.0` : name }
}

/**
 * The arguments that a schema lists, and below each the members of objects by their dotted names: `filter.author`, and
 * `filters.0.author` for a list of objects. The members of an object that is a member of itself are listed once.
 */
export const namedArguments = (root: JsonSchema): ReadonlyArray<NamedArgument> => {
  const top = toolArguments(root)
  // A name with a dot that the schema lists itself means that argument.
  const taken = new Set(top.map(({ name }) => name))
  let count = 0
  const withMembers = (
    one: NamedArgument,
    above: ReadonlyArray<ReadonlyArray<unknown>>
  ): ReadonlyArray<NamedArgument> => {
    const { object, prefix } = objectIn(root, one)
    const node = resolved(root, object)
    if (node === undefined || above.length > maxLevels) return [one]
    const schemas = [node, ...branchesOf(root, node).map((branch) => resolved(root, branch))]
    if (schemas.some((schema) => above.flat().includes(schema))) return [one]
    const members = membersOf(root, object).flatMap((member): ReadonlyArray<NamedArgument> => {
      const name = `${prefix}.${member.name}`
      if (!isStep(member.name) || taken.has(name) || ++count > maxMembers) return []
      return withMembers({ ...member, name, within: prefix }, [...above, schemas])
    })
    return [one, ...members]
  }
  const own = resolved(root, root)
  return top.flatMap((one) => (isStep(one.name) ? withMembers(one, [[own]]) : [one]))
}
