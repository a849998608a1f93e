use super::*;
use crate::function::{Description, Port, SettingKind, SettingSpec, SettingValue, StateKind, StateSpec};

fn ports(names: &[&str]) -> Vec<Port> {
    let port =
        |name: &&str| Port { name: (*name).to_owned(), content_type: None, schema: None, doc: String::new() };
    names.iter().map(port).collect()
}

fn setting(name: &str, kind: SettingKind) -> SettingSpec {
    SettingSpec {
        name: name.to_owned(),
        kind,
        required: false,
        default: None,
        secret: false,
        doc: String::new(),
    }
}

fn stateful() -> Description {
    let state = StateSpec {
        name: "counts".to_owned(),
        kind: StateKind::Value,
        prefetch: true,
        ttl: None,
        version: 1,
        reads: Vec::new(),
        doc: String::new(),
    };
    Description { states: vec![state], ..Description::default() }
}

/// What is said about an entity `a` with these fields whose function declares `description`.
fn said_of(fields: &str, description: Description) -> String {
    let document = entities(&[&format!("name: a, {fields}")]);
    let functions = Functions::from([("a".to_owned(), Ok(Arc::new(description)))]);
    check_functions(&document, &functions)
        .map_or_else(|problems| problems.to_string(), |()| "nothing".to_owned())
}

fn with_inputs(names: &[&str]) -> Description {
    Description { inputs: ports(names), ..Description::default() }
}

fn with_outputs(names: &[&str]) -> Description {
    Description { outputs: ports(names), ..Description::default() }
}

fn with_settings(settings: &[SettingSpec]) -> Description {
    Description { settings: settings.to_vec(), ..Description::default() }
}

#[test]
fn what_fits_passes() {
    assert_eq!(said_of("inputTopic: x", Description::default()), "nothing");
    assert_eq!(said_of("inputs: [{ topic: x }]", with_inputs(&["in"])), "nothing");
    assert_eq!(
        said_of("inputs: [{ topic: x, name: r }, { topic: y, name: l }]", with_inputs(&["l", "r"])),
        "nothing"
    );
    assert_eq!(said_of("inputTopic: x, outputs: { rare: y }", with_outputs(&["all", "rare"])), "nothing");
    assert_eq!(said_of("inputTopic: x, outputTopic: y", with_outputs(&["all", "rare"])), "nothing");
    assert_eq!(said_of("inputTopic: x, delivery: at-most-once", Description::default()), "nothing");
    assert_eq!(said_of("inputTopic: x, delivery: at-least-once", stateful()), "nothing");
    let token = SettingSpec { secret: true, required: true, ..setting("token", SettingKind::Text) };
    let with_default = SettingSpec {
        required: true,
        default: Some(SettingValue::Integer(3)),
        ..setting("least", SettingKind::Integer)
    };
    let given = "inputTopic: x, config: { token: { secretRef: { name: api, key: token } } }";
    assert_eq!(said_of(given, with_settings(&[token, with_default])), "nothing");
}

#[test]
fn a_missing_function_says_why() {
    let document = entities(&["name: a, inputTopic: x"]);
    let missing = Unavailable {
        what: "\"./f\" is not there".to_owned(),
        why: "no such file".to_owned(),
        help: "build it with cargo build".to_owned(),
    };
    let functions = Functions::from([("a".to_owned(), Err(missing))]);
    assert_eq!(
        check_functions(&document, &functions).unwrap_err().to_string(),
        "t.yaml:6:7: spec.statefulEntities[0].function: \"./f\" is not there\n  \
             why: no such file\n  \
             help: build it with cargo build"
    );
}

#[test]
fn several_inputs_where_one_is_declared() {
    assert_eq!(
        said_of("inputs: [{ topic: x }, { topic: y }]", with_inputs(&["in"])),
        "t.yaml:6:31: spec.statefulEntities[0].inputs: 2 inputs are wired, and the function has one\n  \
             why: it could not tell their records apart\n  \
             help: let one entity per topic run it, or use a function that declares several inputs"
    );
}

#[test]
fn one_input_where_several_are_declared() {
    assert_eq!(
        said_of("inputTopic: x", with_inputs(&["left", "right"])),
        "t.yaml:6:31: spec.statefulEntities[0].inputTopic: it is open which input of the function this is\n  \
             why: the function declares \"left\" and \"right\"\n  \
             help: wire each of them under `inputs`, with its `name`"
    );
}

#[test]
fn a_misspelt_input() {
    assert_eq!(
        said_of(
            "inputs: [{ topic: x, name: lefft }, { topic: y, name: right }]",
            with_inputs(&["left", "right"]),
        ),
        "t.yaml:6:52: spec.statefulEntities[0].inputs[0].name: the function declares no input \"lefft\"\n  \
             why: it declares \"left\" and \"right\"\n  \
             help: did you mean \"left\"?"
    );
}

#[test]
fn a_name_for_an_input_without_one() {
    assert_eq!(
        said_of("inputs: [{ topic: x, name: in }]", Description::default()),
        "t.yaml:6:52: spec.statefulEntities[0].inputs[0].name: the function declares no input \"in\"\n  \
             why: it declares no inputs\n  \
             help: remove the name"
    );
}

#[test]
fn inputs_that_are_not_wired() {
    assert_eq!(
        said_of("inputs: [{ topic: x, name: left }]", with_inputs(&["left", "middle", "right"])),
        "t.yaml:6:31: spec.statefulEntities[0].inputs: the inputs \"middle\" and \"right\" are not wired\n  \
             why: the function declares them all and expects their records\n  \
             help: add `- { name: middle, topic: … }`"
    );
}

#[test]
fn an_input_wired_twice() {
    assert_eq!(
        said_of(
            "inputs: [{ topic: x, name: left }, { topic: y, name: left }, { topic: z, name: right }]",
            with_inputs(&["left", "right"]),
        ),
        "t.yaml:6:78: spec.statefulEntities[0].inputs[1].name: the input \"left\" is wired twice\n  \
             why: an input of a function reads one topic\n  \
             help: remove one of them, or name another input"
    );
}

#[test]
fn records_of_another_format() {
    let mut json_in = with_inputs(&["in"]);
    json_in.inputs[0].content_type = Some("application/json".to_owned());
    assert_eq!(
        said_of("inputs: [{ topic: x, format: text/plain }]", json_in),
        "t.yaml:6:52: spec.statefulEntities[0].inputs[0].format: the records are \"text/plain\", and the function expects \"application/json\"\n  \
             why: it would reject them one by one\n  \
             help: write \"application/json\", or put a stage between that converts"
    );
}

#[test]
fn an_output_topic_without_an_output() {
    assert_eq!(
        said_of("inputTopic: x, outputTopic: y", Description::default()),
        "t.yaml:6:46: spec.statefulEntities[0].outputTopic: the function declares no output\n  \
             why: nothing would ever be written there\n  \
             help: remove `outputTopic`, or use a function with an output"
    );
}

#[test]
fn a_misspelt_output() {
    assert_eq!(
        said_of("inputTopic: x, outputs: { raer: y }", with_outputs(&["all", "rare"])),
        "t.yaml:6:57: spec.statefulEntities[0].outputs.raer: the function declares no output \"raer\"\n  \
             why: it declares \"all\" and \"rare\"\n  \
             help: did you mean \"rare\"?"
    );
}

#[test]
fn an_output_that_is_not_declared() {
    assert_eq!(
        said_of("inputTopic: x, outputs: { \"a b\": y }", with_outputs(&["all", "rare"])),
        "t.yaml:6:57: spec.statefulEntities[0].outputs[\"a b\"]: the function declares no output \"a b\"\n  \
             why: it declares \"all\" and \"rare\"\n  \
             help: name one of them"
    );
}

#[test]
fn state_under_at_most_once_and_in_a_group() {
    assert_eq!(
        said_of("inputTopic: x, delivery: at-most-once, assignment: group", stateful()),
        "t.yaml:6:46: spec.statefulEntities[0].delivery: at-most-once is for functions without state\n  \
             why: the function keeps the state \"counts\"\n  \
             help: write exactly-once or at-least-once, or use a function without state\n\
             t.yaml:6:70: spec.statefulEntities[0].assignment: group is for functions without state\n  \
             why: the function keeps the state \"counts\"\n  \
             help: remove `assignment`, or use a function without state"
    );
}

#[test]
fn a_misspelt_setting() {
    let least = setting("least", SettingKind::Integer);
    assert_eq!(
        said_of("inputTopic: x, config: { laest: 3 }", with_settings(std::slice::from_ref(&least))),
        "t.yaml:6:56: spec.statefulEntities[0].config.laest: the function declares no setting \"laest\"\n  \
             why: it declares \"least\"\n  \
             help: did you mean \"least\"?"
    );
}

#[test]
fn a_setting_that_is_not_declared() {
    assert_eq!(
        said_of("inputTopic: x, config: { other: 3 }", with_settings(&[])),
        "t.yaml:6:56: spec.statefulEntities[0].config.other: the function declares no setting \"other\"\n  \
             why: it declares no settings\n  \
             help: remove it"
    );
}

#[test]
fn text_for_an_integer() {
    let least = setting("least", SettingKind::Integer);
    assert_eq!(
        said_of("inputTopic: x, config: { least: many }", with_settings(std::slice::from_ref(&least))),
        "t.yaml:6:56: spec.statefulEntities[0].config.least: expected an integer of 64 bits, found the text \"many\"\n  \
             why: the function declares this type\n  \
             help: write an integer of 64 bits"
    );
}

#[test]
fn a_fraction_for_an_integer() {
    let least = setting("least", SettingKind::Integer);
    assert_eq!(
        said_of("inputTopic: x, config: { least: 1.5 }", with_settings(std::slice::from_ref(&least))),
        "t.yaml:6:56: spec.statefulEntities[0].config.least: expected an integer of 64 bits, found the number 1.5\n  \
             why: the function declares this type\n  \
             help: write an integer of 64 bits"
    );
}

#[test]
fn a_number_for_a_text() {
    assert_eq!(
        said_of("inputTopic: x, config: { lang: 5 }", with_settings(&[setting("lang", SettingKind::Text)])),
        "t.yaml:6:56: spec.statefulEntities[0].config.lang: expected a text, found the number 5\n  \
             why: the function declares this type\n  \
             help: write a text"
    );
}

#[test]
fn text_for_a_boolean() {
    assert_eq!(
        said_of("inputTopic: x, config: { on: yes }", with_settings(&[setting("on", SettingKind::Boolean)])),
        "t.yaml:6:56: spec.statefulEntities[0].config.on: expected true or false, found the text \"yes\"\n  \
             why: the function declares this type\n  \
             help: write true or false"
    );
}

#[test]
fn a_required_setting_with_its_doc() {
    let lang = SettingSpec {
        required: true,
        doc: "language of the stop words".to_owned(),
        ..setting("lang", SettingKind::Text)
    };
    assert_eq!(
        said_of("inputTopic: x, config: {}", with_settings(std::slice::from_ref(&lang))),
        "t.yaml:6:46: spec.statefulEntities[0].config: the setting \"lang\" is missing\n  \
             why: the function requires it: language of the stop words\n  \
             help: add `lang: …` under `config`"
    );
}

#[test]
fn a_required_setting_without_config() {
    let lang = SettingSpec {
        required: true,
        doc: "language of the stop words".to_owned(),
        ..setting("lang", SettingKind::Text)
    };
    assert_eq!(
        said_of("inputTopic: x", with_settings(&[SettingSpec { doc: String::new(), ..lang }])),
        "t.yaml:6:5: spec.statefulEntities[0].config: the setting \"lang\" is missing\n  \
             why: the function requires it and declares no default\n  \
             help: add `lang: …` under `config`"
    );
}

#[test]
fn a_secret_in_the_open() {
    let token = SettingSpec { secret: true, ..setting("token", SettingKind::Text) };
    assert_eq!(
        said_of("inputTopic: x, config: { token: hunter2 }", with_settings(std::slice::from_ref(&token))),
        "t.yaml:6:56: spec.statefulEntities[0].config.token: the secret stands here in the open\n  \
             why: it is a secret, and this file is kept and shown to many\n  \
             help: write `{ secretRef: { name: …, key: … } }`"
    );
}

#[test]
fn a_reference_without_a_key() {
    let token = SettingSpec { secret: true, ..setting("token", SettingKind::Text) };
    assert_eq!(
        said_of("inputTopic: x, config: { token: { secretRef: { name: api } } }", with_settings(&[token])),
        "t.yaml:6:56: spec.statefulEntities[0].config.token: not a reference to a secret\n  \
             why: a reference names a Secret and a key in it\n  \
             help: write `{ secretRef: { name: …, key: … } }`"
    );
}
