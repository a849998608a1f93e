//! Topologies that are not valid: each kind once, with the place in the file.

use crate::invocation::{Ended, Folder, guest};

/// Runs a topology whose `spec` is this.
fn run(spec: &str) -> Ended {
    let folder = Folder::new();
    let (split, count) = (guest("wordcount_split"), guest("wordcount_count"));
    let spec =
        spec.replace("SPLIT", &split.display().to_string()).replace("COUNT", &count.display().to_string());
    folder.write(
        "topology.yaml",
        format!("apiVersion: invoker.io/v1alpha1\nkind: InvokerDeployment\nmetadata: {{ name: one }}\nspec:\n{spec}"),
    );
    folder.write("in.txt", "a\n");
    folder.invoker(&["run", "topology.yaml", "--input", "lines=in.txt"])
}

#[test]
fn a_missing_topology_is_told() {
    let folder = Folder::new();
    folder.invoker(&["run", "no.yaml"]).failed(3, &["cannot read topology \"no.yaml\"", "why: No such file"]);
    let folder_alone = folder.invoker(&["run", "."]);
    folder_alone.failed(3, &["cannot read topology \"./topology.yaml\""]);
}

#[test]
fn text_that_is_not_yaml_is_told_with_its_line() {
    let folder = Folder::new();
    folder.write("topology.yaml", "apiVersion: invoker.io/v1alpha1\nkind: [\n");
    folder
        .invoker(&["run", "topology.yaml"])
        .failed(3, &["error: topology.yaml:2:7: not YAML: unclosed bracket", "help: "]);
}

#[test]
fn an_unknown_field_is_told_with_what_was_meant() {
    let ended = run("  statefulEntities:\n    - { name: split, function: SPLIT, inputTpic: lines }\n");
    ended.failed(
        3,
        &["error: topology.yaml:6:", "spec.statefulEntities[0].inputTpic: unknown field", "inputTopic"],
    );
}

#[test]
fn a_double_name_is_told() {
    let ended = run("  statefulEntities:\n    - { name: split, function: SPLIT, inputTopic: lines }\n    \
         - { name: split, function: SPLIT, inputTopic: lines }\n");
    ended.failed(3, &["topology.yaml:7:", "spec.statefulEntities[1].name", "\"split\""]);
}

#[test]
fn a_topic_that_nobody_writes_is_told() {
    let ended = run("  statefulEntities:\n    - { name: split, function: SPLIT, inputTopic: lines }\n    \
         - { name: count, function: COUNT, inputTopic: wrods }\n");
    ended.failed(3, &["topology.yaml:7:", "spec.statefulEntities[1].inputTopic", "\"wrods\""]);
}

#[test]
fn partitions_given_twice_or_left_out_are_told() {
    let of = |pods: &str| {
        run(&format!(
            "  topics: {{ lines: {{ partitions: 4 }} }}\n  statefulEntities:\n    - name: split\n      \
             function: SPLIT\n      inputTopic: lines\n      pods: [{pods}]\n"
        ))
    };
    let twice = of("{ name: a, partitions: [\"0-2\"] }, { name: b, partitions: [\"2-3\"] }");
    twice.failed(3, &["topology.yaml:10:", "spec.statefulEntities[0].pods[1].partitions", "2"]);
    let left_out = of("{ name: a, partitions: [\"0-1\"] }, { name: b, partitions: [3] }");
    left_out.failed(3, &["topology.yaml:10:", "spec.statefulEntities[0].pods", "2"]);
}

#[test]
fn a_loop_is_told() {
    let ended = run(
        "  statefulEntities:\n    - { name: split, function: SPLIT, inputTopic: lines, outputTopic: lines }\n",
    );
    ended.failed(3, &["topology.yaml:6:", "which it writes", "come back to it without end"]);
}

#[test]
fn unequal_partition_counts_under_one_entity_are_told() {
    let ended = run(
        "  topics: { lines: { partitions: 2 }, more: { partitions: 3 } }\n  statefulEntities:\n    \
         - { name: count, function: COUNT, inputs: [{ topic: lines, name: a }, { topic: more, name: b }] }\n    \
         - { name: split, function: SPLIT, inputTopic: lines, outputTopic: more }\n",
    );
    ended.failed(3, &["topology.yaml:7:", "spec.statefulEntities[0].inputs", "partitions"]);
}

#[test]
fn an_output_that_the_function_does_not_declare_is_told() {
    let ended = run(
        "  statefulEntities:\n    - { name: split, function: SPLIT, inputTopic: lines, outputs: { wrods: w } }\n",
    );
    ended.failed(3, &["topology.yaml:6:", "spec.statefulEntities[0].outputs.wrods", "\"words\""]);
}

#[test]
fn a_setting_that_the_function_does_not_know_is_told() {
    let ended = run(
        "  statefulEntities:\n    - { name: split, function: SPLIT, inputTopic: lines, config: { depth: 3 } }\n",
    );
    ended.failed(3, &["topology.yaml:6:", "spec.statefulEntities[0].config.depth", "\"depth\""]);
}

#[test]
fn a_topic_with_other_partitions_than_before_is_told() {
    let folder = Folder::with_word_count();
    folder.write("in.txt", "a\n");
    let run = ["run", "topology.yaml", "--input", "lines=in.txt", "--data", "data"];
    folder.invoker(&run).succeeded();
    let changed =
        folder.read("topology.yaml").replace("words: { partitions: 2 }", "words: { partitions: 3 }");
    folder.write("topology.yaml", changed);
    folder.invoker(&run).failed(3, &["\"words\" exists with 2 partitions, not 3"]);
}

#[test]
fn fields_for_a_cluster_are_named_once() {
    let folder = Folder::with_word_count();
    folder.write("in.txt", "a\n");
    let with_image = folder.read("topology.yaml").replace("spec:\n", "spec:\n  image: example/host:1\n");
    folder.write("topology.yaml", with_image);
    let ended = folder.invoker(&["run", "topology.yaml", "--input", "lines=in.txt"]).succeeded();
    assert_eq!(ended.err.matches("spec.image means nothing on one machine").count(), 1, "{ended:?}");
}
