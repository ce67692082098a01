import type { TokenUsage } from "../../../domain/chat/ChatMessage.ts"
import type { ModelPrice } from "../../../ports/ChatModel.ts"

const million = 1_000_000

/** What tokens cost; undefined: there is no price, or the provider does not count them. */
const costOf = ({ cachedInput = 0, input, output }: TokenUsage, price: ModelPrice): number | undefined =>
  input === undefined || output === undefined
    ? undefined
    : ((input - cachedInput) * price.input +
        cachedInput * (price.cachedInput ?? price.input) +
        output * price.output) /
      million

const count = (tokens: number): string => tokens.toLocaleString("en")

/** The tokens of requests: `1,234 tokens in (1,000 cached), 56 out, 0.0042 USD`. */
export const tokensText = (usage: TokenUsage, price: ModelPrice | undefined): string => {
  const { cachedInput = 0, input, output } = usage
  if (input === undefined && output === undefined) return "no tokens were counted"
  const cost = price === undefined ? undefined : costOf(usage, price)
  return [
    ...(input === undefined
      ? []
      : [`${count(input)} tokens in${cachedInput > 0 ? ` (${count(cachedInput)} cached)` : ""}`]),
    ...(output === undefined ? [] : [`${count(output)} ${input === undefined ? "tokens " : ""}out`]),
    ...(cost === undefined || price === undefined
      ? []
      : [`${cost < 1 ? cost.toFixed(4) : cost.toFixed(2)} ${price.currency}`])
  ].join(", ")
}

const sumOf = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined ? other : one + (other ?? 0)

/** The tokens of two requests together. */
export const sumOfTokens = (one: TokenUsage, other: TokenUsage): TokenUsage => ({
  input: sumOf(one.input, other.input),
  cachedInput: sumOf(one.cachedInput, other.cachedInput),
  output: sumOf(one.output, other.output)
})

/** No request. */
export const noTokens: TokenUsage = { input: undefined, cachedInput: undefined, output: undefined }
