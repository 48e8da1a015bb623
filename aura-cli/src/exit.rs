//! How the command ends, as a number.

use aura_core::{Error, ErrorKind, RunOutcome};

/// The exit codes that programs rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked for is done.
    Done,
    /// The run ended with failed tasks or gates, or Aura could not do its job.
    Failed,
    /// The input was refused; nothing started.
    Refused,
    /// Waits for a person or a limit.
    Paused,
    /// Interrupted; the state is kept.
    Interrupted,
}

impl Exit {
    /// The number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Refused => 2,
            Self::Paused => 3,
            Self::Interrupted => 130,
        }
    }

    /// The one that has this number.
    pub(crate) fn from_code(code: Option<i32>) -> Self {
        match code {
            Some(0) => Self::Done,
            Some(2) => Self::Refused,
            Some(3) => Self::Paused,
            Some(130) => Self::Interrupted,
            _ => Self::Failed,
        }
    }

    /// How a run or a landing that ended so ends the command. `merge` says whether a landing was asked for.
    pub(crate) fn of_outcome(outcome: RunOutcome, reason: Option<&str>, merge: bool) -> Self {
        match outcome {
            RunOutcome::Completed => Self::Done,
            // A landing that was cancelled before it moved the target.
            RunOutcome::ReadyToComplete | RunOutcome::Paused if reason == Some("cancelled") => {
                Self::Interrupted
            }
            RunOutcome::ReadyToComplete if merge => Self::Paused,
            RunOutcome::ReadyToComplete => Self::Done,
            // The caller asked for a part, and got it.
            RunOutcome::Paused if matches!(reason, Some("wave" | "filter")) => Self::Done,
            RunOutcome::Paused => Self::Paused,
            RunOutcome::Failed => Self::Failed,
            RunOutcome::Cancelled => Self::Interrupted,
        }
    }

    /// How an error ends the command.
    pub(crate) fn of_error(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidPlan
            | ErrorKind::InvalidConfig
            | ErrorKind::InvalidInput
            | ErrorKind::Template
            | ErrorKind::NotFound
            | ErrorKind::StoryBusy
            | ErrorKind::Refused
            | ErrorKind::UnsupportedRepository
            | ErrorKind::BackendMissing
            | ErrorKind::GateMissing
            | ErrorKind::GateChanged
            | ErrorKind::Untrusted => Self::Refused,
            ErrorKind::ForeignChange | ErrorKind::ForeignMove => Self::Paused,
            ErrorKind::Cancelled => Self::Interrupted,
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_end_with_the_documented_codes() {
        use RunOutcome::{Cancelled, Completed, Failed, Paused, ReadyToComplete};
        for (outcome, reason, merge, code) in [
            (Completed, None, true, 0),
            (ReadyToComplete, None, false, 0),
            (ReadyToComplete, Some("conflict"), true, 3),
            (ReadyToComplete, Some("cancelled"), true, 130),
            (Paused, Some("wave"), false, 0),
            (Paused, Some("filter"), true, 0),
            (Paused, Some("requested"), false, 3),
            (Paused, None, false, 3),
            (Failed, None, false, 1),
            (Cancelled, None, false, 130),
        ] {
            let exit = Exit::of_outcome(outcome, reason, merge);
            assert_eq!(exit.code(), code, "{outcome:?} {reason:?} {merge}");
            assert_eq!(Exit::from_code(Some(i32::from(code))), exit);
        }
        assert_eq!(Exit::from_code(None), Exit::Failed);
    }

    #[test]
    fn errors_end_with_the_documented_codes() {
        for (kind, code) in [
            (ErrorKind::InvalidPlan, 2),
            (ErrorKind::InvalidConfig, 2),
            (ErrorKind::Untrusted, 2),
            (ErrorKind::StoryBusy, 2),
            (ErrorKind::GateChanged, 2),
            (ErrorKind::ForeignMove, 3),
            (ErrorKind::Cancelled, 130),
            (ErrorKind::Store, 1),
            (ErrorKind::Internal, 1),
        ] {
            assert_eq!(
                Exit::of_error(&Error::new(kind, "x")).code(),
                code,
                "{kind:?}"
            );
        }
    }
}
