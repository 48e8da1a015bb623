//! After a crash of the host, of the guard, or of both.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::super::*;
use super::support::{self, *};
use crate::error::ErrorKind;

/// A daemon in its own session without the marker cannot be found once its guard is gone; the documentation says so.
fn findable() -> impl Iterator<Item = &'static str> {
    KINDS.iter().copied().filter(|kind| *kind != "bare-daemon")
}

#[tokio::test]
async fn a_killed_guard_is_an_error_and_what_it_left_is_killed() {
    for kind in findable() {
        let nonce = nonce();
        let (command, mut lines) = with_lines(hostile(&nonce, kind, "stay"));
        let pending = spawn(command).unwrap();
        let guard = pending.identity().pid;
        let running = tokio::spawn(pending.go(CancellationToken::new()));
        wait_for(&mut lines, "ready").await;
        kill9(guard);
        let error = running.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Process);
        assert!(
            error
                .to_string()
                .contains(&format!("process {guard}) was killed")),
            "{error}"
        );
        assert_eq!(survivors(&nonce), [0; 0], "{kind}: {error}");
    }
}

#[tokio::test]
async fn a_guard_that_its_program_kills_is_noticed() {
    let nonce = nonce();
    let code = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nsignal.pause()";
    let error = spawn(script(code, &[&nonce])).unwrap();
    let error = error.go(CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Process);
    assert_eq!(survivors(&nonce), [0; 0]);
}

#[tokio::test]
async fn an_identity_is_enough_to_end_what_a_killed_host_and_guard_left() {
    // When its session loses the guard, the system itself hangs up on a group with a stopped member.
    for kind in findable().filter(|kind| *kind != "stopped") {
        let nonce = nonce();
        let job = format!("hostile {nonce} {kind}");
        let host = tokio::task::spawn_blocking(move || {
            let mut host = Host::start(&job);
            host.wait_for("LINE ready");
            host.kill_with_guard();
            host
        });
        let host = host.await.unwrap();
        assert!(
            !survivors(&nonce).is_empty(),
            "{kind}: nothing was left to reap"
        );
        let reaped = reap(&host.identity, GRACE).await.unwrap();
        assert!(reaped.killed >= 1, "{kind}");
        assert_eq!(survivors(&nonce), [0; 0], "{kind}");
        assert_eq!(reap(&host.identity, GRACE).await.unwrap().killed, 0);
    }
}

#[tokio::test]
async fn a_guard_that_still_runs_is_ended_with_all_below_it() {
    for kind in KINDS {
        let nonce = nonce();
        let (command, mut lines) = with_lines(hostile(&nonce, kind, "stay"));
        let pending = spawn(command).unwrap();
        let identity = pending.identity().clone();
        let running = tokio::spawn(pending.go(CancellationToken::new()));
        wait_for(&mut lines, "ready").await;
        let reaped = reap(&identity, Duration::from_millis(50)).await.unwrap();
        // The guard and the program at least; one that forks in a loop may be between two lives.
        assert!(reaped.killed >= 2, "{kind}: {reaped:?}");
        assert_eq!(survivors(&nonce), [0; 0], "{kind}");
        let finished = running.await.unwrap().unwrap();
        assert!(matches!(finished.exit, Exit::Signal(9 | 15)), "{kind}");
    }
}

#[tokio::test]
async fn a_stopped_guard_is_no_obstacle() {
    let nonce = nonce();
    let code = "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)\n\
        print('ready', flush=True)\nsignal.pause()";
    let (command, mut lines) = with_lines(script(code, &[&nonce]));
    let pending = spawn(command).unwrap();
    let identity = pending.identity().clone();
    let running = tokio::spawn(pending.go(CancellationToken::new()));
    wait_for(&mut lines, "ready").await;
    reap(&identity, GRACE).await.unwrap();
    assert_eq!(survivors(&nonce), [0; 0]);
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_marker_alone_finds_what_was_started_with_it() {
    let nonce = nonce();
    let (command, mut lines) = with_lines(hostile(&nonce, "daemon", "stay"));
    let pending = spawn(command).unwrap();
    let identity = pending.identity().clone();
    let running = tokio::spawn(pending.go(CancellationToken::new()));
    wait_for(&mut lines, "ready").await;
    let reaped = reap_marker("another marker", GRACE).await.unwrap();
    assert_eq!(reaped.killed, 0);
    assert!(survivors(&nonce).len() >= 3);
    assert!(reap_marker(&identity.marker, GRACE).await.unwrap().killed >= 2);
    assert_eq!(survivors(&nonce), [0; 0]);
    // With or without the guard's word, the command is over.
    drop(running.await.unwrap());
    let error = reap_marker("", GRACE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_stranger_with_the_same_number_is_not_touched() {
    let nonce = nonce();
    let mut stranger = std::process::Command::new("setsid")
        .args([
            "sh",
            "-c",
            "\"$1\" -ISc \"$2\" \"$0\" & wait",
            &nonce,
            python(),
        ])
        .arg("import signal; print('up', flush=True); signal.pause()")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = [0; 3];
    std::io::Read::read_exact(stranger.stdout.as_mut().unwrap(), &mut said).unwrap();
    let now = proc::process(stranger.id()).unwrap();
    let identity = |start_time: u64, boot_id: String| ProcessIdentity {
        pid: stranger.id(),
        start_time,
        boot_id,
        marker: support::nonce(),
    };
    let boot_id = proc::boot_id().unwrap();
    for (identity, killed) in [
        (identity(now.start_time - 1, boot_id.clone()), 0),
        (identity(now.start_time + 1, boot_id.clone()), 0),
        (identity(now.start_time, "another boot".to_owned()), 0),
        // Only with all three right is it ours, with its child.
        (identity(now.start_time, boot_id), 2),
    ] {
        assert_eq!(survivors(&nonce).len(), 2, "the stranger lives");
        assert_eq!(
            reap(&identity, GRACE).await.unwrap().killed,
            killed,
            "{identity:?}"
        );
    }
    stranger.wait().unwrap();
    assert_eq!(survivors(&nonce), [0; 0]);
}
