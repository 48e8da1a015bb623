//! Start, streams, environment, ends.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;

use super::super::*;
use super::support::*;
use crate::error::ErrorKind;

#[tokio::test]
async fn ends_are_told_as_they_are() {
    for (code, exit) in [
        ("exit 0", Exit::Code(0)),
        ("exit 7", Exit::Code(7)),
        ("exit 255", Exit::Code(255)),
        ("kill -KILL $$", Exit::Signal(9)),
        ("kill -SEGV $$", Exit::Signal(11)),
    ] {
        let finished = finish(command(["sh", "-c", code])).await;
        assert_eq!(finished.exit, exit, "{code}");
        assert_eq!(
            (finished.stopped, finished.leftovers, finished.survivors),
            (None, 0, 0)
        );
    }
}

#[tokio::test]
async fn nothing_runs_before_go_and_the_identity_is_that_of_the_guard() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("started");
    let touch = || command(["touch", file.to_str().unwrap()]);
    let pending = spawn(touch()).unwrap();
    let identity = pending.identity().clone();
    let now = proc::process(identity.pid).unwrap();
    assert_eq!(identity.start_time, now.start_time);
    assert_eq!(identity.boot_id, proc::boot_id().unwrap());
    let text = serde_json::to_string(&identity).unwrap();
    assert_eq!(
        serde_json::from_str::<ProcessIdentity>(&text).unwrap(),
        identity
    );

    let guard = handle(identity.pid);
    drop(pending);
    tokio::task::spawn_blocking(move || wait_for_end(&guard))
        .await
        .unwrap();
    assert!(!file.exists());

    let pending = spawn(touch()).unwrap();
    let cancel = tokio_util::sync::CancellationToken::new();
    cancel.cancel();
    let error = pending.go(cancel).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(!file.exists());

    assert_eq!(finish(touch()).await.exit, Exit::Code(0));
    assert!(file.exists());
}

#[tokio::test]
async fn what_cannot_be_started_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let write = |name: &str, text: &str, mode: u32| {
        std::fs::write(at(name), text).unwrap();
        std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(mode)).unwrap();
        at(name)
    };
    let plain = write("plain", "#!/bin/sh\n", 0o644);
    let lost = write("lost", "#!/nonexistent/interpreter\n", 0o755);
    let noise = write("noise", "\x01\x02\x03", 0o755);
    for (program, cwd, errno, text) in [
        ("aura-no-such-program", "/", 2, "start aura-no-such-program"),
        ("/no/such/program", "/", 2, "start /no/such/program"),
        (plain.as_str(), "/", 13, "Permission denied"),
        (lost.as_str(), "/", 2, "start"),
        (noise.as_str(), "/", 8, "start"),
        ("true", "/no/such/folder", 2, "enter /no/such/folder"),
        ("true", plain.as_str(), 20, "enter"),
    ] {
        let command = Command::new([program], cwd, nonce()).environment(base_environment(&[]));
        match finish(command).await.exit {
            Exit::SpawnFailed {
                errno: got,
                message,
            } => {
                assert_eq!(got, errno, "{message}");
                assert!(message.contains(text), "{message}");
            }
            exit => panic!("{program} in {cwd}: {exit:?}"),
        }
    }
}

#[tokio::test]
async fn commands_that_cannot_be_meant_are_refused() {
    let variable = |name: &str, value: &str| vec![(name.into(), value.into())];
    let none: [&str; 0] = [];
    let mut huge = vec!["true".to_owned(), "x".repeat(200 * 1024)];
    for (command, kind) in [
        (Command::new(none, "/", "m"), ErrorKind::InvalidInput),
        (Command::new([""], "/", "m"), ErrorKind::InvalidInput),
        (Command::new(["a\0b"], "/", "m"), ErrorKind::InvalidInput),
        (
            Command::new(["true"], "relative", "m"),
            ErrorKind::InvalidInput,
        ),
        (Command::new(["true"], "/", ""), ErrorKind::InvalidInput),
        (
            command(["true"]).environment(variable("", "x")),
            ErrorKind::InvalidInput,
        ),
        (
            command(["true"]).environment(variable("A=B", "x")),
            ErrorKind::InvalidInput,
        ),
        (
            command(["true"]).environment(variable("A", "x\0")),
            ErrorKind::InvalidInput,
        ),
        (
            command(["true"]).log("/no/such/folder/log", 1),
            ErrorKind::Io,
        ),
        (
            Command::new(std::mem::take(&mut huge), "/", "m"),
            ErrorKind::Process,
        ),
    ] {
        let text = format!("{command:.60?}");
        match spawn(command) {
            Err(error) => assert_eq!(error.kind(), kind, "{error}"),
            Ok(_) => panic!("{text} was started"),
        }
    }
}

#[tokio::test]
async fn the_environment_is_complete_and_arguments_are_any_bytes() {
    let odd = OsString::from_vec(b"a\xff\xfe b\n\"'$".to_vec());
    let mut command = Command::new(["/usr/bin/env", "-0"], "/", "mark");
    command = command.environment(vec![
        ("ODD".into(), odd.clone()),
        ("AURA_ATTEMPT".into(), "forged".into()),
        ("TWICE".into(), "1".into()),
        ("TWICE".into(), "2".into()),
    ]);
    let finished = finish(command).await;
    let variables: BTreeMap<_, _> = finished
        .stdout_tail
        .split(|byte| *byte == 0)
        .filter_map(|entry| {
            let at = entry.iter().position(|byte| *byte == b'=')?;
            Some((entry[..at].to_vec(), entry[at + 1..].to_vec()))
        })
        .collect();
    let expected: [(&[u8], &[u8]); 3] = [
        (b"AURA_ATTEMPT", b"mark"),
        (b"ODD", odd.as_encoded_bytes()),
        (b"TWICE", b"2"),
    ];
    let expected = expected.map(|(name, value)| (name.to_vec(), value.to_vec()));
    assert_eq!(variables, BTreeMap::from(expected));

    let command = Command::new(
        ["/usr/bin/printf".into(), "%s".into(), odd.clone()],
        "/",
        "mark",
    );
    assert_eq!(finish(command).await.stdout_tail, odd.as_encoded_bytes());
}

#[tokio::test]
async fn a_program_starts_with_clean_signals_and_descriptors_in_its_own_group() {
    let code = r"
import os
status = dict(line.split(':', 1) for line in open('/proc/self/status'))
# The C library keeps 32 and 33 to itself.
print(*[hex(int(status[name], 16) & ~(3 << 31)) for name in ('SigIgn', 'SigBlk')])
def is_open(fd):
    try:
        return bool(os.fstat(fd))
    except OSError:
        return False
print(*filter(is_open, range(1000)))
print(os.getpgrp() == os.getpid(), os.getsid(0) == os.getppid(), os.getcwd())
try:
    open('/dev/tty')
except OSError:
    print('no terminal')
";
    let folder = tempfile::tempdir().unwrap();
    let cwd = folder.path().canonicalize().unwrap();
    // A descriptor that leaks to children, and Python's own ignored SIGPIPE and SIGXFSZ.
    let file = std::fs::File::open("/dev/null").unwrap();
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
    let mut command = script(code, &[]);
    command.cwd.clone_from(&cwd);
    let finished = finish(command).await;
    let expected = format!(
        "0x1001000 0x0\n0 1 2\nTrue True {}\nno terminal\n",
        cwd.display()
    );
    let errors = String::from_utf8_lossy(&finished.stderr_tail);
    assert_eq!(
        String::from_utf8_lossy(&finished.stdout_tail),
        expected,
        "{errors}"
    );
    drop(file);
}

#[tokio::test]
async fn stdin_of_any_size_is_fed_without_a_deadlock() {
    let input: Vec<u8> = (0..10 << 20).map(|i: u32| (i % 253) as u8).collect();
    let echoed = finish(command(["cat"]).stdin(input.clone())).await;
    assert_eq!(echoed.exit, Exit::Code(0));
    assert_eq!(echoed.stdout_bytes, input.len() as u64);
    assert_eq!(
        echoed.stdout_tail,
        input[input.len() - DEFAULT_TAIL_LIMIT..]
    );

    for argv in [
        vec!["true"],
        vec!["head", "-c1"],
        vec!["sh", "-c", "exec <&-; echo x"],
    ] {
        let command = Command::new(argv.clone(), "/", nonce()).environment(base_environment(&[]));
        let finished = finish(command.stdin(input.clone())).await;
        assert_eq!(finished.exit, Exit::Code(0), "{argv:?}");
    }
    let empty = finish(command(["wc", "-c"])).await;
    assert_eq!(empty.stdout_tail.trim_ascii(), b"0");
}

#[tokio::test]
async fn both_streams_are_captured_and_logged_and_sent_as_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let code = "echo one; printf 'bad \\377\\n' >&2; printf 'no end'";
    let (command, mut lines) = with_lines(command(["sh", "-c", code]).log(&path, 1000));
    let finished = finish(command).await;
    assert_eq!(finished.stdout_tail, b"one\nno end");
    assert_eq!(finished.stderr_tail, b"bad \xff\n");
    assert_eq!((finished.stdout_bytes, finished.stderr_bytes), (10, 6));
    let log = finished.log.unwrap();
    assert_eq!((log.bytes, log.truncated, log.error), (16, false, None));
    assert_eq!(std::fs::read(&path).unwrap().len(), 16);
    let mut got = Vec::new();
    while let Ok(line) = lines.try_recv() {
        got.push((line.stream == OutputStream::Stderr, line.bytes));
    }
    got.sort();
    let expected = [
        (false, &b"no end"[..]),
        (false, b"one"),
        (true, b"bad \xff"),
    ];
    assert_eq!(
        got,
        expected.map(|(stream, bytes)| (stream, bytes.to_vec()))
    );
}

#[tokio::test]
async fn a_sandbox_prefix_starts_the_program() {
    let command = command(["printenv", "IN_SANDBOX"]).sandbox(["env", "IN_SANDBOX=yes"]);
    assert_eq!(finish(command).await.stdout_tail, b"yes\n");
    let missing = finish(super::support::command(["true"]).sandbox(["aura-no-sandbox"])).await;
    assert!(
        matches!(missing.exit, Exit::SpawnFailed { errno: 2, ref message }
        if message.contains("aura-no-sandbox"))
    );
}
