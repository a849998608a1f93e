// Functions on streams, in JavaScript: an author writes what is done with one record, and `define` makes of it what
// the host calls batch by batch.
//
//     import { define } from "./vendor/invoker/index.js";
//
//     const shout = define({
//       outputs: { out: {} },
//       process(record, { outputs }) {
//         outputs.out.send(record.text.toUpperCase());
//       },
//     });
//     export { shout as function };
//
// Whatever `process` throws rejects its record: it goes where the deployment's `onFailure` says, nothing that it sent
// is kept, and no state that it changed. `reject` gives it a code, `retry` has it tried again.

import log from "invoker:udf/host@0.1.0";
import { Filling, Items, bytesOf, column } from "./column.js";
import { MapState, ValueState } from "./state.js";
import { NotText, decode, encode } from "./text.js";

/** Why a record could not be done. */
export class Failure extends Error {
  constructor(kind, code, message) {
    super(message ?? code);
    this.kind = kind;
    this.code = code;
  }
}

/** Gives the record up: trying again will not help. `code` is short and stable, for counting. */
export function reject(code, message) {
  throw new Failure("rejected", code, message);
}

/** Has the record tried again later; everything behind it in its partition waits. */
export function retry(code, message) {
  throw new Failure("transient", code, message);
}

/** One record, read in place. */
class Record {
  constructor(batch) {
    this.batch = batch;
    this.index = -1;
  }

  /** Its key as bytes, or null. */
  get keyBytes() {
    const key = this.batch.keyOf[this.index];
    return key < 0 ? null : this.batch.keyItems.at(key);
  }

  /** Its key as text, or null. */
  get key() {
    const bytes = this.keyBytes;
    return bytes === null ? null : decode(bytes);
  }

  /** Its value as bytes; null is a tombstone. */
  get bytes() {
    return this.batch.valueItems.at(this.index);
  }

  /** Its value as text. A record without value, or of other bytes than UTF-8, is rejected. */
  get text() {
    return decode(this.bytes ?? reject("no-value", "the record has no value (it is a tombstone)"));
  }

  /** Its value, read as JSON; anything else is rejected. */
  json() {
    const text = this.text;
    try {
      return JSON.parse(text);
    } catch (error) {
      return reject("bad-json", error.message);
    }
  }

  /** Milliseconds since 1970, or null where the log gives none. */
  get timestamp() {
    const time = this.batch.eventTimes[this.index];
    return time === -1 ? null : time;
  }

  get offset() {
    return this.batch.firstOffset + this.batch.offsetDeltas[this.index];
  }

  get partition() {
    return this.batch.partition;
  }

  /** Name of the input that it came from; null where none is declared. */
  get input() {
    return this.batch.inputNames[this.batch.input] ?? null;
  }

  /** The host's clock, milliseconds since 1970. */
  get now() {
    return this.batch.now;
  }

  /** How often it was tried before. */
  get attempt() {
    return this.index === 0 ? this.batch.attempt : 0;
  }

  /** Its headers as pairs of name and bytes (null where a header has no value). Needs `headers: "read"`. */
  get headers() {
    const headers = this.batch.headers;
    if (!headers) return [];
    const [names, values] = [new Items(headers.names), new Items(headers.values)];
    const pairs = [];
    const from = this.index === 0 ? 0 : headers.ends[this.index - 1];
    for (let i = from; i < headers.ends[this.index]; i++) pairs.push([decode(names.at(i)), values.at(i)]);
    return pairs;
  }

  /** The text of its last header of this name, or null. */
  header(name) {
    const found = this.headers.filter(([other]) => other === name).pop();
    return found?.[1] ? decode(found[1]) : null;
  }
}

/** What was sent in one call, in order. */
class Sent {
  constructor(headers) {
    this.readsHeaders = headers === "read";
    this.clear();
  }

  clear() {
    this.sources = [];
    this.ports = [];
    this.keys = new Filling();
    this.values = new Filling();
    this.times = [];
    this.partitions = [];
    this.headers = [];
  }

  truncate(count) {
    for (const list of [this.sources, this.ports, this.times, this.partitions, this.headers]) list.length = count;
    this.keys.truncate(count);
    this.values.truncate(count);
  }

  send(port, record, value, options) {
    this.sources.push(record.index);
    this.ports.push(port);
    this.keys.push(options.key === undefined ? record.keyBytes : bytesOf(options.key));
    this.values.push(bytesOf(value));
    this.times.push(options.timestamp ?? -1);
    this.partitions.push(options.partition ?? -1);
    this.headers.push(options.headers ? Object.entries(options.headers) : this.readsHeaders ? record.headers : null);
  }

  columns() {
    const own = this.headers.some((headers) => headers !== null);
    return {
      sources: this.sources,
      ports: this.ports,
      keys: this.keys.column(),
      values: this.values.column(),
      eventTimes: orNone(this.times),
      partitions: orNone(this.partitions),
      headers: own ? headerColumns(this.headers) : undefined,
    };
  }
}

/** A column of nothing but defaults is left out. */
function orNone(numbers) {
  return numbers.every((number) => number === -1) ? [] : numbers;
}

function headerColumns(lists) {
  const [ends, names, values] = [[], [], []];
  for (const list of lists) {
    for (const [name, value] of list ?? []) {
      names.push(encode(name));
      values.push(bytesOf(value));
    }
    ends.push(names.length);
  }
  return { ends, names: column(names), values: column(values) };
}

/** One output of a function. */
class Output {
  constructor(port, sent) {
    this.port = port;
    this.sent = sent;
  }

  /** Sends a record: text or bytes as they are, null as a tombstone, anything else as JSON. */
  send(value, options = {}) {
    this.sent.send(this.port, this.sent.record, value, options);
  }
}

/** Makes a function of its definition; export the result as `function`. */
export function define(definition) {
  const names = (part) => Object.keys(definition[part] ?? {});
  const description = describe(definition);
  const sent = new Sent(description.headers);
  const outputs = Object.fromEntries(names("outputs").map((name, port) => [name, new Output(port, sent)]));
  const states = description.states.map((spec, index) =>
    spec.kind === "value" ? new ValueState(index) : new MapState(index),
  );
  const context = {
    outputs,
    states: Object.fromEntries(description.states.map((spec, index) => [spec.name, states[index]])),
    settings: {},
    log: logger(sent),
  };
  return {
    describe: () => description,
    init(info) {
      for (const [name, value] of info.settings) {
        context.settings[name] = value.tag === "json" ? JSON.parse(value.val) : value.val;
      }
      try {
        definition.start?.(context);
      } catch (error) {
        throw failureOf(error);
      }
    },
    process: (batch) => processBatch(definition, description, context, states, sent, batch),
  };
}

function processBatch(definition, description, context, states, sent, batch) {
  Object.assign(batch, {
    keyItems: new Items(batch.keys),
    valueItems: new Items(batch.values),
    inputNames: description.inputs.map((port) => port.name),
  });
  const record = new Record(batch);
  sent.clear();
  sent.record = record;
  let prefetched = 0;
  for (const state of states) state.begin(state instanceof ValueState ? new Items(batch.states[prefetched++]) : null);
  const rejects = [];
  let stopped;
  const count = batch.valueItems.length;
  for (record.index = 0; record.index < count; record.index++) {
    const before = sent.sources.length;
    for (const state of states) state.at(batch.keyOf[record.index]);
    try {
      definition.process(record, context);
      for (const state of states) state.keep();
    } catch (error) {
      sent.truncate(before);
      const failure = failureOf(error);
      if (failure.kind === "transient") {
        stopped = failure;
        break;
      }
      rejects.push({ record: record.index, failure });
    }
  }
  const updates = states.map((state) => state.update()).filter((update) => update !== undefined);
  return { consumed: record.index, stopped, outputs: sent.columns(), states: updates, rejects };
}

/** A thrown thing in the words of the contract. */
function failureOf(error) {
  if (error instanceof Failure) return { kind: error.kind, code: error.code, message: error.message };
  if (error instanceof NotText) return { kind: "rejected", code: "bad-text", message: error.message };
  if (!(error instanceof Error)) return { kind: "rejected", code: "error", message: String(error) };
  const code = error.code ?? error.name.replace(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
  // Where in the author's code it came from: the innermost line that is not the SDK's.
  const lines = (error.stack ?? "").split("\n").map((line) => line.trim());
  const where = lines.find((line) => line.startsWith("at ") && !line.includes("vendor/invoker/"));
  return { kind: "rejected", code: String(code), message: where ? `${error.message} (${where})` : error.message };
}

function logger(sent) {
  const write = (level) => (message) => log.log(level, sent.record?.index, String(message));
  return Object.fromEntries(["trace", "debug", "info", "warn", "error"].map((level) => [level, write(level)]));
}

function describe(definition) {
  const entries = (part) => Object.entries(definition[part] ?? {});
  const port = ([name, { contentType, schema, doc = "" }]) => ({ name, contentType, schema, doc });
  return {
    inputs: entries("inputs").map(port),
    outputs: entries("outputs").map(port),
    states: entries("states").map(([name, { kind = "value", ttl, version = 1, reads = [], doc = "" }]) => ({
      name,
      kind,
      prefetch: kind === "value",
      ttl,
      version,
      reads,
      doc,
    })),
    settings: entries("settings").map(setting),
    headers: definition.headers ?? "forward",
    maxRecords: definition.maxRecords,
    recordDeadline: definition.recordDeadline,
    properties: [],
  };
}

function setting([name, { kind, default: given, secret = false, required, doc = "" }]) {
  const value = given === undefined ? undefined : { tag: kind, val: kind === "json" ? JSON.stringify(given) : given };
  return { name, kind, required: required ?? given === undefined, default: value, secret, doc };
}
