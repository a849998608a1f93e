// Keyed state of the record in hand. What a record writes counts only if the record does, so writes are kept aside
// until it is done.

import host from "invoker:udf/state@0.1.0";
import { Items, bytesOf, column } from "./column.js";
import { decode, encode } from "./text.js";

const PAGE = 256;

const parsed = (bytes) => (bytes === null ? undefined : JSON.parse(decode(bytes)));
const stored = (value) => {
  if (value === undefined) throw new TypeError("undefined cannot be stored: use delete()");
  return encode(JSON.stringify(value));
};

/** One value per key, handed over with the batch. */
export class ValueState {
  constructor(index) {
    this.index = index;
  }

  begin(items) {
    this.items = items;
    // Key to bytes: of the records that are done, and of the one in hand.
    this.done = new Map();
    this.tentative = undefined;
  }

  at(key) {
    this.key = key;
    this.tentative = undefined;
  }

  keep() {
    if (this.tentative !== undefined) this.done.set(this.key, this.tentative);
  }

  update() {
    if (this.done.size === 0) return undefined;
    return { state: this.index, keys: [...this.done.keys()], values: column(this.done.values()) };
  }

  get() {
    needKey(this.key);
    if (this.tentative !== undefined) return parsed(this.tentative);
    return parsed(this.done.has(this.key) ? this.done.get(this.key) : this.items.at(this.key));
  }

  set(value) {
    needKey(this.key);
    this.tentative = stored(value);
  }

  delete() {
    needKey(this.key);
    this.tentative = null;
  }
}

/** Fields to values per key, read from the host one by one. */
export class MapState {
  constructor(index) {
    this.index = index;
  }

  begin() {
    this.done = new Map();
    this.tentative = new Map();
  }

  at(key) {
    this.key = key;
    this.tentative = new Map();
  }

  keep() {
    if (this.tentative.size === 0) return;
    const fields = this.done.get(this.key) ?? new Map();
    for (const [field, bytes] of this.tentative) fields.set(field, bytes);
    this.done.set(this.key, fields);
  }

  /** Hands to the host what records that are done have written. */
  update() {
    if (this.done.size === 0) return undefined;
    const [keys, fields, values] = [[], [], []];
    for (const [key, written] of this.done) {
      for (const [field, bytes] of written) {
        keys.push(key);
        fields.push(encode(field));
        values.push(bytes);
      }
    }
    host.mapSetMany(this.index, keys, column(fields), column(values));
    this.done = new Map();
    return undefined;
  }

  get(field) {
    needKey(this.key);
    if (this.tentative.has(field)) return parsed(this.tentative.get(field));
    const done = this.done.get(this.key);
    if (done?.has(field)) return parsed(done.get(field));
    return parsed(new Items(host.mapGetMany(this.index, [this.key], column([bytesOf(field)]))).at(0));
  }

  set(field, value) {
    needKey(this.key);
    this.tentative.set(field, stored(value));
  }

  delete(field) {
    needKey(this.key);
    this.tentative.set(field, null);
  }

  /** Fields that begin with `prefix`, and their values. */
  *entries(prefix = "") {
    needKey(this.key);
    this.update();
    const found = new Map();
    let start = null;
    do {
      const page = host.mapScan(this.index, this.key, encode(prefix), start, PAGE);
      const [fields, values] = [new Items(page.fields), new Items(page.values)];
      for (let i = 0; i < fields.length; i++) found.set(decode(fields.at(i)), values.at(i));
      start = page.next ?? null;
    } while (start !== null);
    for (const [field, bytes] of this.tentative) {
      if (field.startsWith(prefix)) found.set(field, bytes);
    }
    for (const [field, bytes] of found) if (bytes !== null) yield [field, parsed(bytes)];
  }
}

function needKey(key) {
  if (key >= 0) return;
  const error = new Error("the record has no key, and state belongs to one");
  error.code = "no-key";
  throw error;
}
