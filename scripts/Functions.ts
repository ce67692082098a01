import { createHash } from "node:crypto"
import { parseAst } from "rolldown/parseAst"

/** A node of a syntax tree, with the members that all have. */
export type Node = { readonly type: string; readonly start: number; readonly end: number } & Readonly<
  Record<string, unknown>
>

export const isNode = (value: unknown): value is Node => typeof (value as Node | null)?.type === "string"

export const childrenOf = (node: Node): ReadonlyArray<Node> => Object.values(node).flat().filter(isNode)

/** The syntax tree of a module. */
export const parse = (code: string): Node => parseAst(code, { lang: "ts" }) as unknown as Node

/** A function expression of a module. Its text names it, so that it is found again after other code has changed. */
export interface FunctionExpression {
  readonly start: number
  readonly end: number
  readonly hash: string
}

/** The function expressions of a module that can be put into parentheses, outer ones first. */
export const functionsOf = (code: string): ReadonlyArray<FunctionExpression> => {
  const found: Array<FunctionExpression> = []
  const visit = (node: Node, parent: Node): void => {
    const isMethod =
      parent.type === "MethodDefinition" ||
      (parent.type === "Property" && (parent["method"] === true || parent["kind"] !== "init"))
    // V8 has no such rule for async arrow functions.
    const isExpression =
      node.type === "FunctionExpression" ||
      (node.type === "ArrowFunctionExpression" && node["async"] !== true)
    if (isExpression && !isMethod) {
      const { end, start } = node
      const hash = createHash("sha256").update(code.slice(start, end)).digest("base64url").slice(0, 6)
      found.push({ start, end, hash })
    }
    for (const child of childrenOf(node)) visit(child, node)
  }
  const program = parse(code)
  visit(program, program)
  return found
}
