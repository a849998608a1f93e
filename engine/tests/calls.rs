//! Calls of a real component: what comes back, and every way in which a call can end badly.

mod support;

use std::time::Duration;

use invoker_core::function::SettingValue;
use invoker_engine::{CallError, FailureKind, InstanceOptions, LogLevel, NoState};
use support::{Batch, DEADLINE, Log, call, call_in, hostile, instance};

fn error(values: &[&str]) -> CallError {
    let mut instance = instance();
    let error = call_in(&mut instance, values).expect_err("the call ends badly");
    assert!(!instance.usable());
    assert!(matches!(call_in(&mut instance, &["fine"]), Err(CallError::Unusable)));
    error
}

#[test]
fn every_column_crosses_the_boundary_and_comes_back() {
    let result = call(&["a", "", "ccc"]).expect("result");
    assert_eq!((result.consumed, &result.stopped), (3, &None));
    assert_eq!(result.outputs.sources, [0, 1, 2]);
    let values: Vec<_> = result.outputs.values.iter().collect();
    assert_eq!(values, [Some(&b"a"[..]), Some(b""), Some(b"ccc")]);
    let mut tombstone = Batch::of(&["x"]);
    tombstone.values = [None].into_iter().collect();
    let (result, _) = instance().process(&tombstone.input(), Box::new(NoState), DEADLINE);
    assert_eq!(result.expect("result").outputs.values.iter().collect::<Vec<_>>(), [None]);
}

#[test]
fn an_empty_batch_is_a_call_like_any_other() {
    let result = call(&[]).expect("result");
    assert_eq!((result.consumed, result.outputs.len()), (0, 0));
}

#[test]
fn a_function_fails_stops_and_rejects_in_its_own_words() {
    let mut instance = instance();
    let Err(CallError::Failed(failure)) = call_in(&mut instance, &["ok", "fail:transient"]) else {
        panic!("no failure");
    };
    assert_eq!((failure.kind, failure.code.as_str()), (FailureKind::Transient, "told-to"));
    assert_eq!(failure.message, "the batch was told to fail");
    assert!(instance.usable(), "a failed call leaves the instance as it was");

    let result = call_in(&mut instance, &["ok", "stop:transient", "later"]).expect("result");
    assert_eq!((result.consumed, result.outputs.sources.as_slice()), (1, &[0][..]));
    assert_eq!(result.stopped.expect("stopped").kind, FailureKind::Transient);

    let result = call_in(&mut instance, &["ok", "reject", "ok"]).expect("result");
    assert_eq!((result.consumed, result.outputs.sources.as_slice()), (3, &[0, 2][..]));
    assert_eq!(result.rejects[0].record, 1);
    assert_eq!(result.rejects[0].failure.kind, FailureKind::Rejected);
}

#[test]
fn a_trap_names_the_functions_and_their_lines() {
    let error = error(&["ok", "trap"]);
    let CallError::Trapped { message, frames } = &error else { panic!("{error}") };
    assert_eq!(message, "wasm `unreachable` instruction executed");
    let frame = frames
        .iter()
        .find(|frame| frame.function == "hostile::command::inner_trap")
        .expect("demangled frame");
    assert!(frame.file.as_deref().is_some_and(|file| file.ends_with("command.rs")), "{frame}");
    assert!(frame.line.is_some_and(|line| line > 0), "{frame}");
    assert!(error.to_string().starts_with("the function trapped: wasm `unreachable`"), "{error}");
}

#[test]
fn a_panic_comes_with_message_file_line_and_record() {
    let error = error(&["ok", "ok", "panic"]);
    let CallError::Panicked { record, message, file, line, .. } = &error else { panic!("{error}") };
    assert_eq!((*record, message.as_str()), (Some(2), "told to panic"));
    assert!(file.ends_with("command.rs") && *line > 0);
    let text = error.to_string();
    assert!(text.starts_with("the function panicked at record 2 of the batch: told to panic, at "), "{text}");
}

#[test]
fn an_endless_loop_ends_at_the_deadline() {
    let mut instance = instance();
    let deadline = Duration::from_millis(30);
    let (result, _) = instance.process(&Batch::of(&["loop"]).input(), Box::new(NoState), deadline);
    let error = result.expect_err("deadline");
    let CallError::Deadline { after, frames } = &error else { panic!("{error}") };
    assert_eq!(*after, deadline);
    assert!(frames.iter().any(|frame| frame.function.starts_with("hostile::")), "{frames:?}");
    assert!(error.to_string().starts_with("the function did not return within 30ms, in "), "{error}");
    assert!(!instance.usable());
}

#[test]
fn waiting_ends_at_the_deadline_too() {
    let mut instance = instance();
    let deadline = Duration::from_millis(30);
    let (result, _) = instance.process(&Batch::of(&["sleep"]).input(), Box::new(NoState), deadline);
    assert!(matches!(result, Err(CallError::Deadline { .. })), "{result:?}");
    assert!(call(&["nap"]).is_ok());
}

#[test]
fn memory_ends_at_the_limit() {
    let options = InstanceOptions { memory_bytes: 8 << 20, ..InstanceOptions::default() };
    let mut instance = hostile().instantiate(&options).expect("starts");
    let error = call_in(&mut instance, &["alloc"]).expect_err("memory");
    assert!(matches!(error, CallError::Memory { limit, .. } if limit == 8 << 20), "{error}");
    assert!(error.to_string().starts_with("the function asked for more than its 8388608 bytes of memory"));
    assert!(instance.memory_bytes() <= 8 << 20);
    let options = InstanceOptions { memory_bytes: 64 << 10, ..InstanceOptions::default() };
    let error = hostile().instantiate(&options).expect_err("too small to start");
    assert!(matches!(error, CallError::Memory { limit, .. } if limit == 64 << 10), "{error}");
}

#[test]
fn a_gibibyte_of_output_is_refused_before_it_is_copied() {
    let options =
        InstanceOptions { memory_bytes: 2 << 30, output_bytes: 1 << 20, ..InstanceOptions::default() };
    let mut instance = hostile().instantiate(&options).expect("starts");
    let error = call_in(&mut instance, &["huge-output"]).expect_err("output");
    assert!(matches!(error, CallError::OutputTooLarge { limit } if limit == 1 << 20), "{error}");
    assert_eq!(error.to_string(), "the function handed over more than 1048576 bytes in one call");
    assert!(call(&["huge-output"]).is_err_and(|error| matches!(error, CallError::Memory { .. })));
}

#[test]
fn endless_recursion_and_exit_are_traps() {
    let deep = error(&["recurse"]);
    let CallError::Trapped { message, frames } = &deep else { panic!("{deep}") };
    assert!(message.contains("call stack exhausted"), "{message}");
    assert!(frames.len() <= 32);
    let exit = error(&["exit"]);
    assert!(
        exit.to_string().starts_with("the function trapped: it ended itself with `wasi:cli/exit`"),
        "{exit}"
    );
}

#[test]
fn the_system_is_there_and_holds_nothing() {
    let log = Log::default();
    let mut instance = hostile().instantiate(&log.options()).expect("starts");
    call_in(&mut instance, &["files", "clock", "print", "eprint"]).expect("result");
    let lines: Vec<_> = log.take().into_iter().map(|line| (line.level, line.message)).collect();
    let line = |level, text: &str| (level, text.to_owned());
    assert_eq!(
        lines,
        [
            line(LogLevel::Info, "out line"),
            line(LogLevel::Warn, "err line"),
            line(LogLevel::Warn, "err rest")
        ]
    );
}

#[test]
fn log_lines_carry_level_and_record_and_are_bounded() {
    let log = Log::default();
    let mut instance = hostile().instantiate(&log.options()).expect("starts");
    call_in(&mut instance, &["ok", "log:hello", "log:stranger"]).expect("result");
    let lines = log.take();
    assert_eq!(
        (lines[0].level, lines[0].record, lines[0].message.as_str()),
        (LogLevel::Error, Some(1), "hello")
    );
    assert_eq!((lines[1].level, lines[1].record), (LogLevel::Debug, None));
    call_in(&mut instance, &["log:huge", "log:many"]).expect("result");
    let lines = log.take();
    assert!(lines.len() < 300 && lines[0].message.len() < 9_000);
    let last = &lines[lines.len() - 1].message;
    assert!(last.contains("more lines of this call were dropped"), "{last}");
}

#[test]
fn init_gets_the_settings_and_may_refuse() {
    let with = |what: &str| InstanceOptions {
        settings: vec![("init".to_owned(), SettingValue::Text(what.to_owned()))],
        init_deadline: Duration::from_millis(30),
        ..Log::default().options()
    };
    let start = |what: &str| hostile().instantiate(&with(what)).expect_err("refused");
    let CallError::Failed(failure) = start("fail") else { panic!("no failure") };
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("bad-setting", "init was told to fail"));
    assert!(matches!(start("loop"), CallError::Deadline { .. }));
    let state = start("state").to_string();
    assert!(state.contains("it called `invoker:udf/state`, which only `process` may call"), "{state}");
    let CallError::Panicked { message, record: None, .. } = start("identity") else { panic!("no panic") };
    assert_eq!(message, format!("shop.orders count {}", hostile().digest()));
}

#[test]
fn an_instance_grows_and_says_how_much_it_holds() {
    let mut instance = instance();
    let before = instance.memory_bytes();
    assert!(before > 0);
    let large = "x".repeat(4 << 20);
    call_in(&mut instance, &[&large]).expect("result");
    assert!(instance.memory_bytes() >= before + (4 << 20));
}

#[test]
fn a_full_pool_is_an_error_that_may_pass() {
    let options = invoker_engine::EngineOptions { instances: 1, ..Default::default() };
    let engine = invoker_engine::Engine::new(options).expect("engine");
    let function = engine.load(&support::guest("hostile")).expect("loads");
    let first = function.instantiate(&InstanceOptions::default()).expect("the first fits");
    let error = function.instantiate(&InstanceOptions::default()).expect_err("the second does not");
    assert!(matches!(error, CallError::Instantiate(_)) && error.is_retryable(), "{error}");
    drop(first);
    assert!(function.instantiate(&InstanceOptions::default()).is_ok());
}

#[test]
fn functions_are_shared_between_threads_and_instances_move_to_them() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    fn moved<T: Send>(_: &T) {}
    shared(support::engine());
    shared(hostile());
    moved(&instance());
}
