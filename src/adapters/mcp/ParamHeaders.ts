import { headerValue, type ParamHeader } from "../../domain/ParamHeaders.ts"
import { type Fields, isFields } from "./Messages.ts"

/** The headers for the arguments of a call. A value of another type has none. */
export const paramHeaders = (
  declared: ReadonlyArray<ParamHeader>,
  args: Fields
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    declared.flatMap(({ header, path }) => {
      const value = path.reduce<unknown>((at, name) => (isFields(at) ? at[name] : undefined), args)
      const isSent =
        typeof value === "string" ||
        typeof value === "boolean" ||
        (Number.isFinite(value) && Math.abs(Number(value)) <= Number.MAX_SAFE_INTEGER)
      return isSent ? [[`Mcp-Param-${header}`, headerValue(String(value))]] : []
    })
  )
