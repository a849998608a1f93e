//! Does what each record tells it to: everything that a function can do wrong, and the plain things beside it, so that
//! the engine's tests need one component. The commands are in [`command`]; a record that is no command is copied to
//! output 0. It stands on the raw contract, for the SDK would not let most of this happen.

mod command;
mod results;

wit_bindgen::generate!({ path: "../../../wit", world: "udf" });

use exports::invoker::udf::function::{BatchResult, Description, Failure, Guest, InputBatch, InstanceInfo};
use invoker::udf::types::{
    FailureKind, HeaderUse, Port, SettingKind, SettingSpec, SettingValue, StateKind, StateSpec,
};

struct Hostile;

impl Guest for Hostile {
    fn describe() -> Description {
        Description {
            inputs: vec![],
            outputs: vec![port("main"), port("side")],
            states: vec![
                state("counts", StateKind::Value, true),
                state("fields", StateKind::Map, false),
                state("totals", StateKind::Value, false),
            ],
            settings: vec![SettingSpec {
                name: "init".into(),
                kind: SettingKind::Text,
                required: false,
                default: None,
                secret: false,
                doc: "what `init` does".into(),
            }],
            headers: HeaderUse::Forward,
            max_records: None,
            record_deadline: None,
            properties: vec![],
        }
    }

    fn init(info: InstanceInfo) -> Result<(), Failure> {
        std::panic::set_hook(Box::new(|panic| {
            let message = panic.payload_as_str().unwrap_or("?");
            let (file, line) = panic.location().map_or(("?", 0), |at| (at.file(), at.line()));
            invoker::udf::host::panicked(command::current(), message, file, line);
        }));
        let settings = info.settings.iter();
        let asked = settings.filter(|(name, _)| name == "init").map(|(_, value)| match value {
            SettingValue::Text(text) => text.as_str(),
            _ => "",
        });
        for asked in asked {
            match asked {
                "fail" => return Err(failure(FailureKind::Rejected, "bad-setting", "init was told to fail")),
                "loop" => command::spin(),
                "state" => drop(invoker::udf::state::get_many(2, &[0])),
                "identity" => panic!("{} {} {}", info.deployment, info.entity, info.digest),
                _ => {}
            }
        }
        Ok(())
    }

    fn process(batch: InputBatch) -> Result<BatchResult, Failure> {
        command::run(&batch)
    }
}

fn port(name: &str) -> Port {
    Port { name: name.into(), content_type: None, schema: None, doc: String::new() }
}

fn state(name: &str, kind: StateKind, prefetch: bool) -> StateSpec {
    StateSpec { name: name.into(), kind, prefetch, ttl: None, version: 1, reads: vec![], doc: String::new() }
}

pub(crate) fn failure(kind: FailureKind, code: &str, message: &str) -> Failure {
    Failure { kind, code: code.into(), message: message.into() }
}

export!(Hostile);
