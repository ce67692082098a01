/** Schemas of tools as servers write them, and as they must not: each in a tool of its name. */
export const toolSchemas: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  plain: { type: "object", properties: { a: { type: "string" } } },
  no_properties: { type: "object" },
  pattern_free: { type: "object", properties: { a: { type: "string", pattern: "[a-z]+" } }, required: ["a"] },
  pattern_anchored: {
    type: "object",
    properties: { a: { type: "string", pattern: "^[a-z]{1,3}$" } },
    required: ["a"]
  },
  pattern_class: {
    type: "object",
    properties: { a: { type: "string", pattern: "^\\d{4}-\\d\\d$" } },
    required: ["a"]
  },
  pattern_word: {
    type: "object",
    properties: { a: { type: "string", pattern: "^[\\w.-]+$" } },
    required: ["a"]
  },
  pattern_ahead: {
    type: "object",
    properties: { a: { type: "string", pattern: "^(?!x)[a-z]+$" } },
    required: ["a"]
  },
  pattern_noncapture: {
    type: "object",
    properties: { a: { type: "string", pattern: "^(?:a|b)$" } },
    required: ["a"]
  },
  pattern_unicode: {
    type: "object",
    properties: { a: { type: "string", pattern: "^\\p{L}+$" } },
    required: ["a"]
  },
  pattern_optional: { type: "object", properties: { a: { type: "string", pattern: "[a-z]+" } } },
  format: {
    type: "object",
    properties: {
      a: { type: "string", format: "date-time" },
      b: { type: "string", format: "email" },
      c: { type: "string", format: "uri" },
      d: { type: "string", format: "uuid" }
    },
    required: ["a", "b", "c", "d"]
  },
  defs: {
    type: "object",
    properties: { a: { $ref: "#/$defs/A" } },
    required: ["a"],
    $defs: {
      A: { type: "object", properties: { b: { $ref: "#/$defs/B" } }, required: ["b"] },
      B: { enum: ["x", "y"] }
    }
  },
  definitions: {
    type: "object",
    properties: { a: { $ref: "#/definitions/A" } },
    required: ["a"],
    definitions: { A: { type: "string" } }
  },
  recursive: {
    type: "object",
    properties: { a: { $ref: "#/$defs/A" } },
    required: ["a"],
    $defs: {
      A: { type: "object", properties: { children: { type: "array", items: { $ref: "#/$defs/A" } } } }
    }
  },
  ref_property: {
    type: "object",
    properties: { a: { type: "string" }, b: { $ref: "#/properties/a" } },
    required: ["b"]
  },
  ref_missing: { type: "object", properties: { a: { $ref: "#/$defs/none" } }, required: ["a"] },
  ref_self: { type: "object", properties: { a: { $ref: "#" } } },
  ref_remote: { type: "object", properties: { a: { $ref: "https://json-schema.org/draft/2020-12/schema" } } },
  nullable: {
    type: "object",
    properties: {
      a: { anyOf: [{ type: "string" }, { type: "null" }], default: null },
      b: { type: ["string", "null"] }
    },
    required: ["a", "b"]
  },
  any: { type: "object", properties: { a: {}, b: true }, required: ["a", "b"] },
  ranges: {
    type: "object",
    properties: {
      a: { type: "integer", minimum: 1, maximum: 100 },
      b: { type: "number", exclusiveMinimum: 0 },
      c: { type: "string", minLength: 1, maxLength: 2000 },
      d: { type: "array", items: { type: "string" }, minItems: 1, maxItems: 100 }
    },
    required: ["a", "b", "c", "d"]
  },
  big_repeat: { type: "object", properties: { c: { type: "string", maxLength: 100000 } }, required: ["c"] },
  big_items: {
    type: "object",
    properties: {
      c: {
        type: "array",
        items: { type: "object", properties: { x: { type: "string" } }, required: ["x"] },
        maxItems: 5000
      }
    },
    required: ["c"]
  },
  open: {
    type: "object",
    properties: { a: { type: "object", additionalProperties: { type: "string" } } },
    required: ["a"],
    additionalProperties: true
  },
  pattern_properties: {
    type: "object",
    properties: { a: { type: "object", patternProperties: { "^x-": { type: "string" } } } },
    required: ["a"]
  },
  top_one: {
    type: "object",
    oneOf: [
      { properties: { a: { type: "string" } }, required: ["a"] },
      { properties: { b: { type: "string" } }, required: ["b"] }
    ]
  },
  inner_all: {
    type: "object",
    properties: {
      a: {
        allOf: [
          { type: "object", properties: { x: { type: "string" } } },
          { type: "object", properties: { y: { type: "string" } } }
        ]
      }
    },
    required: ["a"]
  },
  all_ref: {
    type: "object",
    properties: { a: { allOf: [{ $ref: "#/$defs/A" }], default: "x" } },
    required: ["a"],
    $defs: { A: { enum: ["x"], type: "string" } }
  },
  inner_not: { type: "object", properties: { a: { not: { type: "string" } } }, required: ["a"] },
  tuple: {
    type: "object",
    properties: {
      a: { type: "array", prefixItems: [{ type: "string" }, { type: "number" }] },
      b: { type: "array", items: [{ type: "string" }] }
    },
    required: ["a", "b"]
  },
  consts: {
    type: "object",
    properties: { a: { const: "x" }, b: { const: 3 }, c: { enum: [1, "two", null, true] } },
    required: ["a", "b", "c"]
  },
  if_else: {
    type: "object",
    properties: { a: { type: "string" } },
    if: { properties: { a: { const: "x" } } },
    else: { required: ["b"] }
  },
  types: {
    type: "object",
    properties: { a: { type: ["string", "number", "array"], items: {} } },
    required: ["a"]
  },
  unknown_type: { type: "object", properties: { a: { type: "file" } }, required: ["a"] },
  unknown_type_any: { type: "object", properties: { a: { type: "any" } }, required: ["a"] },
  content: {
    type: "object",
    properties: { a: { type: "string", contentEncoding: "base64" } },
    required: ["a"]
  },
  names: {
    type: "object",
    properties: {
      "a b": { type: "string" },
      ä: { type: "string" },
      'x"y': { type: "string" },
      $top: { type: "integer" }
    },
    required: ["a b", "ä", 'x"y', "$top"]
  },
  unevaluated: { type: "object", properties: { a: { type: "string" } }, unevaluatedProperties: false },
  array_no_items: { type: "object", properties: { a: { type: "array" } }, required: ["a"] },
  empty_enum: { type: "object", properties: { a: { enum: [] } }, required: ["a"] },
  empty_anyof: { type: "object", properties: { a: { anyOf: [] } }, required: ["a"] },
  false_schema: { type: "object", properties: { a: false } },
  null_default: { type: "object", properties: { a: { type: "string", default: null, description: null } } },
  deep: {
    type: "object",
    properties: {
      a: {
        type: "array",
        items: {
          type: "array",
          items: { type: "object", properties: { v: { type: "array", items: { enum: ["q"] } } } }
        }
      }
    },
    required: ["a"]
  },
  min_text: { type: "object", properties: { a: { type: "string", minLength: "3" } }, required: ["a"] },
  min_float: { type: "object", properties: { a: { type: "string", minLength: 1.5 } }, required: ["a"] },
  min_gt_max: {
    type: "object",
    properties: { a: { type: "string", minLength: 5, maxLength: 2 } },
    required: ["a"]
  },
  items_gt: {
    type: "object",
    properties: { a: { type: "array", minItems: 5, maxItems: 2 } },
    required: ["a"]
  },
  range_gt: {
    type: "object",
    properties: { a: { type: "integer", minimum: 5, maximum: 2 } },
    required: ["a"]
  },
  negative: { type: "object", properties: { a: { type: "string", minLength: -1 } }, required: ["a"] },
  pattern_num: { type: "object", properties: { a: { type: "string", pattern: 3 } }, required: ["a"] },
  pattern_bad: { type: "object", properties: { a: { type: "string", pattern: "^(a$" } }, required: ["a"] },
  pattern_bad2: { type: "object", properties: { a: { type: "string", pattern: "^[a$" } }, required: ["a"] },
  pattern_rep: {
    type: "object",
    properties: { a: { type: "string", pattern: "^a{1,100000}$" } },
    required: ["a"]
  },
  pattern_back: {
    type: "object",
    properties: { a: { type: "string", pattern: "^(a)\\1$" } },
    required: ["a"]
  },
  pattern_bound: {
    type: "object",
    properties: { a: { type: "string", pattern: "^\\bfoo\\b$" } },
    required: ["a"]
  },
  pattern_slash: {
    type: "object",
    properties: { a: { type: "string", pattern: "^https?:\\/\\/.*$" } },
    required: ["a"]
  },
  pattern_flags: {
    type: "object",
    properties: { a: { type: "string", pattern: "^(?i)abc$" } },
    required: ["a"]
  },
  pattern_named: {
    type: "object",
    properties: { a: { type: "string", pattern: "^(?<y>abc)$" } },
    required: ["a"]
  },
  pattern_empty: { type: "object", properties: { a: { type: "string", pattern: "" } }, required: ["a"] },
  pattern_alt: { type: "object", properties: { a: { type: "string", pattern: "^a$|^b$" } }, required: ["a"] },
  format_unknown: { type: "object", properties: { a: { type: "string", format: "foo" } }, required: ["a"] },
  format_num: { type: "object", properties: { a: { type: "string", format: 3 } }, required: ["a"] },
  desc_num: { type: "object", properties: { a: { type: "string", description: 3 } }, required: ["a"] },
  desc_null: {
    type: "object",
    description: null,
    properties: { a: { type: "string", title: null } },
    required: ["a"]
  },
  required_bool: { type: "object", properties: { a: { type: "string", required: true } }, required: ["a"] },
  required_null: { type: "object", properties: { a: { type: "string" } }, required: null },
  required_dup: { type: "object", properties: { a: { type: "string" } }, required: ["a", "a"] },
  required_gone: {
    type: "object",
    properties: { o: { type: "object", properties: {}, required: ["zz"] } },
    required: ["o"]
  },
  required_false: {
    type: "object",
    properties: { o: { type: "object", properties: { zz: false }, required: ["zz"] } },
    required: ["o"]
  },
  props_array: { type: "object", properties: [] },
  props_null: { type: "object", properties: null },
  defs_null: { type: "object", properties: { a: { type: "string" } }, $defs: null },
  min_huge: {
    type: "object",
    properties: { a: { type: "integer", minimum: -9007199254740991, maximum: 9007199254740991 } },
    required: ["a"]
  },
  min_1e20: {
    type: "object",
    properties: { a: { type: "integer", minimum: 0, maximum: 1e20 } },
    required: ["a"]
  },
  excl_bool: {
    type: "object",
    properties: { a: { type: "integer", minimum: 0, exclusiveMinimum: true } },
    required: ["a"]
  },
  multiple: { type: "object", properties: { a: { type: "number", multipleOf: 0.01 } }, required: ["a"] },
  type_null: { type: "object", properties: { a: { type: null } }, required: ["a"] },
  type_obj: { type: "object", properties: { a: { type: { x: 1 } } }, required: ["a"] },
  type_none: { type: "object", properties: { a: { description: "x" } }, required: ["a"] },
  const_obj: { type: "object", properties: { a: { const: { x: [1] } } }, required: ["a"] },
  prop_default: {
    type: "object",
    properties: {
      default: { type: "array" },
      enum: { type: "array" },
      required: { type: "boolean" },
      items: { type: "string" },
      $ref: { type: "string" },
      type: { type: "string" }
    },
    required: ["default", "enum", "type", "$ref", "required", "items"]
  },
  loop: {
    type: "object",
    properties: { a: { $ref: "#/$defs/A" } },
    required: ["a"],
    $defs: { A: { $ref: "#/$defs/A" } }
  },
  loop2: { type: "object", properties: { a: { $ref: "#/properties/a" } }, required: ["a"] },
  loop3: {
    type: "object",
    properties: { a: { $ref: "#/$defs/A" } },
    required: ["a"],
    $defs: { A: { anyOf: [{ $ref: "#/$defs/A" }, { type: "string" }] } }
  },
  endless: {
    type: "object",
    properties: { a: { $ref: "#/$defs/A" } },
    required: ["a"],
    $defs: { A: { type: "object", properties: { n: { $ref: "#/$defs/A" } }, required: ["n"] } }
  },
  ref_siblings: {
    type: "object",
    properties: { a: { $ref: "#/$defs/A", description: "x", minLength: 3 } },
    required: ["a"],
    $defs: { A: { type: "string" } }
  },
  ref_escaped: {
    type: "object",
    properties: { a: { $ref: "#/$defs/A~1B" }, b: { $ref: "#/$defs/A%20C" } },
    required: ["a", "b"],
    $defs: { "A/B": { type: "string" }, "A C": { type: "string" } }
  },
  ref_anchor: {
    type: "object",
    properties: { a: { $ref: "#foo" } },
    required: ["a"],
    $defs: { A: { $anchor: "foo", type: "string" } }
  },
  ref_text: { type: "object", properties: { a: { $ref: "#/title" } }, title: "x", required: ["a"] },
  ref_items: {
    type: "object",
    properties: { a: { type: "array", items: [{ type: "string" }] }, b: { $ref: "#/properties/a/items/0" } },
    required: ["a", "b"]
  },
  dyn: { type: "object", properties: { a: { $dynamicRef: "#node" } }, required: ["a"] },
  nullable_true: { type: "object", properties: { a: { type: "string", nullable: true } }, required: ["a"] },
  empty_name: { type: "object", properties: { "": { type: "string" } }, required: [""] },
  dash_name: {
    type: "object",
    properties: {
      "a-b": { type: "object", properties: { a_b: { type: "string" } }, required: ["a_b"] },
      a_b: { type: "number" }
    },
    required: ["a-b", "a_b"]
  },
  min_props: { type: "object", properties: { a: { type: "object", minProperties: 2 } }, required: ["a"] },
  unique: {
    type: "object",
    properties: {
      a: { type: "array", items: { type: "string" }, uniqueItems: true, contains: { const: "x" } }
    },
    required: ["a"]
  },
  max_items_huge: {
    type: "object",
    properties: {
      a: {
        type: "array",
        items: { type: "array", items: { type: "string", maxLength: 1000 }, maxItems: 1000 },
        maxItems: 1000
      }
    },
    required: ["a"]
  },
  add_str: {
    type: "object",
    properties: { a: { type: "object", additionalProperties: "no" } },
    required: ["a"]
  },
  if_only: { type: "object", properties: { a: { if: { const: 1 } } }, required: ["a"] }
}
