//! Samples of what a function does.

mod support;

use std::time::Duration;

use invoker_engine::{CallError, Engine, EngineOptions, InstanceOptions, NoState, Profiler};
use support::{Batch, guest};

#[test]
fn a_function_that_is_watched_leaves_samples_and_keeps_its_deadline() {
    let profiler = Profiler::new();
    let options = EngineOptions { profiler: Some(profiler.clone()), ..EngineOptions::default() };
    let engine = Engine::new(options).expect("engine starts");
    let function = engine.load(&guest("hostile")).expect("hostile loads");
    assert_eq!(profiler.count(), 0, "describe is not what one looks at");
    let mut instance = function.instantiate(&InstanceOptions::default()).expect("starts");
    let deadline = Duration::from_millis(50);
    let (result, _) = instance.process(&Batch::of(&["loop"]).input(), Box::new(NoState), deadline);
    assert!(matches!(result, Err(CallError::Deadline { after, .. }) if after == deadline), "{result:?}");
    let samples = profiler.take();
    assert!(!samples.is_empty());
    for sample in &samples {
        assert!(sample.stack.iter().any(|frame| frame.function.starts_with("hostile::")), "{sample:?}");
    }
    assert!(samples.is_sorted_by_key(|sample| sample.at));
    assert_eq!(profiler.count(), 0, "what was taken is forgotten");
}
