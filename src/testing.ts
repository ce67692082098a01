/** Adapters in memory, a scripted authorization server, and a scripted person: the core without a network or a disk. */
export * as MemoryLock from "./adapters/lock/MemoryLock.ts"
export * as MemoryStore from "./adapters/store/memory/MemoryStore.ts"
export * as ScriptedAuthorizationServer from "./adapters/scripted/ScriptedAuthorizationServer.ts"
export * as ScriptedPerson from "./adapters/scripted/ScriptedPerson.ts"
