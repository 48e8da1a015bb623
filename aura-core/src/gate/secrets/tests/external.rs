//! A stand-in in the place of `gitleaks`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::super::SecretsGate;
use super::gate::{World, findings};
use super::synthetic::{Random, github};
use crate::gate::tests::context;
use crate::gate::{Gate, GateReport};
use crate::model::GateVerdict;

/// Finds the lines with `ghp_`, and says so as `gitleaks` does. `LEAK` is the text of the secret in its report.
const HONEST: &str = r#"
[ "$1" = dir ] || exit 126
while [ $# -gt 1 ]; do case $1 in --report-path) OUT=$2;; --exit-code) CODE=$2;; --config) echo "$2" > "$STATE/config"; cp "$2" "$STATE/settings";; esac; shift; done
find . -type f | sort > "$STATE/files"
grep -rn ghp_ "$1" | awk -F: 'BEGIN{printf "["} {printf "%s{\"RuleID\":\"some-rule\",\"File\":\"%s\",\"StartLine\":%s,\"Secret\":\"REDACTED\"}", (NR>1?",":""), $1, $2} END{print "]"}' > "$OUT"
grep -rq ghp_ "$1" && exit "$CODE"
exit 0
"#;

async fn run(world: &World, body: &str, files: &[(&str, &[u8])]) -> GateReport {
    let base = world.commit(&[
        ("old", b"first\nsecond\n"),
        (".gitleaks.toml", b"title = 'base'\n"),
    ]);
    let commit = world.commit(files);
    let program = world.directory.path().join("stand-in");
    let state = world.directory.path().display().to_string();
    fs::write(&program, format!("#!/bin/sh\nSTATE='{state}'\n{body}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let gate = SecretsGate::external([program.display().to_string()]);
    gate.preflight().await.unwrap();
    let (context, _cancel, _lines) = context();
    gate.check(world.request(base, commit), context).await
}

#[tokio::test]
async fn it_is_shown_new_lines_only_and_its_findings_have_their_places() {
    let token = github(&mut Random::new(31));
    let old = format!("first\nnew\n{token}\nsecond\n");
    let files: &[(&str, &[u8])] = &[
        ("old", old.as_bytes()),
        (".gitleaks.toml", b"title = 'the work allows everything'\n"),
        (".gitleaksignore", b"everything\n"),
        ("deep/er/b.txt", b"nothing here\n"),
    ];
    let world = World::new();
    let report = run(&world, HONEST, files).await;
    let found: Vec<_> = findings(&report)
        .iter()
        .map(|one| (one.file.as_deref().unwrap(), one.line.unwrap()))
        .collect();
    assert_eq!(found, [("old", 3)]);
    assert!(!format!("{report:?}").contains(&token[4..]));
    // The settings are the base's, and what the work brings lies where they are not looked for.
    let read = |name| fs::read_to_string(world.directory.path().join(name)).unwrap();
    assert_eq!(read("settings"), "title = 'base'\n");
    let files = read("files");
    assert!(!files.contains("lines/.gitleaks"), "{files}");
    assert!(files.contains("deep/er/b.txt"), "{files}");

    let world = World::new();
    let report = run(&world, HONEST, &[("new", b"harmless\n")]).await;
    assert_eq!(report.verdict, GateVerdict::Passed);
}

#[tokio::test]
async fn any_other_end_is_broken_and_tells_no_secret() {
    let token = github(&mut Random::new(33));
    let out = "while [ $# -gt 1 ]; do case $1 in --report-path) OUT=$2;; esac; shift; done\n";
    let cases = [
        ("exit 1".to_owned(), "exit code 1"),
        ("exit 126".to_owned(), "exit code 126"),
        ("kill -SEGV $$".to_owned(), "SIGSEGV"),
        ("kill -KILL $$".to_owned(), "SIGKILL"),
        ("exit 0".to_owned(), "is not there"),
        ("exit 77".to_owned(), "is not there"),
        (
            format!("{out}echo '{token}' > $OUT; exit 77"),
            "not in the form",
        ),
        (format!("{out}echo '[' > $OUT; exit 0"), "not in the form"),
        (format!("{out}echo '[]' > $OUT; exit 77"), "does not fit"),
        (
            format!(
                "{out}echo '[{{\"RuleID\":\"r\",\"File\":\"lines/0/new\",\"StartLine\":1}}]' > $OUT; exit 0"
            ),
            "does not fit",
        ),
        (
            format!(
                "{out}echo '[{{\"RuleID\":\"r\",\"File\":\"/etc/x\",\"StartLine\":1}}]' > $OUT; exit 77"
            ),
            "was not given",
        ),
    ];
    for (body, says) in cases {
        let world = World::new();
        let report = run(&world, &body, &[("new", token.as_bytes())]).await;
        let GateVerdict::Broken { why } = &report.verdict else {
            panic!("{body}: {report:?}")
        };
        assert!(why.contains(says), "{body}: {why}");
        assert!(!format!("{report:?}").contains(&token[4..]), "{body}");
    }
    let missing = SecretsGate::external(["aura-no-such-program"]);
    assert!(missing.preflight().await.is_err());
}

#[tokio::test]
async fn it_stops_when_it_is_told_to() {
    let world = World::new();
    let base = world.commit(&[("a", b"x")]);
    let commit = world.commit(&[("a", b"y")]);
    let fifo = world.directory.path().join("started");
    let program = format!("echo > '{}'; exec sleep 600", fifo.display());
    let gate = SecretsGate::external(["sh", "-c", &program]);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let (context, cancel, _lines) = context();
    let started = tokio::task::spawn_blocking(move || fs::read(fifo).unwrap());
    let stop = async {
        started.await.unwrap();
        cancel.cancel();
    };
    let (report, ()) = tokio::join!(gate.check(world.request(base, commit), context), stop);
    assert_eq!(report.verdict, GateVerdict::Cancelled);
}
