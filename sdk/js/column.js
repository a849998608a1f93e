// The contract's columns: byte strings laid end to end, each of which may be absent.

import { encode } from "./text.js";

/** Items of a column that came from the host. */
export class Items {
  constructor({ ends, data }) {
    this.ends = ends;
    this.data = data;
  }

  get length() {
    return this.ends.length;
  }

  /** Item `i`, or null where it is absent. */
  at(i) {
    const end = this.ends[i];
    if (end === undefined || end < 0) return null;
    const before = i === 0 ? 0 : this.ends[i - 1];
    return this.data.subarray(before < 0 ? -1 - before : before, end);
  }
}

/** A column that is being filled. */
export class Filling {
  constructor() {
    this.clear();
  }

  clear() {
    this.ends = [];
    this.data = new Uint8Array(1024);
    this.used = 0;
  }

  /** Appends bytes; null is absent. */
  push(bytes) {
    if (bytes === null) {
      this.ends.push(-1 - this.used);
      return;
    }
    if (this.used + bytes.length > this.data.length) {
      const larger = new Uint8Array(Math.max(2 * this.data.length, this.used + bytes.length));
      larger.set(this.data.subarray(0, this.used));
      this.data = larger;
    }
    this.data.set(bytes, this.used);
    this.used += bytes.length;
    this.ends.push(this.used);
  }

  /** Forgets all behind the first `count` items. */
  truncate(count) {
    this.ends.length = count;
    const last = count === 0 ? 0 : this.ends[count - 1];
    this.used = last < 0 ? -1 - last : last;
  }

  column() {
    return { ends: this.ends, data: this.data.subarray(0, this.used) };
  }
}

/** What an author gives as a value: text and bytes as they are, null as absent, anything else as JSON. */
export function bytesOf(value) {
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array) return value;
  return encode(typeof value === "string" ? value : JSON.stringify(value));
}

export function column(items) {
  const filling = new Filling();
  for (const item of items) filling.push(item);
  return filling.column();
}
