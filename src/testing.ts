/** Adapters in memory, a scripted authorization server, and a scripted user: the core without a network or a disk. */
export * as MemoryClientRegistrations from "./adapters/store/memory/MemoryClientRegistrations.ts"
export * as MemoryLock from "./adapters/lock/MemoryLock.ts"
export * as MemoryStore from "./adapters/store/memory/MemoryStore.ts"
export * as ScriptedAuthorizationServer from "./adapters/scripted/ScriptedAuthorizationServer.ts"
export * as ScriptedUser from "./adapters/scripted/ScriptedUser.ts"
