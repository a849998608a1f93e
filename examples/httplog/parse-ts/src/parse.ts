// Lines of a web server's log, in the combined format, into requests under their path; failed ones once more to `errors`.

import { define, reject } from "../vendor/invoker/index.js";

// host identity user [time] "request" status bytes, and maybe "referrer" "agent"
const LINE = /^(\S+) \S+ (\S+) \[([^\]]+)\] "([^"]*)" (\d{3}) (\d+|-)(?: "([^"]*)" "([^"]*)")?$/;
const TIME = /^(\d{2})\/(\w{3})\/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})$/;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

interface Request {
  host: string;
  user: string | null;
  method: string;
  path: string;
  query: string | null;
  status: number;
  bytes: number;
  agent: string | null;
}

const parse = define({
  outputs: {
    requests: { contentType: "application/json", doc: "Requests under their path, at the time that the log says." },
    errors: { contentType: "application/json", doc: "Those of them whose status is that of a failure." },
  },
  settings: {
    failure: { kind: "integer", default: 500, doc: "The lowest status that is a failure." },
  },
  process(record, { outputs, settings }) {
    const found = LINE.exec(record.text);
    if (found === null) reject("bad-line", "it is not in the combined log format");
    const [, host = "", user, time = "", line = "", status, bytes, , agent] = found;
    const [method = "", target] = line.split(" ");
    if (target === undefined) reject("bad-request", `"${line}" has no method and path`);
    const at = target.indexOf("?");
    const request: Request = {
      host,
      user: given(user),
      method,
      path: at < 0 ? target : target.slice(0, at),
      query: at < 0 ? null : target.slice(at + 1),
      status: Number(status),
      bytes: bytes === "-" ? 0 : Number(bytes),
      agent: given(agent),
    };
    const options = { key: request.path, timestamp: milliseconds(time) };
    outputs.requests.send(request, options);
    if (request.status >= settings.failure) outputs.errors.send(request, options);
  },
});

/** What the log writes as `-` is not there. */
function given(text: string | undefined): string | null {
  return text === undefined || text === "-" ? null : text;
}

/** `10/Oct/2025:13:55:36 +0200` in milliseconds since 1970. */
function milliseconds(text: string): number {
  const [, day, name = "", year, hour, minute, second, sign, hours, minutes] = TIME.exec(text) ?? [];
  const month = MONTHS.indexOf(name);
  if (month < 0) reject("bad-time", `"${text}" is no time as in 10/Oct/2025:13:55:36 +0200`);
  const local = Date.UTC(Number(year), month, Number(day), Number(hour), Number(minute), Number(second));
  const offset = (Number(hours) * 60 + Number(minutes)) * 60_000;
  return sign === "-" ? local + offset : local - offset;
}

export { parse as function };
