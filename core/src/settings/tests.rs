use super::*;
use serde_json::json;

fn spec(name: &str, kind: SettingKind, required: bool, default: Option<SettingValue>) -> SettingSpec {
    SettingSpec { name: name.to_owned(), kind, required, default, secret: false, doc: String::new() }
}

fn given(value: Value) -> BTreeMap<String, Value> {
    value.as_object().unwrap().clone().into_iter().collect()
}

#[test]
fn each_kind_takes_its_values_and_defaults_fill_in() {
    let specs = [
        spec("a", SettingKind::Text, true, None),
        spec("b", SettingKind::Integer, true, None),
        spec("c", SettingKind::Number, true, None),
        spec("d", SettingKind::Boolean, true, None),
        spec("e", SettingKind::Json, true, None),
        spec("f", SettingKind::Integer, false, Some(SettingValue::Integer(9))),
        spec("g", SettingKind::Text, false, None),
    ];
    let settings = resolve(&specs, &given(json!({"a": "x", "b": -1, "c": 2, "d": true, "e": {"k": [1]}})));
    let values: Vec<_> = settings.unwrap().into_iter().map(|(_, value)| value).collect();
    assert_eq!(
        values,
        [
            SettingValue::Text("x".to_owned()),
            SettingValue::Integer(-1),
            SettingValue::Number(2.0),
            SettingValue::Boolean(true),
            SettingValue::Json(r#"{"k":[1]}"#.to_owned()),
            SettingValue::Integer(9),
        ]
    );
}

#[test]
fn every_misfit_is_named() {
    let specs =
        [spec("limit", SettingKind::Integer, true, None), spec("mode", SettingKind::Text, true, None)];
    let errors = resolve(&specs, &given(json!({"limit": 1.5, "limt": 1}))).unwrap_err();
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            r#"setting "limt" is not declared by the function, which knows "limit", "mode""#,
            r#"setting "limit" is 1.5 and must be an integer of 64 bits"#,
            r#"setting "mode" is required and not given"#,
        ]
    );
}

#[test]
fn a_secret_is_not_shown() {
    let specs = [SettingSpec { secret: true, ..spec("key", SettingKind::Integer, true, None) }];
    let errors = resolve(&specs, &given(json!({"key": "hunter2"}))).unwrap_err();
    assert_eq!(
        errors[0].to_string(),
        r#"setting "key" is of another type and must be an integer of 64 bits"#
    );
}

#[test]
fn a_secret_is_given_by_reference_only() {
    let specs = [
        SettingSpec { secret: true, ..spec("token", SettingKind::Text, true, None) },
        SettingSpec { secret: true, ..spec("pin", SettingKind::Integer, true, None) },
    ];
    let open = misfits(&specs, &given(json!({"token": "hunter2", "pin": {"secretRef": {"name": "api"}}})));
    assert_eq!(
        open,
        [
            SettingError::Inline { name: "token".to_owned() },
            SettingError::BadReference { name: "pin".to_owned() },
        ]
    );
    let by_reference = given(json!({
        "token": {"secretRef": {"name": "api", "key": "token"}},
        "pin": {"secretRef": {"name": "api", "key": "pin"}},
    }));
    assert_eq!(misfits(&specs, &by_reference), []);
}

#[test]
fn references_are_looked_up_and_read_as_their_type() {
    let specs = [spec("token", SettingKind::Text, true, None), spec("pin", SettingKind::Integer, true, None)];
    let given = given(json!({
        "token": {"secretRef": {"name": "api", "key": "token"}},
        "pin": {"secretRef": {"name": "api", "key": "pin"}},
    }));
    let look_up = |secret: &SecretRef| (secret.key.as_deref() == Some("pin")).then(|| "42\n".to_owned());
    let errors = reveal(&specs, &given, look_up).unwrap_err();
    assert_eq!(
        errors[0].to_string(),
        r#"setting "token" refers to key "token" of the secret "api", which is not there"#
    );
    assert_eq!(resolve(&specs, &given).unwrap_err().len(), 2, "nothing runs with references");
    let revealed = reveal(&specs, &given, |secret| look_up(secret).or(Some("1".to_owned()))).unwrap();
    let settings = resolve(&specs, &revealed).unwrap();
    assert_eq!(settings[0].1, SettingValue::Text("1".to_owned()));
    assert_eq!(settings[1].1, SettingValue::Integer(42));
}

#[test]
fn a_missing_setting_with_a_default_is_no_misfit() {
    let specs = [
        spec("a", SettingKind::Text, true, Some(SettingValue::Text("x".to_owned()))),
        spec("b", SettingKind::Text, false, None),
        spec("c", SettingKind::Text, true, None),
    ];
    assert_eq!(misfits(&specs, &BTreeMap::new()), [SettingError::Missing { name: "c".to_owned() }]);
}
