import type { Fact } from "./Facts.ts"
import type { History } from "./History.ts"

/** Reports a violation: the name of the rule, and what broke it. */
export type Violate = (rule: string, detail: string) => void

/** Checks each fact against what has happened before. The history has recorded the fact already. */
export type Invariant = (history: History, violate: Violate) => (fact: Fact) => void
