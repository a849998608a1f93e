use super::function;
use quote::quote;

fn refused(arguments: proc_macro2::TokenStream, item: proc_macro2::TokenStream) -> String {
    function(arguments, item).map(|tokens| tokens.to_string()).unwrap_err().to_string()
}

#[test]
fn a_parameter_of_another_type_needs_a_mark() {
    let why = refused(
        quote!(),
        quote!(
            fn f(record: Record<'_>, step: &u64) {}
        ),
    );
    assert!(why.starts_with("`step` is no output, input or state; write `#[setting]`"), "{why}");
}

#[test]
fn how_a_part_is_borrowed_is_said() {
    let why = |parameter| refused(quote!(), quote!(fn f(record: Record<'_>, #parameter) {}));
    assert_eq!(why(quote!(out: &Output)), "an output is written to: write `&mut`");
    assert_eq!(why(quote!(#[setting] step: &mut u64)), "a setting does not change: write `&`");
    assert!(why(quote!(total: &Value<u64>)).starts_with("a state is read through `&mut`"));
    assert!(why(quote!(out: Output)).starts_with("write `out: &..` (or `&mut ..`)"));
}

#[test]
fn an_fn_without_record_is_told_what_comes_first() {
    assert_eq!(
        refused(
            quote!(),
            quote!(
                fn f() {}
            )
        ),
        "the first parameter is the record: `record: Record<'_>`"
    );
    assert!(
        refused(
            quote!(),
            quote!(
                async fn f(record: Record<'_>) {}
            )
        )
        .contains("not async")
    );
    assert!(
        refused(
            quote!(),
            quote!(
                fn f<T>(record: Record<'_>) {}
            )
        )
        .contains("no generics")
    );
}

#[test]
fn an_unknown_option_names_those_that_are_known() {
    let why = refused(
        quote!(),
        quote!(
            struct F {
                #[state(tll = "1h")]
                total: Value<u64>,
            }
        ),
    );
    assert_eq!(
        why,
        "there is no option `tll` here; known are `name`, `ttl`, `prefetch`, `version`, `reads` and `migrate`"
    );
    assert!(
        refused(
            quote!(header = "read"),
            quote!(
                struct F {}
            )
        )
        .contains("`headers`, `max_records`")
    );
    assert_eq!(
        refused(
            quote!(headers = "see"),
            quote!(
                struct F {}
            )
        ),
        "headers are \"read\", \"forward\" or \"drop\""
    );
}

#[test]
fn times_and_versions_are_checked() {
    let why = |options| {
        refused(
            quote!(),
            quote!(
                struct F {
                    #[state(#options)]
                    s: Map<u64>,
                }
            ),
        )
    };
    for wrong in ["30", "d", "30 d", "0s", "99999999999999999999d"] {
        assert!(why(quote!(ttl = #wrong)).starts_with("a time is a number with ms, s, m, h or d"), "{wrong}");
    }
    assert_eq!(why(quote!(version = 0)), "a version is a number from 1 to 255");
    assert_eq!(why(quote!(version = 256)), "a version is a number from 1 to 255");
    assert!(why(quote!(version = 2, reads = [2])).starts_with("`reads` names version 2"));
    assert_eq!(why(quote!(version = 2, migrate = old)), "say which versions it migrates: `reads = [1]`");
}

#[test]
fn one_name_stands_for_one_part_of_a_kind() {
    let why = refused(
        quote!(),
        quote!(
            struct F {
                a: Output,
                #[output(name = "a")]
                b: Output,
            }
        ),
    );
    assert_eq!(why, "two outputs are named \"a\"; give one another name");
    let both = function(
        quote!(),
        quote!(
            struct F {
                #[state(name = "a")]
                total: Value<u64>,
                #[output(name = "a")]
                b: Output,
            }
        ),
    );
    assert!(both.is_ok(), "a state and an output may share a name");
    let why = refused(
        quote!(),
        quote!(
            struct F {
                #[output(name = "a b")]
                a: Output,
            }
        ),
    );
    assert!(why.starts_with("\"a b\" is no name"));
    let why = refused(
        quote!(),
        quote!(
            struct F {
                #[output]
                #[state]
                a: Output,
            }
        ),
    );
    assert!(why.starts_with("`a` is one thing only"));
}

#[test]
fn only_what_has_named_parts_can_be_a_function() {
    assert!(
        refused(
            quote!(),
            quote!(
                struct F(u64);
            )
        )
        .starts_with("name the fields")
    );
    assert!(
        refused(
            quote!(),
            quote!(
                enum F {}
            )
        )
        .starts_with("a function is an `fn` of one record, or a struct")
    );
    assert!(
        refused(
            quote!(),
            quote!(
                struct F<T> {
                    t: T,
                }
            )
        )
        .contains("no generics")
    );
}

#[test]
fn marks_and_parameter_docs_do_not_reach_the_compiler() {
    let tokens = function(
        quote!(),
        quote!(
            fn f(
                record: Record<'_>,
                /** Doc. */
                #[state(ttl = "1h")]
                total: &mut Value<u64>,
            ) {
            }
        ),
    );
    let tokens = tokens.unwrap().to_string();
    assert!(!tokens.contains("# [state"), "{tokens}");
    assert!(tokens.contains("ttl : :: std :: option :: Option :: Some (3600000u64)"), "{tokens}");
    assert!(tokens.contains("doc : \"Doc.\""), "{tokens}");
}

#[test]
fn another_crates_value_is_a_field_like_any_other() {
    let tokens = function(
        quote!(),
        quote!(
            struct F {
                cached: serde_json::Value,
                map: Map<String, u64>,
            }
        ),
    )
    .unwrap();
    let tokens = tokens.to_string();
    assert!(tokens.contains("cached : < serde_json :: Value as :: std :: default :: Default >"), "{tokens}");
    assert!(tokens.contains("map : < Map < String , u64 > as :: std :: default :: Default >"), "{tokens}");
}
