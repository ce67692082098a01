import { parseAst } from "rolldown/parseAst"

/** A function of `src` that is longer than its limit. */
export interface LongFunction {
  readonly line: number
  readonly lines: number
  readonly limit: number
}

/** Lines of any function: more than one screen. */
const maxFunctionLines = 120
/** Lines of a generator that builds a layer: it declares the functions of a service one after the other. */
const maxLayerLines = 150

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"

const isFunction = ({ type }: Node): boolean =>
  ["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"].includes(type)

/** True for the generator in `Layer.effect(Service, Effect.gen(...))` and `Layer.effect(Service)(Effect.gen(...))`. */
const buildsLayer = (source: string, { start }: Node): boolean =>
  /Layer\.\w+\([^()]*\)?\(?\s*Effect\.gen\($/.test(source.slice(Math.max(0, start - 200), start).trimEnd())

/** True for a function whose whole body is a layer: `(options) => Layer.effect(...)`. */
const returnsLayer = (source: string, { body }: Node): boolean =>
  isNode(body) && source.slice(body.start).startsWith("Layer.")

/** The functions of a file that are longer than their limit. */
export const longFunctionsOf = (source: string): ReadonlyArray<LongFunction> => {
  const found: Array<LongFunction> = []
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit)
    if (!isNode(value)) return
    if (isFunction(value)) {
      const lines = source.slice(value.start, value.end).split("\n").length
      const isLayer = buildsLayer(source, value) || returnsLayer(source, value)
      const limit = isLayer ? maxLayerLines : maxFunctionLines
      if (lines > limit) found.push({ line: source.slice(0, value.start).split("\n").length, lines, limit })
    }
    for (const field of Object.values(value)) visit(field)
  }
  visit(parseAst(source, { lang: "ts" }))
  return found
}
