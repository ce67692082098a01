import { writeFileSync } from "node:fs"
import { jsonDocument } from "../test/JsonDocument.ts"

writeFileSync("docs/json.md", jsonDocument())
