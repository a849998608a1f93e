//! The scripts of the delivery protocol, each with what they share in front.

use std::sync::LazyLock;

use redis::{Cmd, Script};

/// One script and the name that Redis knows it by.
pub(super) struct Source {
    text: &'static str,
    hash: String,
}

impl Source {
    fn new(text: &'static str) -> Self {
        Self { text, hash: Script::new(text).get_hash().to_owned() }
    }

    /// A call with these keys; arguments follow.
    pub(super) fn call(&self, keys: &[&str]) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.hash).arg(keys.len()).arg(keys);
        command
    }

    pub(super) fn load(&self) -> Cmd {
        let mut command = redis::cmd("SCRIPT");
        command.arg("LOAD").arg(self.text);
        command
    }
}

macro_rules! scripts {
    ($($name:ident = $file:literal;)*) => {
        $(pub(super) static $name: LazyLock<Source> =
            LazyLock::new(|| Source::new(concat!(include_str!("scripts/common.lua"), include_str!($file))));)*

        /// All of them, for loading.
        pub(super) fn all() -> impl ExactSizeIterator<Item = &'static Source> {
            [$(&*$name),*].into_iter()
        }
    };
}

scripts! {
    TAKE = "scripts/take.lua";
    RAISE = "scripts/raise.lua";
    FINISH = "scripts/finish.lua";
    STAGE = "scripts/stage.lua";
    PROMOTE = "scripts/promote.lua";
    APPLY = "scripts/apply.lua";
    RELEASE = "scripts/release.lua";
    SET_META = "scripts/set_meta.lua";
    SWEEP = "scripts/sweep.lua";
    SCAN = "scripts/scan.lua";
    PROBE = "scripts/probe.lua";
}
