import { Option } from "effect"

/** The value at a path of fields in JSON; `undefined` if a field is missing. */
export const fieldOf = (value: unknown, ...names: ReadonlyArray<string>): unknown =>
  names.reduce<unknown>(
    (inner, name) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, name)
        ? (inner as Readonly<Record<string, unknown>>)[name]
        : undefined,
    value
  )

/** As {@link fieldOf}, if it is a string that is not empty. */
export const textOf = (value: unknown, ...names: ReadonlyArray<string>): Option.Option<string> => {
  const found = fieldOf(value, ...names)
  return typeof found === "string" && found !== "" ? Option.some(found) : Option.none()
}
