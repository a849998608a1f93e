//! Mistakes in a topology.

use crate::invocation::{Ended, Folder, guest};

/// Runs a topology whose `spec` is this.
fn run(folder: &Folder, spec: &str) -> Ended {
    let mut spec = spec.to_owned();
    for (name, function) in [
        ("SPLIT", "wordcount_split"),
        ("COUNT", "wordcount_count"),
        ("JOIN", "orders_join"),
        ("CONVERT", "dead_letters_convert"),
        ("SCORE", "fraud_score"),
    ] {
        if spec.contains(name) {
            // Beside the topology: how long a path is would move the columns.
            folder.write(&format!("{function}.wasm"), std::fs::read(guest(function)).unwrap());
            spec = spec.replace(name, &format!("./{function}.wasm"));
        }
    }
    folder.write(
        "topology.yaml",
        format!("apiVersion: invoker.io/v1alpha1\nkind: InvokerDeployment\nmetadata: {{ name: one }}\nspec:\n{spec}"),
    );
    // Every topic that is read here has records, so that nothing else is wrong.
    folder.write("in.txt", "a\n");
    let inputs = ["lines", "orders", "payments"].map(|topic| format!("{topic}=in.txt"));
    let named = inputs.iter().filter(|input| spec.contains(input.trim_end_matches("=in.txt")));
    let inputs: Vec<&str> = named.flat_map(|input| ["--input", input]).collect();
    folder.invoker(&[&["run", "topology.yaml"][..], &inputs].concat())
}

/// The same with one entity of these fields.
fn entity(folder: &Folder, fields: &str) -> Ended {
    run(folder, &format!("  statefulEntities:\n    - {{ name: only, {fields} }}\n"))
}

mistakes! {
    the_file_is_missing: "The topology is not there", "invoker run topology.yaml",
        |f| f.invoker(&["run", "topology.yaml"]);
    the_file_is_not_yaml: "It is not YAML", "invoker run topology.yaml", |f| {
        f.write("topology.yaml", "apiVersion: invoker.io/v1alpha1\nkind: [\n");
        f.invoker(&["run", "topology.yaml"])
    };
    the_kind_is_another: "It is of another kind", "invoker run topology.yaml", |f| {
        f.write("topology.yaml", "apiVersion: v1\nkind: Deployment\nmetadata: { name: one }\nspec: {}\n");
        f.invoker(&["run", "topology.yaml"])
    };
    a_field_is_misspelt: "A field is misspelt", "invoker run topology.yaml",
        |f| entity(f, "function: SPLIT, inputTpic: lines");
    a_field_is_missing: "An entity has no function", "invoker run topology.yaml", |f| entity(f, "inputTopic: lines");
    an_entity_reads_nothing: "An entity reads nothing", "invoker run topology.yaml", |f| entity(f, "function: SPLIT");
    a_name_has_capitals: "A name has capital letters", "invoker run topology.yaml",
        |f| run(f, "  statefulEntities:\n    - { name: Split_It, function: SPLIT, inputTopic: lines }\n");
    a_name_comes_twice: "Two entities have one name", "invoker run topology.yaml",
        |f| run(f, "  statefulEntities:\n    - { name: split, function: SPLIT, inputTopic: a }\n    - { name: split, function: SPLIT, inputTopic: b }\n");
    a_number_is_text: "A label that looks like a number is not in quotes", "invoker run topology.yaml",
        |f| run(f, "  version: 1.0\n  statefulEntities:\n    - { name: split, function: SPLIT, inputTopic: lines }\n");
    a_duration_has_no_unit: "A duration has no unit", "invoker run topology.yaml",
        |f| entity(f, "function: SPLIT, inputTopic: lines, commitInterval: 100");
    a_size_has_another_unit: "A size is in a unit that is none", "invoker run topology.yaml",
        |f| entity(f, "function: SPLIT, inputTopic: lines, limits: { memory: 64MB }");
    a_choice_is_none: "A choice is none of those there are", "invoker run topology.yaml",
        |f| entity(f, "function: SPLIT, inputTopic: lines, onFailure: ignore");
    a_topic_has_no_partitions: "A topic has no partitions", "invoker run topology.yaml",
        |f| run(f, "  topics: { lines: { partitions: 0 } }\n  statefulEntities:\n    - { name: split, function: SPLIT, inputTopic: lines }\n");
    a_topic_is_misspelt: "An entity reads a topic that nobody writes", "invoker run topology.yaml",
        |f| run(f, "  statefulEntities:\n    - { name: split, function: SPLIT, inputTopic: lines, outputTopic: words }\n    - { name: count, function: COUNT, inputTopic: wrods }\n");
    an_entity_reads_what_it_writes: "An entity reads what it writes", "invoker run topology.yaml",
        |f| entity(f, "function: SPLIT, inputTopic: lines, outputTopic: lines");
    inputs_have_other_partitions: "Topics that are joined differ in partitions", "invoker run topology.yaml",
        |f| run(f, "  topics: { orders: { partitions: 2 }, customers: { partitions: 3 } }\n  statefulEntities:\n    - { name: join, function: JOIN, inputs: [{ name: orders, topic: orders }, { name: customers, topic: customers }] }\n");
    an_input_is_missing: "An input of the function is not wired", "invoker run topology.yaml",
        |f| entity(f, "function: JOIN, inputs: [{ name: orders, topic: orders }]");
    an_output_is_not_declared: "An output is wired that the function does not have", "invoker run topology.yaml",
        |f| entity(f, "function: SPLIT, inputTopic: lines, outputs: { wrods: w }");
    a_setting_is_not_declared: "A setting is given that the function does not have", "invoker run topology.yaml",
        |f| entity(f, "function: SCORE, inputTopic: payments, config: { fctor: 3 }");
    a_setting_is_missing: "A setting without default is left out", "invoker run topology.yaml",
        |f| entity(f, "function: CONVERT, inputTopic: payments");
    a_setting_is_of_another_kind: "A setting is of another kind", "invoker run topology.yaml",
        |f| entity(f, "function: SCORE, inputTopic: payments, config: { factor: many }");
    a_partition_is_given_twice: "A partition is given to two pods", "invoker run topology.yaml",
        |f| run(f, "  topics: { lines: { partitions: 4 } }\n  statefulEntities:\n    - name: split\n      function: SPLIT\n      inputTopic: lines\n      pods: [{ name: a, partitions: [\"0-2\"] }, { name: b, partitions: [\"2-3\"] }]\n");
}
