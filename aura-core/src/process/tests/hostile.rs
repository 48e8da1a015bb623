//! Programs that try to leave something behind, and every way a program can end.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::super::*;
use super::support::*;

/// Runs a scenario for every kind of hostile program.
async fn for_every_kind<F, R>(scenario: F)
where
    F: Fn(&'static str) -> R,
    R: Future<Output = ()> + Send + 'static,
{
    let mut scenarios = JoinSet::new();
    for kind in KINDS {
        let scenario = scenario(kind);
        scenarios.spawn(async move {
            let done = tokio::time::timeout(PATIENCE, scenario).await;
            done.unwrap_or_else(|_| panic!("{kind} does not end"));
        });
    }
    scenarios.join_all().await;
}

#[tokio::test]
async fn nothing_outlives_a_normal_end() {
    for_every_kind(|kind| async move {
        let nonce = nonce();
        let finished = finish(hostile(&nonce, kind, "end")).await;
        assert_eq!(survivors(&nonce), [0; 0], "{kind}");
        let errors = String::from_utf8_lossy(&finished.stderr_tail);
        assert_eq!(finished.exit, Exit::Code(0), "{kind}: {errors}");
        assert_eq!(finished.stdout_tail, b"ready\n", "{kind}");
        let expected = if kind == "tree" { 31 } else { 1 };
        // One that forks and exits in a loop may be between two lives when they are counted.
        assert!(
            finished.leftovers == expected || kind == "forks",
            "{kind}: {}",
            finished.leftovers
        );
        assert_eq!((finished.stopped, finished.survivors), (None, 0), "{kind}");
    })
    .await;
}

#[tokio::test]
async fn nothing_outlives_a_cancelled_program() {
    for_every_kind(|kind| async move {
        let nonce = nonce();
        let (command, mut lines) = with_lines(hostile(&nonce, kind, "stay"));
        let cancel = CancellationToken::new();
        let running = tokio::spawn(spawn(command).unwrap().go(cancel.clone()));
        wait_for(&mut lines, "ready").await;
        cancel.cancel();
        let finished = running.await.unwrap().unwrap();
        assert_eq!(survivors(&nonce), [0; 0], "{kind}");
        assert_eq!(finished.stopped, Some(Stopped::Cancelled), "{kind}");
        assert_eq!(
            (finished.exit, finished.survivors),
            (Exit::Signal(15), 0),
            "{kind}"
        );
    })
    .await;
}

#[tokio::test]
async fn nothing_outlives_the_deadline() {
    for_every_kind(|kind| async move {
        let nonce = nonce();
        let deadline = Some(Duration::from_secs(4));
        let finished = finish(hostile(&nonce, kind, "stay").deadline(deadline)).await;
        assert_eq!(survivors(&nonce), [0; 0], "{kind}");
        assert_eq!(finished.stopped, Some(Stopped::Deadline), "{kind}");
        assert_eq!(
            finished.stdout_tail, b"ready\n",
            "{kind}: too slow to show anything"
        );
    })
    .await;
}

#[tokio::test]
async fn nothing_outlives_a_host_that_is_killed() {
    for_every_kind(|kind| async move {
        let check = move || {
            let nonce = nonce();
            let mut host = Host::start(&format!("hostile {nonce} {kind}"));
            host.wait_for("LINE ready");
            let guard = handle(host.identity.pid);
            host.kill();
            wait_for_end(&guard);
            assert_eq!(survivors(&nonce), [0; 0], "{kind}");
        };
        tokio::task::spawn_blocking(check).await.unwrap();
    })
    .await;
}
