// The cases that both splits have to meet, run without WebAssembly.

import assert from "node:assert";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { iface } from "./split.js";

const text = { to: new TextEncoder(), from: new TextDecoder() };

function column(items) {
  const ends = [];
  const parts = [];
  let end = 0;
  for (const item of items) {
    const bytes = item == null ? [] : text.to.encode(item);
    end += bytes.length;
    ends.push(item == null ? -1 - end : end);
    parts.push(...bytes);
  }
  return { ends, data: Uint8Array.from(parts) };
}

function items({ ends, data }) {
  return ends.map((end, i) => text.from.decode(data.slice(i === 0 ? 0 : ends[i - 1], end)));
}

const cases = JSON.parse(readFileSync(new URL("cases.json", import.meta.url)));

for (const { name, input, output } of cases) {
  test(name, () => {
    const result = iface.process({ values: column(input.map((record) => record.value)) });
    assert.strictEqual(result.consumed, input.length);
    const [keys, values] = [items(result.outputs.keys), items(result.outputs.values)];
    assert.deepStrictEqual(keys.map((key, i) => ({ key, value: values[i] })), output);
    assert.strictEqual(result.outputs.sources.length, output.length);
  });
}
