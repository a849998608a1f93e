//! Mistakes in cases, and functions that do otherwise than their cases say.

use crate::invocation::{Ended, Folder, guest};

/// Runs cases of a function that the suite built.
pub(super) fn test(folder: &Folder, function: &str, cases: &str) -> Ended {
    folder.write("cases.yaml", cases);
    let function = guest(function);
    folder.invoker(&["test", function.to_str().unwrap(), "--cases", "cases.yaml"])
}

mistakes! {
    a_field_of_a_case_is_misspelt: "A field of a case is misspelt", "invoker test",
        |f| test(f, "wordcount_split", "- name: a\n  inptu: []\n");
    a_case_has_no_name: "A case has no name", "invoker test",
        |f| test(f, "wordcount_split", "- input: [{ value: a }]\n");
    two_cases_have_one_name: "Two cases have one name", "invoker test",
        |f| test(f, "wordcount_split", "- { name: a, input: [] }\n- { name: a, input: [] }\n");
    cases_are_no_list: "The cases are no list", "invoker test",
        |f| test(f, "wordcount_split", "name: a\n");
    a_file_of_cases_is_empty: "The file of cases is empty", "invoker test", |f| test(f, "wordcount_split", "");
    a_project_has_no_cases: "There is no file of cases", "invoker test", |f| {
        f.write("package.json", r#"{"invoker": {"component": "f.wasm"}}"#);
        f.write("f.wasm", std::fs::read(guest("wordcount_split")).unwrap());
        f.invoker(&["test"])
    };
    a_value_is_given_twice: "A record has `value` and `valueBase64`", "invoker test",
        |f| test(f, "wordcount_split", "- { name: a, input: [{ value: x, valueBase64: eA== }] }\n");
    base64_is_not: "What should be base64 is not", "invoker test",
        |f| test(f, "wordcount_split", "- { name: a, input: [{ valueBase64: \"?\" }] }\n");
    a_reject_is_of_no_record: "`rejects` names a record that is not there", "invoker test",
        |f| test(f, "wordcount_split", "- { name: a, input: [{ value: x }], rejects: [{ record: 1, code: c }] }\n");
    an_input_is_not_declared: "A record names an input that the function does not have", "invoker test",
        |f| test(f, "orders_join", "- { name: a, input: [{ input: order, key: k, value: x }] }\n");
    an_input_is_not_named: "A record does not say which of two inputs it is of", "invoker test",
        |f| test(f, "orders_join", "- { name: a, input: [{ key: k, value: x }] }\n");
    a_setting_is_not_declared: "A case gives a setting that the function does not have", "invoker test",
        |f| test(f, "fraud_score", "- { name: a, settings: { fctor: 3 }, input: [{ key: k, value: x }] }\n");
    a_setting_of_a_case_is_missing: "A case leaves out a setting that has no default", "invoker test",
        |f| test(f, "dead_letters_convert", "- { name: a, input: [{ key: k, value: x }] }\n");
    no_case_is_left: "`--filter` leaves no case", "invoker test --filter zebra", |f| {
        f.write("cases.yaml", "- { name: horse, input: [] }\n");
        let function = guest("wordcount_split");
        f.invoker(&["test", function.to_str().unwrap(), "--cases", "cases.yaml", "--filter", "zebra"])
    };
    another_record_comes_out: "Another record comes out than a case expects", "invoker test",
        |f| test(f, "wordcount_split", "- name: words\n  input: [{ value: a b }]\n  output: [{ key: a, value: a }, { key: c, value: c }]\n");
    another_state_is_left: "Another state is left than a case expects", "invoker test",
        |f| test(f, "wordcount_count", "- name: total\n  input: [{ key: k, value: x }]\n  output: [{ key: k, value: 1 }]\n  state: { total: { k: 2 } }\n");
    a_record_fails_that_should_not: "A record fails that a case expects to pass", "invoker test",
        |f| test(f, "wordcount_count", "- name: no key\n  input: [{ value: x }]\n  output: [{ value: 1 }]\n");
}
