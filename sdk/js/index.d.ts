// Types of the SDK for functions in JavaScript and TypeScript.

/** Gives the record up: trying again will not help. `code` is short and stable, for counting. */
export function reject(code: string, message?: string): never;

/** Has the record tried again later; everything behind it in its partition waits. */
export function retry(code: string, message?: string): never;

/** Why a record could not be done; what `reject` and `retry` throw. */
export class Failure extends Error {
  kind: "rejected" | "transient";
  code: string;
  constructor(kind: "rejected" | "transient", code: string, message?: string);
}

/** One record, valid during the call that it is handed to. */
export interface Record {
  /** Its key as text; `null` where it has none. */
  readonly key: string | null;
  readonly keyBytes: Uint8Array | null;
  /** Its value as text. A record without value, or of other bytes than UTF-8, is rejected. */
  readonly text: string;
  /** Its value; `null` is a tombstone. */
  readonly bytes: Uint8Array | null;
  /** Its value, read as JSON; anything else is rejected. */
  json<T = unknown>(): T;
  /** Milliseconds since 1970; `null` where the log gives none. */
  readonly timestamp: number | null;
  readonly offset: number;
  readonly partition: number;
  /** Name of the input that it came from; `null` where none is declared. */
  readonly input: string | null;
  /** The host's clock, milliseconds since 1970. */
  readonly now: number;
  /** How often it was tried before. */
  readonly attempt: number;
  /** Name and value, in order; empty unless the function declares `headers: "read"`. */
  readonly headers: [string, Uint8Array | null][];
  /** The text of its last header of this name; `null` where there is none. */
  header(name: string): string | null;
}

/** Text and bytes go out as they are, `null` as a tombstone, anything else as JSON. */
export type Sendable = unknown;

export interface SendOptions {
  /** The key of its source where not given. */
  key?: string | Uint8Array | null;
  /** Milliseconds since 1970; that of its source where not given. */
  timestamp?: number;
  /** By key where not given. */
  partition?: number;
  headers?: { [name: string]: string | Uint8Array | null };
}

export interface Output {
  send(value: Sendable, options?: SendOptions): void;
}

/** One value for the key of the record in hand, stored as JSON. */
export interface ValueState<T = any> {
  get(): T | undefined;
  set(value: T): void;
  delete(): void;
}

/** Fields and values for the key of the record in hand, stored as JSON. */
export interface MapState<T = any> {
  get(field: string): T | undefined;
  set(field: string, value: T): void;
  delete(field: string): void;
  /** Fields that begin with `prefix`; in byte order for a `sorted-map`, in none for a `map`. */
  entries(prefix?: string): IterableIterator<[string, T]>;
}

export interface Port {
  /** Media type, such as `application/json`. */
  contentType?: string;
  schema?: string;
  doc?: string;
}

export interface State {
  /** `value` where not given. */
  kind?: "value" | "map" | "sorted-map";
  /** Time to live since the last write, milliseconds. */
  ttl?: number;
  /** Version of what is stored; 1 where not given. */
  version?: number;
  /** Older versions that this code still reads. */
  reads?: number[];
  doc?: string;
}

export interface Setting {
  kind: "text" | "integer" | "number" | "boolean" | "json";
  /** Without one, the setting must be given. */
  default?: unknown;
  /** `false`: it may be left out though it has no default. */
  required?: boolean;
  /** Given by reference only, never shown. */
  secret?: boolean;
  doc?: string;
}

type SettingType = { text: string; integer: number; number: number; boolean: boolean; json: any };

export interface Log {
  trace(message: unknown): void;
  debug(message: unknown): void;
  info(message: unknown): void;
  warn(message: unknown): void;
  error(message: unknown): void;
}

export interface Context<O, S, T> {
  readonly outputs: { readonly [name in keyof O]: Output };
  readonly states: {
    readonly [name in keyof S]: S[name] extends { kind: "map" | "sorted-map" } ? MapState : ValueState;
  };
  readonly settings: {
    readonly [name in keyof T]: T[name] extends { kind: infer K extends keyof SettingType } ? SettingType[K] : never;
  };
  readonly log: Log;
}

export interface Definition<O, S, T> {
  /** In order; leave it out where there is one of any bytes. */
  inputs?: { [name: string]: Port };
  outputs?: O;
  states?: S;
  settings?: T;
  /** What happens to headers: `forward` where not given. */
  headers?: "drop" | "forward" | "read";
  /** Most records per call. */
  maxRecords?: number;
  /** Milliseconds that one record may take. */
  recordDeadline?: number;
  /** Once per instance, when settings are known. */
  start?(context: Context<O, S, T>): void;
  /** One record. Whatever it throws rejects the record. */
  process(record: Record, context: Context<O, S, T>): void;
}

/** Makes a function of its definition; export the result as `function`. */
export function define<
  const O extends { [name: string]: Port } = {},
  const S extends { [name: string]: State } = {},
  const T extends { [name: string]: Setting } = {},
>(definition: Definition<O, S, T>): object;
