//! Named points at which a test can kill the process, to show that a run survives it.
//!
//! Without the feature `crash-points` they are nothing. With it, `AURA_CRASH_RECORD` names a file that every point
//! passed is written to, and `AURA_CRASH_AT=name#n` kills the process with SIGKILL when a point is passed for the n-th time.

/// Passes a crash point.
#[cfg(not(all(feature = "crash-points", unix)))]
pub(crate) const fn pass(_name: &str) {}

#[cfg(all(feature = "crash-points", unix))]
pub(crate) use armed::pass;

/// The points of one effect, called after its intent. Without the feature it has no name, since a name costs a serialisation.
#[derive(Clone)]
pub(crate) struct EffectPoints {
    #[cfg(all(feature = "crash-points", unix))]
    intent: String,
}

#[cfg(all(feature = "crash-points", unix))]
impl EffectPoints {
    pub(crate) fn of(intent: &crate::model::EventKind) -> Self {
        Self {
            intent: intent.name(),
        }
    }

    /// `before`, `after` or `recorded`.
    pub(crate) fn pass(&self, when: &str) {
        pass(&format!("{}/{when}", self.intent));
    }
}

#[cfg(not(all(feature = "crash-points", unix)))]
impl EffectPoints {
    pub(crate) const fn of(_intent: &crate::model::EventKind) -> Self {
        Self {}
    }

    /// `before`, `after` or `recorded`.
    pub(crate) const fn pass(&self, _when: &str) {}
}

#[cfg(all(feature = "crash-points", unix))]
mod armed {
    use std::collections::HashMap;
    use std::io::Write as _;
    use std::sync::Mutex;

    static PASSED: Mutex<Option<HashMap<String, u64>>> = Mutex::new(None);

    pub(crate) fn pass(name: &str) {
        let (Ok(target), record) = (
            std::env::var("AURA_CRASH_AT").or_else(|_| Ok::<_, ()>(String::new())),
            std::env::var_os("AURA_CRASH_RECORD"),
        ) else {
            return;
        };
        let mut passed = PASSED
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let count = passed
            .get_or_insert_default()
            .entry(name.to_owned())
            .and_modify(|count| *count += 1)
            .or_insert(1);
        let point = format!("{name}#{count}");
        if let Some(file) = record
            && let Ok(mut file) = std::fs::File::options()
                .create(true)
                .append(true)
                .open(file)
        {
            writeln!(file, "{point}").ok();
        }
        if point == target {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
                .ok();
            loop {
                std::thread::park();
            }
        }
    }
}
