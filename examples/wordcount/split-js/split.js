// A line into its words: lower-cased runs of ASCII letters and digits, each sent under itself as key.
// It works on the contract's columns, byte by byte: text would have to be made and taken apart again for each line.

export const iface = {
  describe() {
    return {
      inputs: [],
      outputs: [{
        name: "words",
        contentType: undefined,
        schema: undefined,
        doc: "One record per word; the word is key and value.",
      }],
      states: [],
      settings: [],
      headers: "forward",
      maxRecords: undefined,
      recordDeadline: undefined,
      properties: [],
    };
  },

  init(_info) {},

  process(batch) {
    const lines = batch.values;
    const sources = [];
    const ends = [];
    // Words are never longer than their line.
    const words = new Uint8Array(lines.data.length);
    let written = 0;
    let at = 0;
    for (let record = 0; record < lines.ends.length; record++) {
      const stop = endOf(lines.ends[record]);
      let start = written;
      for (; at < stop; at++) {
        const letter = LETTERS[lines.data[at]];
        if (letter !== 0) {
          words[written++] = letter;
        } else if (written > start) {
          sources.push(record);
          ends.push(written);
          start = written;
        }
      }
      if (written > start) {
        sources.push(record);
        ends.push(written);
      }
    }
    const column = { ends, data: words.subarray(0, written) };
    return {
      consumed: lines.ends.length,
      stopped: undefined,
      outputs: {
        sources,
        ports: [],
        keys: column,
        values: column,
        eventTimes: [],
        partitions: [],
        headers: undefined,
      },
      states: [],
      rejects: [],
    };
  },
};

export { iface as function };

// Per byte: itself in lower case where it belongs to a word, else 0.
const LETTERS = new Uint8Array(256);
for (let digit = 0x30; digit <= 0x39; digit++) LETTERS[digit] = digit;
for (let letter = 0x61; letter <= 0x7a; letter++) LETTERS[letter] = LETTERS[letter - 0x20] = letter;

// An item's end in a column; a negative one marks an item that is absent.
function endOf(raw) {
  return raw < 0 ? -1 - raw : raw;
}
