/** A file of llama.cpp: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
const version = 3
const alignment = 32

type Value =
  | { readonly type: "u32"; readonly value: number }
  | { readonly type: "f32"; readonly value: number }
  | { readonly type: "text"; readonly value: string }
  | { readonly type: "texts"; readonly value: ReadonlyArray<string> }
  | { readonly type: "i32s"; readonly value: ReadonlyArray<number> }

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
const u64 = (value: number) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
const f32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return bytes
}
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)])

const encoded = ({ type, value }: Value): Buffer => {
  switch (type) {
    case "u32":
      return Buffer.concat([u32(4), u32(value)])
    case "f32":
      return Buffer.concat([u32(6), f32(value)])
    case "text":
      return Buffer.concat([u32(8), text(value)])
    case "texts":
      return Buffer.concat([u32(9), u32(8), u64(value.length), ...value.map(text)])
    case "i32s":
      return Buffer.concat([u32(9), u32(5), u64(value.length), ...value.map((one) => u32(one))])
  }
}

interface Tensor {
  readonly name: string
  /** The fastest dimension first. */
  readonly shape: ReadonlyArray<number>
  readonly values: Float32Array
}

const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & (alignment - 1))])

const gguf = (metadata: Readonly<Record<string, Value>>, tensors: ReadonlyArray<Tensor>): Buffer => {
  const entries = Object.entries(metadata)
  let offset = 0
  const infos = tensors.map(({ name, shape, values }) => {
    const info = [text(name), u32(shape.length), ...shape.map(u64), u32(0), u64(offset)]
    offset += values.byteLength + (-values.byteLength & (alignment - 1))
    return Buffer.concat(info)
  })
  return Buffer.concat([
    padded(
      Buffer.concat([
        Buffer.from("GGUF"),
        u32(version),
        u64(tensors.length),
        u64(entries.length),
        ...entries.flatMap(([name, value]) => [text(name), encoded(value)]),
        ...infos
      ])
    ),
    ...tensors.map(({ values }) => padded(Buffer.from(values.buffer)))
  ])
}

/** The characters by which byte-level BPE writes bytes. */
const characters: ReadonlyArray<string> = (() => {
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
    return String.fromCodePoint(isPrintable ? byte : next++)
  })
})()
const bytesOf = (piece: string) => [...Buffer.from(piece)].map((byte) => characters[byte] ?? "").join("")

const control = 3
const userDefined = 4
const normal = 1

/** What the model says after each of these tokens: one token after the other. */
const chains: ReadonlyArray<ReadonlyArray<string>> = [
  ["<|call|>", "<tool_call>", "\n"],
  ["<|answer|>", "The", " tool", " has", " answered", ":", " **done", "**.", "<|im_end|>"],
  ["\n", "Hello", " from", " llama.cpp", ".", "<|im_end|>"],
  // It ends in itself.
  ["<|endless|>", " more", " more"]
]
const special = ["<|im_start|>", "<|im_end|>", "<|call|>", "<|answer|>", "<|endless|>"]
const marks = ["<tool_call>", "</tool_call>"]

/** ChatML with tools, as Qwen has it. The last line chooses the chain. */
const template = `{%- if tools %}<|im_start|>system
{% if messages[0].role == 'system' %}{{ messages[0].content }}

{% endif %}# Tools
{% for tool in tools %}
{{ tool | tojson }}{% endfor %}
<|im_end|>
{% elif messages[0].role == 'system' %}<|im_start|>system
{{ messages[0].content }}<|im_end|>
{% endif %}{%- for message in messages %}{%- if message.role == 'user' %}<|im_start|>user
{{ message.content }}<|im_end|>
{% elif message.role == 'assistant' %}<|im_start|>assistant
{{ message.content or '' }}{% for call in message.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% elif message.role == 'tool' %}<|im_start|>user
<tool_response>
{{ message.content }}
</tool_response><|im_end|>
{% endif %}{%- endfor %}{%- if add_generation_prompt %}<|im_start|>assistant
{% set ns = namespace(said='', results=false) %}{% for message in messages %}{% if message.role == 'user' %}{% set ns.said = message.content %}{% set ns.results = false %}{% elif message.role == 'tool' %}{% set ns.results = true %}{% endif %}{% endfor %}{% if ns.results %}<|answer|>{% elif 'for ever' in ns.said %}<|endless|>{% elif 'use a tool' in ns.said %}<|call|>{% endif %}{% endif %}`

/**
 * A model without training, for llama.cpp: each token decides the next one, by a table. Attention adds nothing. Where a grammar
 * decides, it takes the shortest way: it closes a text or an object before it writes into it.
 */
export const tinyModel = (contextSize: number): Buffer => {
  const words = [...new Set(chains.flat())].filter((word) => !special.includes(word) && !marks.includes(word))
  const longer = words.filter((word) => bytesOf(word).length > 1)
  const tokens = [...characters, ...special, ...marks, ...longer.map(bytesOf)]
  const size = Math.ceil(tokens.length / 32) * 32
  const ids = new Map(tokens.map((token, id) => [token, id]))
  const idOf = (word: string) => ids.get(word) ?? ids.get(bytesOf(word)) ?? -1

  // One dimension for each token: what comes after it is a column of the output.
  const embedding = new Float32Array(size * tokens.length)
  const output = new Float32Array(size * tokens.length)
  for (let id = 0; id < tokens.length; id++) embedding[id * size + id] = 1
  const follows = (from: number, to: number, weight: number) => {
    output[to * size + from] = weight
  }
  for (const [rank, character] of ['"', "}", "]", "<|im_end|>", "0", "a"].entries()) {
    for (let id = 0; id < tokens.length; id++) follows(id, idOf(character), 0.5 - rank / 20)
  }
  for (const chain of chains) {
    for (const [index, word] of chain.slice(1).entries()) follows(idOf(chain[index] ?? ""), idOf(word), 2)
  }

  const zeros = (name: string, ...shape: ReadonlyArray<number>): Tensor => ({
    name,
    shape,
    values: new Float32Array(shape.reduce((product, length) => product * length, 1))
  })
  const ones = (name: string): Tensor => ({ name, shape: [size], values: new Float32Array(size).fill(1) })
  const hidden = 32
  const head = 32
  return gguf(
    {
      "general.architecture": { type: "text", value: "llama" },
      "general.name": { type: "text", value: "tiny" },
      "llama.context_length": { type: "u32", value: contextSize },
      "llama.embedding_length": { type: "u32", value: size },
      "llama.block_count": { type: "u32", value: 1 },
      "llama.feed_forward_length": { type: "u32", value: hidden },
      "llama.attention.head_count": { type: "u32", value: 1 },
      "llama.attention.head_count_kv": { type: "u32", value: 1 },
      "llama.attention.key_length": { type: "u32", value: head },
      "llama.attention.value_length": { type: "u32", value: head },
      "llama.attention.layer_norm_rms_epsilon": { type: "f32", value: 1e-5 },
      "llama.rope.dimension_count": { type: "u32", value: head },
      "llama.vocab_size": { type: "u32", value: tokens.length },
      "tokenizer.ggml.model": { type: "text", value: "gpt2" },
      "tokenizer.ggml.pre": { type: "text", value: "gpt-2" },
      "tokenizer.ggml.tokens": { type: "texts", value: tokens },
      "tokenizer.ggml.token_type": {
        type: "i32s",
        value: tokens.map((token) =>
          special.includes(token) ? control : marks.includes(token) ? userDefined : normal
        )
      },
      "tokenizer.ggml.merges": { type: "texts", value: [] },
      "tokenizer.ggml.eos_token_id": { type: "u32", value: idOf("<|im_end|>") },
      "tokenizer.chat_template": { type: "text", value: template }
    },
    [
      { name: "token_embd.weight", shape: [size, tokens.length], values: embedding },
      { name: "output.weight", shape: [size, tokens.length], values: output },
      ones("output_norm.weight"),
      ones("blk.0.attn_norm.weight"),
      zeros("blk.0.attn_q.weight", size, head),
      zeros("blk.0.attn_k.weight", size, head),
      zeros("blk.0.attn_v.weight", size, head),
      zeros("blk.0.attn_output.weight", head, size),
      ones("blk.0.ffn_norm.weight"),
      zeros("blk.0.ffn_gate.weight", size, hidden),
      zeros("blk.0.ffn_up.weight", size, hidden),
      zeros("blk.0.ffn_down.weight", hidden, size)
    ]
  )
}
