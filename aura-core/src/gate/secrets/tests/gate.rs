//! The gate on a real repository.

use std::fs;
use std::path::Path;
use std::time::Duration;

use git2::{IndexAddOption, Oid, Repository, Signature, Time};

use super::super::SecretsGate;
use super::synthetic::{Random, github, private_key};
use crate::gate::tests::{context, request};
use crate::gate::{Gate, GateReport, GateRequest};
use crate::model::{Finding, GateVerdict};

/// A repository whose HEAD has some files.
pub(super) struct World {
    pub(super) directory: tempfile::TempDir,
    repo: Repository,
}

impl World {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("work")).unwrap();
        let repo = Repository::init(directory.path().join("work")).unwrap();
        Self { directory, repo }
    }

    pub(super) fn work(&self) -> &Path {
        self.repo.workdir().unwrap()
    }

    /// Commits everything after these files were written.
    pub(super) fn commit(&self, files: &[(&str, &[u8])]) -> Oid {
        for (path, bytes) in files {
            let path = self.work().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let mut index = self.repo.index().unwrap();
        index.add_all(["*"], IndexAddOption::FORCE, None).unwrap();
        index.write().unwrap();
        let tree = self.repo.find_tree(index.write_tree().unwrap()).unwrap();
        let person = Signature::new("A", "a@example.com", &Time::new(1, 0)).unwrap();
        let parent = self
            .repo
            .head()
            .ok()
            .map(|head| head.peel_to_commit().unwrap());
        let parents: Vec<_> = parent.iter().collect();
        self.repo
            .commit(Some("HEAD"), &person, &person, "c", &tree, &parents)
            .unwrap()
    }

    pub(super) fn request(&self, base: Oid, commit: Oid) -> GateRequest {
        let id = |oid: Oid| oid.to_string().parse().unwrap();
        GateRequest {
            base: id(base),
            story_base: id(base),
            commit: id(commit),
            log: self.directory.path().join("gate.log"),
            ..request(self.work())
        }
    }
}

async fn check(world: &World, base: Oid, commit: Oid) -> GateReport {
    let (context, _cancel, _lines) = context();
    SecretsGate::new()
        .check(world.request(base, commit), context)
        .await
}

pub(super) fn findings(report: &GateReport) -> &[Finding] {
    match &report.verdict {
        GateVerdict::Failed { findings } => findings,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn new_lines_are_judged_and_the_secret_is_nowhere() {
    let mut random = Random::new(21);
    let (old, new) = (github(&mut random), github(&mut random));
    let world = World::new();
    let base = world.commit(&[("src/a.rs", format!("one\n{old}\n").as_bytes())]);
    // A line that was there before is not looked at, wherever it moves to.
    let moved = format!("zero\none\n{old}\n");
    let harmless = world.commit(&[("src/a.rs", moved.as_bytes())]);
    assert_eq!(
        check(&world, base, harmless).await.verdict,
        GateVerdict::Passed
    );
    let key = private_key(&mut random);
    let bad = world.commit(&[
        (
            "src/a.rs",
            format!("{moved}let t = \"{new}\";\n").as_bytes(),
        ),
        ("id", key.as_bytes()),
        ("image", b"\0\0"),
    ]);
    let report = check(&world, base, bad).await;
    let shown: Vec<_> = findings(&report)
        .iter()
        .map(|one| {
            format!(
                "{}:{} {}",
                one.file.as_deref().unwrap(),
                one.line.unwrap(),
                one.message
            )
        })
        .collect();
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(
        shown[0].starts_with("id:1 private-key: Identified a Private Key, which may compromise"),
        "{shown:?}"
    );
    assert_eq!(
        shown[1],
        "src/a.rs:4 github-pat: Uncovered a GitHub Personal Access Token, potentially leading to unauthorized repository access and sensitive content exposure (40 bytes)"
    );
    assert!(report.output_tail.contains("not looked at: image (binary)"));
    assert!(report.output_tail.contains(".aura/secrets-allow"));
    let log = fs::read_to_string(world.directory.path().join("gate.log")).unwrap();
    let all = format!("{report:?}{log}");
    for secret in [&new[4..], &old[4..], key.lines().nth(1).unwrap()] {
        assert!(!all.contains(secret), "{all}");
    }
    assert!(log.contains("src/a.rs:4"));
}

#[tokio::test]
async fn the_body_of_a_key_is_found_between_lines_that_were_there() {
    let key = private_key(&mut Random::new(25));
    let (mark, rest) = key.split_once('\n').unwrap();
    let end = key.trim_end().rsplit_once('\n').unwrap().1;
    let world = World::new();
    let empty = format!("{mark}\nput the key here\n{end}\n");
    let base = world.commit(&[("key.pem", empty.as_bytes())]);
    let filled = world.commit(&[("key.pem", format!("{mark}\n{rest}").as_bytes())]);
    let report = check(&world, base, filled).await;
    let found = findings(&report);
    assert_eq!(
        (found.len(), found[0].file.as_deref(), found[0].line),
        (1, Some("key.pem"), Some(1))
    );
    // Beside a key that was there for long, a new line is no finding.
    let later = world.commit(&[("key.pem", format!("{mark}\n{rest}# the end\n").as_bytes())]);
    let report = check(&world, filled, later).await;
    assert_eq!(report.verdict, GateVerdict::Passed);
}

#[tokio::test]
async fn a_list_counts_once_it_is_where_the_story_starts() {
    let token = github(&mut Random::new(23));
    let list: (&str, &[u8]) = (".aura/secrets-allow", b"fixtures/** github-pat\n");
    let file = ("fixtures/a", token.as_bytes());
    let world = World::new();
    let start = world.commit(&[("readme", b"x")]);
    // Work that brings its own list.
    let own = world.commit(&[list, file]);
    assert_eq!(findings(&check(&world, start, own).await).len(), 1);
    let later = world.commit(&[("fixtures/b", token.as_bytes())]);
    // Work of a task after the one that brought it.
    let mut request = world.request(own, later);
    request.story_base = start.into();
    let report = SecretsGate::new().check(request, context().0).await;
    assert_eq!(findings(&report).len(), 1);
    let report = check(&world, own, later).await;
    assert_eq!(report.verdict, GateVerdict::Passed);
    assert!(
        report
            .output_tail
            .contains("let through: fixtures/b:1 (github-pat), by .aura/secrets-allow"),
        "{}",
        report.output_tail
    );
    // A list that cannot be read is nobody's work.
    let broken = world.commit(&[(".aura/secrets-allow", b"a[")]);
    let after = world.commit(&[("more", b"x")]);
    let report = check(&world, broken, after).await;
    let GateVerdict::Broken { why } = &report.verdict else {
        panic!("{report:?}")
    };
    assert!(why.contains("line 1"), "{why}");
}

#[tokio::test]
async fn what_keeps_it_from_judging_is_never_green() {
    let world = World::new();
    let base = world.commit(&[("a", b"x")]);
    let commit = world.commit(&[("a", b"y")]);
    let nobody = Oid::from_bytes(&[9; 20]).unwrap();
    for (base, commit) in [(nobody, commit), (base, nobody)] {
        let report = check(&world, base, commit).await;
        assert!(
            matches!(report.verdict, GateVerdict::Broken { .. }),
            "{report:?}"
        );
    }
    let gate = SecretsGate::new();
    let no_time = GateRequest {
        timeout: Duration::ZERO,
        ..world.request(base, commit)
    };
    let (waiting, _cancel, _lines) = context();
    let report = gate.check(no_time, waiting).await;
    assert!(findings(&report)[0].message.starts_with("timed out"));
    let (waiting, cancel, _lines) = context();
    cancel.cancel();
    let report = gate.check(world.request(base, commit), waiting).await;
    assert_eq!(report.verdict, GateVerdict::Cancelled);
    let (waiting, _cancel, _lines) = context();
    let no_log = GateRequest {
        log: world.directory.path().join("no/such/folder"),
        ..world.request(base, commit)
    };
    let report = gate.check(no_log, waiting).await;
    assert!(
        matches!(report.verdict, GateVerdict::Broken { .. }),
        "{report:?}"
    );
    assert_eq!(gate.digest(), SecretsGate::default().digest());
    assert_ne!(gate.digest(), SecretsGate::external(["gitleaks"]).digest());
    gate.preflight().await.unwrap();
}
