//! Deadline, silence, cancelling, floods.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::super::*;
use super::support::*;

#[tokio::test]
async fn silence_and_the_deadline_stop_a_program() {
    let short = Some(Duration::from_millis(200));
    let talking = "import time\nwhile True: print('x', flush=True); time.sleep(0.01)";
    for (command, stopped) in [
        (command(["sleep", "1000"]).idle(short), Stopped::Idle),
        (
            command(["sleep", "1000"]).deadline(short),
            Stopped::Deadline,
        ),
        (
            script(talking, &[]).deadline(short).idle(Some(PATIENCE)),
            Stopped::Deadline,
        ),
    ] {
        let finished = finish(command).await;
        assert_eq!(finished.stopped, Some(stopped));
        assert_eq!(finished.exit, Exit::Signal(15));
        assert!(finished.wall >= Duration::from_millis(200));
    }
}

#[tokio::test]
async fn output_on_either_stream_is_no_silence() {
    for stream in [1, 2] {
        let code = "import os, sys, time\n\
            for _ in range(30): os.write(int(sys.argv[1]), b'x'); time.sleep(0.05)";
        let command = script(code, &[&stream.to_string()]);
        let finished = finish(command.idle(Some(Duration::from_millis(1200)))).await;
        assert_eq!((finished.exit, finished.stopped), (Exit::Code(0), None));
        assert!(finished.wall > Duration::from_millis(1400));
    }
}

#[tokio::test]
async fn a_program_may_end_in_its_own_way_within_the_grace_period() {
    let code = "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let (command, mut lines) = with_lines(command(["sh", "-c", code]).grace(PATIENCE));
    let cancel = CancellationToken::new();
    let running = tokio::spawn(spawn(command).unwrap().go(cancel.clone()));
    wait_for(&mut lines, "ready").await;
    cancel.cancel();
    let finished = running.await.unwrap().unwrap();
    assert_eq!(finished.exit, Exit::Code(3));
    assert_eq!(finished.stopped, Some(Stopped::Cancelled));
    assert_eq!(finished.stdout_tail, b"ready\nbye\n");
}

/// What a program that is stopped was sent, and how it ended.
async fn interrupted(code: &str, grace: Duration) -> (String, Exit) {
    let command = command(["sh", "-c", code]).first_signal(FirstSignal::Interrupt);
    let (command, mut lines) = with_lines(command.grace(grace));
    let cancel = CancellationToken::new();
    let running = tokio::spawn(spawn(command).unwrap().go(cancel.clone()));
    wait_for(&mut lines, "ready").await;
    cancel.cancel();
    let finished = running.await.unwrap().unwrap();
    assert_eq!(finished.stopped, Some(Stopped::Cancelled));
    let told = String::from_utf8(finished.stdout_tail).unwrap();
    (told, finished.exit)
}

#[tokio::test]
async fn a_program_may_be_interrupted_before_it_is_terminated() {
    let wait = "echo ready; while :; do sleep 0.05; done";
    // Whoever stops at the first signal never sees the second.
    let code = format!("trap 'echo int; exit 3' INT; trap 'echo term' TERM; {wait}");
    let (told, exit) = interrupted(&code, PATIENCE).await;
    assert_eq!((told.as_str(), exit), ("ready\nint\n", Exit::Code(3)));
    let code = format!("trap 'echo int' INT; trap 'echo term; exit 4' TERM; {wait}");
    let (told, exit) = interrupted(&code, Duration::from_secs(2)).await;
    assert_eq!((told.as_str(), exit), ("ready\nint\nterm\n", Exit::Code(4)));
    let code = format!("trap '' INT TERM; {wait}");
    let (_, exit) = interrupted(&code, Duration::from_millis(300)).await;
    assert_eq!(exit, Exit::Signal(9));
}

#[tokio::test]
async fn a_tap_sees_every_byte_although_nobody_reads_the_lines() {
    let (sender, _lines) = tokio::sync::mpsc::channel(1);
    let (seen, bytes) = std::sync::mpsc::channel();
    let command = command(["sh", "-c", "seq 20000; echo end >&2"]).lines(sender);
    let tap = move |stream, bytes: &[u8]| seen.send((stream, bytes.to_vec())).unwrap();
    let finished = finish(command.tap(Box::new(tap))).await;
    assert!(finished.lines_dropped > 0);
    let (out, err): (Vec<_>, Vec<_>) = bytes
        .into_iter()
        .partition(|(stream, _)| *stream == OutputStream::Stdout);
    let count = out
        .iter()
        .flat_map(|(_, bytes)| bytes)
        .filter(|b| **b == b'\n');
    assert_eq!(
        (count.count(), err[0].1.as_slice()),
        (20_000, b"end\n".as_slice())
    );
}

#[test]
fn a_flood_without_a_line_end_stays_bounded_in_memory() {
    let mut host = Host::start("flood 200");
    let report = host.wait_for("FLOOD ");
    let numbers: Vec<u64> = report
        .split(' ')
        .map(|word| word.parse().unwrap())
        .collect();
    host.process.wait().unwrap();
    assert_eq!(numbers[..2], [200 << 20, DEFAULT_TAIL_LIMIT as u64]);
    assert!(numbers[2] < 16 << 20, "{} bytes", numbers[2]);
}

#[tokio::test]
async fn a_flood_does_not_hide_the_deadline_and_the_log_keeps_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let limit = 1 << 20;
    let command = command(["sh", "-c", "yes & yes >&2"]).log(&path, limit);
    let finished = finish(command.deadline(Some(Duration::from_millis(300)))).await;
    assert_eq!(finished.stopped, Some(Stopped::Deadline));
    assert!(finished.stdout_bytes + finished.stderr_bytes > limit);
    let log = finished.log.unwrap();
    assert_eq!((log.bytes, log.truncated), (limit, true));
    let stored = std::fs::metadata(&path).unwrap().len();
    assert!(stored > limit && stored < limit + 100, "{stored}");
}

#[tokio::test]
async fn a_pipe_that_is_held_outside_does_not_hang_the_end() {
    let (command, mut lines) = with_lines(command(["sh", "-c", "echo $$; exec sleep 1000"]));
    let cancel = CancellationToken::new();
    let running = tokio::spawn(spawn(command).unwrap().go(cancel.clone()));
    let line = lines.recv().await.unwrap();
    let pid = String::from_utf8(line.bytes).unwrap();
    let held = std::fs::OpenOptions::new()
        .write(true)
        .open(format!("/proc/{pid}/fd/1"))
        .unwrap();
    cancel.cancel();
    let result = tokio::time::timeout(PATIENCE, running).await;
    assert_eq!(result.unwrap().unwrap().unwrap().exit, Exit::Signal(15));
    drop(held);
}

#[tokio::test]
async fn a_dropped_future_stops_the_program() {
    let nonce = nonce();
    let (command, mut lines) = with_lines(hostile(&nonce, "daemon", "stay"));
    let pending = spawn(command).unwrap();
    let guard = handle(pending.identity().pid);
    let running = tokio::spawn(pending.go(CancellationToken::new()));
    wait_for(&mut lines, "ready").await;
    assert!(survivors(&nonce).len() >= 3);
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    tokio::task::spawn_blocking(move || wait_for_end(&guard))
        .await
        .unwrap();
    assert_eq!(survivors(&nonce), [0; 0]);
}
