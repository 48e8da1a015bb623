//! Whatever instant the process is killed at, the story goes on from there: nothing is done twice after it was accepted, nothing an
//! agent wrote is gone, nothing keeps running, and the result is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aura_core::{Event, EventKind, RunOutcome};
use aura_tests::scenario::{Scenario, Stage};
use aura_tests::{Case, Shape, Start, Step, survivors};

const DRIVER: &str = env!("CARGO_BIN_EXE_story-driver");
const AGENT: &str = env!("CARGO_BIN_EXE_fake-agent");

/// Positions tried without `--extended`.
const SAMPLE: usize = 40;

/// One story in a directory of its own, whose agents also write down what they did and leave a daemon behind.
struct Attempt {
    directory: tempfile::TempDir,
    nonce: String,
}

impl Attempt {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let name = directory
            .path()
            .file_name()
            .expect("a name")
            .to_string_lossy();
        let attempt = Self {
            nonce: format!("nonce-{name}"),
            directory,
        };
        let mut scenario = Scenario::read(&reference());
        for case in &mut scenario.agent.cases {
            attempt.instrument(case);
        }
        let text = serde_json::to_string(&scenario).expect("JSON");
        std::fs::write(attempt.scenario(), text).expect("written");
        attempt
    }

    fn instrument(&self, case: &mut Case) {
        let mark = "{task} {attempt} {start}\n".to_owned();
        let wrote = self
            .directory
            .path()
            .join("wrote.log")
            .display()
            .to_string();
        let mut steps = vec![
            Step::Write {
                path: "notes/{task}.txt".to_owned(),
                text: mark.clone(),
                hex: String::new(),
            },
            Step::Append {
                path: wrote,
                text: mark,
            },
            Step::Spawn {
                shape: Shape::BareDaemon,
                nonce: self.nonce.clone(),
                holds_output: false,
            },
        ];
        steps.append(&mut case.steps);
        case.steps = steps;
    }

    fn scenario(&self) -> PathBuf {
        self.directory.path().join("scenario.json")
    }

    fn stage(&self) -> Stage {
        Stage::new(self.directory.path().join("stage"), AGENT)
    }

    fn driver(&self) -> Command {
        let mut command = Command::new(DRIVER);
        command
            .arg(self.scenario())
            .arg(self.directory.path().join("stage"))
            .arg(AGENT)
            .env_remove("AURA_CRASH_AT")
            .env_remove("AURA_CRASH_RECORD");
        command
    }

    async fn events(&self) -> Vec<Event> {
        let aura = self
            .stage()
            .open(&Scenario::read(&self.scenario()))
            .await
            .expect("opened");
        let story = aura.find_story(None).await.expect("one story");
        aura.events(story, 0).await.expect("events")
    }

    /// Everything that some ref of the two repositories still holds under `notes/`.
    fn kept_notes(&self) -> BTreeSet<String> {
        let repo = self.stage().repo();
        let mut kept = BTreeSet::new();
        for directory in [repo.join(".git"), repo.join(".git/aura/repo.git")] {
            let commits = git(&directory, &["rev-list", "--all"]);
            for commit in commits.lines() {
                let names = git(
                    &directory,
                    &["ls-tree", "-r", "--name-only", commit, "notes/"],
                );
                for name in names.lines() {
                    kept.insert(git(&directory, &["show", &format!("{commit}:{name}")]));
                }
            }
        }
        kept
    }
}

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/reference.json")
}

fn git(directory: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .arg("--git-dir")
        .arg(directory)
        .args(args)
        .output()
        .expect("git runs");
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The points that an undisturbed run passes, and the files it ends with.
fn undisturbed() -> (Vec<String>, BTreeMap<String, String>) {
    let attempt = Attempt::new();
    let record = attempt.directory.path().join("points");
    let status = attempt
        .driver()
        .env("AURA_CRASH_RECORD", &record)
        .status()
        .expect("the driver runs");
    assert!(status.success(), "the undisturbed story fails");
    let points = std::fs::read_to_string(record).expect("points were recorded");
    (
        points.lines().map(ToOwned::to_owned).collect(),
        files(&attempt),
    )
}

/// The landed files, without what the instrumentation adds.
fn files(attempt: &Attempt) -> BTreeMap<String, String> {
    let directory = attempt.stage().repo().join(".git");
    git(&directory, &["ls-tree", "-r", "--name-only", "main"])
        .lines()
        .filter(|name| !name.starts_with("notes/"))
        .map(|name| {
            (
                name.to_owned(),
                git(&directory, &["show", &format!("main:{name}")]),
            )
        })
        .collect()
}

/// Whether it was really killed there.
fn kill_at(point: &str, expected: &BTreeMap<String, String>) -> Result<bool, String> {
    use std::os::unix::process::ExitStatusExt as _;
    let attempt = Attempt::new();
    let killed = attempt
        .driver()
        .env("AURA_CRASH_AT", point)
        .output()
        .expect("the driver runs");
    // The order of tasks that run side by side differs, so that a point is now and then passed less often.
    let is_killed = killed.status.signal() == Some(9);
    if !is_killed && !killed.status.success() {
        return Err(format!("the killed run ended with {:?}", killed.status));
    }
    let resumed = attempt.driver().output().expect("the driver runs");
    if !resumed.status.success() {
        return Err(format!(
            "the resumed run failed: {}",
            String::from_utf8_lossy(&resumed.stderr)
        ));
    }
    check(&attempt, expected).map(|()| is_killed)
}

fn check(attempt: &Attempt, expected: &BTreeMap<String, String>) -> Result<(), String> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let events = runtime.block_on(attempt.events());
    let last = events.iter().rev().find_map(|event| match &event.kind {
        EventKind::RunFinished { outcome, reason } => Some((*outcome, reason.clone())),
        _ => None,
    });
    if last != Some((RunOutcome::Completed, None)) {
        return Err(format!("the story ended {last:?}"));
    }
    if files(attempt) != *expected {
        return Err(format!("other files: {:?}", files(attempt)));
    }
    check_starts(attempt, &events)?;
    let wrote =
        std::fs::read_to_string(attempt.directory.path().join("wrote.log")).unwrap_or_default();
    let kept = attempt.kept_notes();
    if let Some(gone) = wrote
        .lines()
        .find(|line| !kept.contains(&format!("{line}\n")))
    {
        return Err(format!("what start `{gone}` wrote is gone"));
    }
    // Everything was reaped before the resumed run ended, or by the guard of the killed one; the latter may take a moment.
    let deadline = Instant::now() + Duration::from_secs(10);
    while !survivors(&attempt.nonce).is_empty() {
        if Instant::now() > deadline {
            return Err(format!("left running: {:?}", survivors(&attempt.nonce)));
        }
        std::thread::yield_now();
    }
    Ok(())
}

/// No start without an intent, and none after the acceptance.
fn check_starts(attempt: &Attempt, events: &[Event]) -> Result<(), String> {
    let mut intended: BTreeMap<String, usize> = BTreeMap::new();
    let mut accepted: BTreeSet<String> = BTreeSet::new();
    for event in events {
        let task = event
            .task
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        match event.kind {
            EventKind::IntentStart { .. } if accepted.contains(&task) => {
                return Err(format!("`{task}` was to be started after its acceptance"));
            }
            EventKind::IntentStart { .. } => *intended.entry(task).or_default() += 1,
            EventKind::TaskAccepted { .. } if !accepted.insert(task.clone()) => {
                return Err(format!("`{task}` was accepted twice"));
            }
            _ => {}
        }
    }
    let mut started: BTreeMap<String, usize> = BTreeMap::new();
    for start in Start::read(&attempt.stage().agent()) {
        *started.entry(start.task).or_default() += 1;
    }
    match started
        .iter()
        .find(|(task, count)| **count > intended.get(*task).copied().unwrap_or(0))
    {
        Some((task, count)) => Err(format!(
            "`{task}` was started {count} times without an intent each"
        )),
        None => Ok(()),
    }
}

/// All points of `intent.land*`, and as many others as fit, spread over the story and over the kinds.
fn sample(points: &[String]) -> Vec<String> {
    let (land, others): (Vec<&String>, Vec<&String>) = points
        .iter()
        .partition(|point| point.starts_with("intent.land"));
    let kind = |point: &str| point.split('#').next().unwrap_or_default().to_owned();
    let mut chosen: BTreeSet<String> = land.into_iter().cloned().collect();
    let mut kinds = BTreeSet::new();
    chosen.extend(
        others
            .iter()
            .filter(|point| kinds.insert(kind(point)))
            .map(|point| (*point).clone()),
    );
    let step = (others.len() / SAMPLE).max(1);
    let spread = others.iter().step_by(step).chain(&others);
    for point in spread {
        if chosen.len() < SAMPLE {
            chosen.insert((*point).clone());
        }
    }
    chosen.into_iter().collect()
}

#[test]
fn a_story_survives_being_killed_anywhere() {
    let (points, expected) = undisturbed();
    let extended = std::env::var_os("AURA_EXTENDED").is_some();
    // One position sixty times over, to hunt what fails now and then.
    let chosen = if let Ok(only) = std::env::var("AURA_POINT") {
        vec![only; 60]
    } else if extended {
        points.clone()
    } else {
        sample(&points)
    };
    assert!(
        chosen.len() >= SAMPLE,
        "{} of {} positions",
        chosen.len(),
        points.len()
    );
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let killed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(point) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match kill_at(point, &expected) {
                        Ok(is_killed) => {
                            killed.fetch_add(usize::from(is_killed), Ordering::Relaxed);
                        }
                        Err(why) => failures
                            .lock()
                            .expect("unpoisoned")
                            .push(format!("{point}: {why}")),
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("unpoisoned");
    assert!(
        failures.is_empty(),
        "{} of {} positions: {failures:#?}",
        failures.len(),
        chosen.len()
    );
    let killed = killed.into_inner();
    println!("killed at {killed} of {} positions", chosen.len());
    assert!(
        killed * 10 >= chosen.len() * 9,
        "killed at {killed} of {} positions only",
        chosen.len()
    );
}
