import { nearName } from "./NearName.ts"
import { printable } from "./PrintableText.ts"
import type { ArgumentProblem } from "./ToolSchema.ts"

/** A type in a sentence: `a string`, `an integer`, `one of open, closed`. */
const withArticle = (type: string): string => (/^[aio]/.test(type) ? `an ${type}` : `a ${type}`)

const valueText = (value: unknown): string => printable(JSON.stringify(value))

const choiceText = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value))

const didYouMean = (name: string | undefined): string => (name === undefined ? "" : ` Did you mean ${name}?`)

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

/** What a value that exceeds a limit must be, and is not. */
const limitText = ({ keyword, limit, value }: Extract<ArgumentProblem, { _tag: "Limit" }>): string => {
  switch (keyword) {
    case "minimum":
      return `be at least ${limit}, and not ${valueText(value)}`
    case "maximum":
      return `be at most ${limit}, and not ${valueText(value)}`
    case "exclusiveMinimum":
      return `be more than ${limit}, and not ${valueText(value)}`
    case "exclusiveMaximum":
      return `be less than ${limit}, and not ${valueText(value)}`
    case "minLength":
      return `have at least ${counted(limit, "character")}`
    case "maxLength":
      return `have at most ${counted(limit, "character")}`
    case "minItems":
      return `have at least ${counted(limit, "element")}`
    case "maxItems":
      return `have at most ${counted(limit, "element")}`
  }
}

/** What is wrong with the arguments of a tool, as a sentence that names both. */
export const argumentProblemText = (tool: string, problem: ArgumentProblem): string => {
  const path = problem.path.join(".")
  const subject = path === "" ? `The arguments of ${tool}` : `The argument ${path} of ${tool}`
  switch (problem._tag) {
    case "Unknown":
      return `${tool} has no argument ${path}.${didYouMean(problem.near && [...problem.path.slice(0, -1), problem.near].join("."))}`
    case "Missing":
      return `${tool} needs the argument ${path} (${problem.type}).`
    case "Type":
      return `${subject} must be ${problem.expected === "any" ? "something else" : withArticle(problem.expected)}, and not ${valueText(problem.value)}.`
    case "Choice": {
      const names = problem.choices.map(choiceText)
      const near = typeof problem.value === "string" ? nearName(problem.value, names) : undefined
      return `${subject} must be one of ${names.join(", ")}, and not ${valueText(problem.value)}.${didYouMean(near)}`
    }
    case "Limit":
      return `${subject} must ${limitText(problem)}.`
  }
}
