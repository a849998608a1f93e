//! The negative controls: hosts and servers that break one rule of the delivery protocol each. The simulation must
//! find every one of them wanting, or it proves nothing.

/// One broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// Every rule is kept.
    None,
    /// A taker fences nobody.
    NoFence,
    /// A taker reads the committed position first and fences then.
    FenceAfterRead,
    /// A taker fences the last owner only, not all ids that may still write.
    FenceLastOnly,
    /// A commit without an answer counts as committed.
    UnknownIsCommitted,
    /// `stage` and `promote` do not look at the owner.
    NoOwnerCheck,
    /// `stage` does not look whether the state stands at the last commit.
    NoChainCheck,
    /// `stage` promotes once more what the store had said to be promoted.
    PromotedAgain,
    /// `finish` promotes everything that is pending.
    FinishPromotesAll,
    /// `finish` drops everything that is pending.
    FinishDropsAll,
    /// State is staged after the commit, not before.
    StageAfterCommit,
    /// A commit does not promote what came before it, nor does `finish`; only the last one counts.
    StageForgetsPending,
}

/// All that break something.
pub(super) const BROKEN: [Control; 11] = [
    Control::NoFence,
    Control::FenceAfterRead,
    Control::FenceLastOnly,
    Control::UnknownIsCommitted,
    Control::NoOwnerCheck,
    Control::NoChainCheck,
    Control::PromotedAgain,
    Control::FinishPromotesAll,
    Control::FinishDropsAll,
    Control::StageAfterCommit,
    Control::StageForgetsPending,
];
