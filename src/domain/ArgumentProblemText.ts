import { nearName } from "./NearName.ts"
import { printable } from "./PrintableText.ts"
import type { ArgumentProblem } from "./ToolSchema.ts"

/** A type in a sentence: `a string`, `an integer`, `one of open, closed`. */
const withArticle = (type: string): string => (/^[aio]/.test(type) ? `an ${type}` : `a ${type}`)

const valueText = (value: unknown): string => printable(JSON.stringify(value))

const choiceText = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value))

const typeOfValue = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "a list" : withArticle(typeof value)

const didYouMean = (name: string | undefined): string => (name === undefined ? "" : ` Did you mean ${name}?`)

/** What is wrong with the arguments of a tool, as a sentence. */
export const argumentProblemText = (tool: string, problem: ArgumentProblem): string => {
  const path = problem.path.join(".")
  switch (problem._tag) {
    case "Unknown":
      return `${tool} has no argument ${path}.${didYouMean(problem.near && [...problem.path.slice(0, -1), problem.near].join("."))}`
    case "Missing":
      return `${tool} needs the argument ${path} (${problem.type}).`
    case "Type":
      return `${path} must be ${problem.expected === "any" ? "something else" : withArticle(problem.expected)}, and ${valueText(problem.value)} is ${typeOfValue(problem.value)}.`
    case "Choice": {
      const names = problem.choices.map(choiceText)
      const near = typeof problem.value === "string" ? nearName(problem.value, names) : undefined
      return `${path} must be one of ${names.join(", ")}, and not ${valueText(problem.value)}.${didYouMean(near)}`
    }
  }
}
