/** A message of a request, the same for every API. */
export interface ModelMessage {
  readonly role: "system" | "user" | "assistant" | "tool"
  readonly text: string
  /** The calls of an assistant. */
  readonly calls?: ReadonlyArray<{ readonly id: string; readonly name: string; readonly arguments: string }>
  /** The call that a tool answers. */
  readonly callId?: string
  /** How many pictures it has. */
  readonly pictures?: number
  /** What an assistant thought before. */
  readonly reasoning?: string
}

/** A tool of a request. */
export interface ModelTool {
  readonly name: string
  readonly description: string
  readonly parameters: Readonly<Record<string, unknown>>
}

/** What a model answers. */
export interface ModelAnswer {
  readonly text?: string
  readonly reasoning?: string
  /** Arguments as text are sent as they are. */
  readonly calls?: ReadonlyArray<{
    readonly name: string
    readonly arguments: Readonly<Record<string, unknown>> | string
  }>
}

/** Decides what a model answers to a conversation. */
export type ModelScript = (
  messages: ReadonlyArray<ModelMessage>,
  tools: ReadonlyArray<ModelTool>
) => ModelAnswer | Promise<ModelAnswer>

const wordsOf = (text: string): ReadonlySet<string> =>
  new Set(
    text
      .replace(/([a-z])([A-Z])/g, "$1 $2")
      .toLowerCase()
      .split(/[^a-z0-9]+/)
      .map((word) => word.replace(/(?<=..)s$/, ""))
      .filter(
        (word) => word.length > 2 && !["the", "and", "for", "what", "are", "that", "this"].includes(word)
      )
  )

/** The arguments that a tool requires: the words in quotes of the question, then its numbers, else the question itself. */
const argumentsFor = ({ parameters }: ModelTool, question: string): Readonly<Record<string, unknown>> => {
  const { properties = {}, required = [] } = parameters as {
    readonly properties?: Readonly<Record<string, { readonly type?: unknown }>>
    readonly required?: ReadonlyArray<string>
  }
  const quoted = [...question.matchAll(/"([^"]*)"/g)].map(([, text]) => text)
  const numbers = [...question.matchAll(/-?\d+(\.\d+)?/g)].map(([text]) => Number(text))
  return Object.fromEntries(
    required.map((name) => {
      switch (properties[name]?.type) {
        case "number":
        case "integer":
          return [name, numbers.shift() ?? 1]
        case "boolean":
          return [name, true]
        case "array":
          return [name, []]
        case "object":
          return [name, {}]
        default:
          return [name, quoted.shift() ?? question]
      }
    })
  )
}

/**
 * A model that follows rules: it calls each tool whose name or description shares the most words with the question, and puts
 * the results into its text.
 */
export const byRules: ModelScript = (messages, tools) => {
  const last = messages.at(-1)
  if (last?.role === "tool") {
    const asked = messages.findLastIndex(({ role }) => role === "assistant")
    const results = messages.slice(asked + 1).map(({ text }) => text)
    return { text: `Here is what I found:\n\n${results.join("\n\n")}` }
  }
  const question = last?.text ?? ""
  const asked = wordsOf(question)
  const fits = tools.map((tool) => {
    const inName = [...wordsOf(tool.name)].filter((word) => asked.has(word)).length
    const inDescription = [...wordsOf(tool.description)].filter((word) => asked.has(word)).length
    return { tool, points: 3 * inName + inDescription }
  })
  const best = Math.max(0, ...fits.map(({ points }) => points))
  const chosen = best === 0 ? [] : fits.filter(({ points }) => points === best)
  if (chosen.length === 0) return { text: `You said: ${question}` }
  return { calls: chosen.map(({ tool }) => ({ name: tool.name, arguments: argumentsFor(tool, question) })) }
}
