import { StdioServerTransport } from "@modelcontextprotocol/server/stdio"
import { makeExampleServer } from "./ExampleServer.ts"

await makeExampleServer().connect(new StdioServerTransport())
