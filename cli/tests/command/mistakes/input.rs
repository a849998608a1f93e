//! Mistakes on the command line, in inputs, outputs and data directories.

use crate::invocation::{Ended, Folder};

/// Runs the word count with these arguments, and `in.txt` to read.
fn run(folder: &Folder, args: &[&str]) -> Ended {
    let made = Folder::with_word_count();
    folder.write("topology.yaml", made.read("topology.yaml"));
    folder.write("in.txt", "a b\n");
    folder.invoker(&[&["run", "topology.yaml"], args].concat())
}

mistakes! {
    a_verb_is_misspelt: "A verb is misspelt", "invoker tset", |f| f.invoker(&["tset"]);
    a_flag_is_misspelt: "A flag is misspelt", "invoker run topology.yaml --inptu lines=in.txt",
        |f| run(f, &["--inptu", "lines=in.txt"]);
    an_input_has_no_file: "An input has no file", "invoker run topology.yaml --input lines",
        |f| run(f, &["--input", "lines"]);
    an_input_is_missing: "An input is not there", "invoker run topology.yaml --input lines=no.txt",
        |f| run(f, &["--input", "lines=no.txt"]);
    a_topic_is_misspelt: "A topic of an input is not in the topology", "invoker run topology.yaml --input lnes=in.txt",
        |f| run(f, &["--input", "lnes=in.txt"]);
    a_topic_of_an_output_is_misspelt: "A topic of an output is not in the topology",
        "invoker run topology.yaml --output cuonts=-", |f| run(f, &["--output", "cuonts=-"]);
    a_line_is_no_record: "A line of a .jsonl file is no record", "invoker run topology.yaml --input lines=in.jsonl", |f| {
        f.write("in.jsonl", "{\"value\": \"a\"}\n{\"valeu\": \"b\"}\n");
        run(f, &["--input", "lines=in.jsonl"])
    };
    a_line_is_not_json: "A line of a .jsonl file is not JSON", "invoker run topology.yaml --input lines=in.jsonl", |f| {
        f.write("in.jsonl", "plain words\n");
        run(f, &["--input", "lines=in.jsonl"])
    };
    an_input_shrinks: "An input is shorter than what was read of it",
        "invoker run topology.yaml --input lines=log.txt --data data", |f| {
        f.write("log.txt", "one two\nthree\n");
        run(f, &["--input", "lines=log.txt", "--data", "data"]).succeeded();
        f.write("log.txt", "one\n");
        run(f, &["--input", "lines=log.txt", "--data", "data"])
    };
    an_output_has_no_folder: "The folder of an output is not there", "invoker run topology.yaml --input lines=in.txt --output words=no/out.txt",
        |f| run(f, &["--input", "lines=in.txt", "--output", "words=no/out.txt"]);
    an_output_is_an_input: "An output is an input too",
        "invoker run topology.yaml --input lines=in.txt --output words=in.txt",
        |f| run(f, &["--input", "lines=in.txt", "--output", "words=in.txt"]);
    data_is_of_something_else: "The data directory holds something else", "invoker run topology.yaml --data mine", |f| {
        f.write("mine/letter.txt", "dear");
        run(f, &["--data", "mine"])
    };
    data_is_missing: "There is no data directory to look into", "invoker tail counts --data nowhere",
        |f| f.invoker(&["tail", "counts", "--data", "nowhere"]);
    nothing_says_where_to_look: "Nothing says where to look", "invoker tail counts",
        |f| f.invoker(&["tail", "counts"]);
    an_entity_is_misspelt: "An entity is misspelt when looking into its state",
        "invoker state get cuont total a --data data", |f| {
        run(f, &["--input", "lines=in.txt", "--data", "data"]).succeeded();
        f.invoker(&["state", "get", "cuont", "total", "a", "--data", "data"])
    };
}
