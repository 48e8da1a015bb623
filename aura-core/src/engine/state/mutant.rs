//! Faults that can be planted in the decision core, to show that the simulator would find them.

use std::cell::Cell;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// A gate that asks for a person counts as green.
    AcceptAsked,
    /// A required red gate counts as green.
    AcceptRed,
    /// A candidate is accepted without asking its gates.
    AcceptUngated,
    /// The first task of the candidate is ejected instead of the one that was found.
    BlameNeighbour,
    /// Nobody asks whether the accepted head is red itself.
    BlameWithoutHead,
    /// An agent is started twice for one workspace.
    DoubleStart,
    /// More agents than allowed.
    ExceedParallel,
    /// A gate that became required does not judge what is accepted already.
    ForgetRegate,
    /// Tasks behind a failed one are not blocked.
    ForgetBlocked,
    /// Required gates count as advisory.
    IgnoreRequired,
    /// The next wave starts while this one is open.
    LeaveWaveEarly,
    /// A task does not wait for what it depends on.
    SkipDependency,
    /// A limit holds for the agent that met it alone, not for the others of its provider.
    IgnoreProvider,
    /// The number of tests is not compared.
    IgnoreCounts,
    /// What was approved once is approved for every later try.
    KeepApproval,
    /// Repeated restarts do not halve what an agent may do at once.
    KeepParallel,
    /// Agents start although the budget is used up.
    OverspendBudget,
    /// A task that may remove tests is judged together with others.
    ShareRemoval,
    /// The final gates are not asked.
    SkipFinals,
    /// A task's own gates are not asked.
    SkipReview,
    /// Agents start although the run was asked to pause.
    StartWhilePausing,
    /// A retry costs nothing.
    UnspentRetry,
    /// A restart costs nothing.
    UnspentRestart,
}

thread_local! {
    static PLANTED: Cell<Option<Mutant>> = const { Cell::new(None) };
}

pub(crate) fn is_planted(mutant: Mutant) -> bool {
    PLANTED.get() == Some(mutant)
}

/// Runs `body` with a fault in place.
pub(crate) fn with<T>(mutant: Mutant, body: impl FnOnce() -> T) -> T {
    PLANTED.set(Some(mutant));
    let result = body();
    PLANTED.set(None);
    result
}
