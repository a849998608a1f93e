// Counts the words and letters of each line.

import { define } from "../vendor/invoker/index.js";

const count = define({
  outputs: {
    out: { contentType: "application/json", doc: "One record per line, under the key that the line came with." },
  },
  settings: {
    least: { kind: "integer", default: 1, doc: "Lines of fewer words are passed over." },
  },
  process(record, { outputs, settings }) {
    // A line that is not UTF-8 is rejected here: it goes where `onFailure` of the topology says.
    const line = record.text;
    const words = line.split(/\s+/).filter((word) => word !== "").length;
    if (words < settings.least) return;
    const letters = line.match(/\p{Alphabetic}/gu)?.length ?? 0;
    outputs.out.send({ words, letters });
  },
});

export { count as function };
