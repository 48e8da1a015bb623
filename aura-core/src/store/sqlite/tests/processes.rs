//! Other processes: locks, changes, sudden deaths.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use super::*;
use crate::error::ErrorKind;
use crate::model::Verb;
use crate::store::contract::{kind_of, next_change, warnings};

/// This test program once more, playing one role in the directory.
pub(super) struct Other {
    child: Child,
    say: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
}

impl Other {
    fn start(role: &str, directory: &Path) -> Self {
        Self::start_as(
            Command::new(std::env::current_exe().unwrap()),
            role,
            directory,
        )
    }

    pub(super) fn start_as(mut command: Command, role: &str, directory: &Path) -> Self {
        let mut child = command
            .args([
                "--exact",
                "store::sqlite::tests::processes::other_process",
                "--ignored",
                "--nocapture",
                "-q",
            ])
            .env("AURA_TEST_ROLE", role)
            .env("AURA_TEST_DIRECTORY", directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            say: child.stdin.take(),
            lines: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// The next thing it says. What the test harness prints is not said.
    pub(super) fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.lines.read_line(&mut line).unwrap() > 0 {
            // The harness ends its own "test .." without a newline.
            if let Some((_, said)) = line.trim_end().split_once("say:") {
                return Some(said.to_owned());
            }
            line.clear();
        }
        None
    }

    fn expect(&mut self, expected: &str) {
        assert_eq!(self.hear().as_deref(), Some(expected));
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.say.as_mut().unwrap(), "{line}").unwrap();
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Lets it end by itself.
    pub(super) fn end(mut self) {
        self.say = None;
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(what: &str) {
    println!("say:{what}");
}

fn listen() -> Option<String> {
    std::io::stdin().lines().next().map(|line| line.unwrap())
}

#[tokio::test]
#[ignore = "started by the other tests of this file"]
async fn other_process() {
    let role = std::env::var("AURA_TEST_ROLE").expect("only with a role");
    let directory = std::env::var_os("AURA_TEST_DIRECTORY").unwrap();
    let store = SqliteStore::open(directory).unwrap();
    let story = story(1);
    match role.as_str() {
        "hold" => {
            let _lease = store.acquire(story).await.unwrap();
            say("held");
            listen();
        }
        "race" => {
            say("ready");
            listen();
            let lease = store.acquire(story).await;
            match &lease {
                Ok(_) => say("won"),
                Err(error) => say(&format!("{:?} {error}", error.kind())),
            }
            listen();
        }
        "send" => {
            say("ready");
            while listen().is_some() {
                store.send(story, Verb::Pause, "other").await.unwrap();
                say("sent");
            }
        }
        "append" => append_until_refused(&store, story).await,
        _ => panic!("no such role: {role}"),
    }
}

async fn append_until_refused(store: &SqliteStore, story: StoryId) {
    let lease = store.acquire(story).await.unwrap();
    let mut last = store.events(story, 0, usize::MAX).await.unwrap().len() as u64;
    loop {
        match store
            .append(&lease, &warnings(story, last + 1, last + 3), RUNNING, None)
            .await
        {
            Ok(()) => last += 3,
            Err(error) => {
                assert!(error.help().is_some());
                say(&format!("{:?} {error}", error.kind()));
                break;
            }
        }
        say(&format!("appended {last}"));
    }
}

#[tokio::test]
async fn a_holder_in_another_process_is_named_and_its_death_frees_the_story() {
    let directory = tempfile::tempdir().unwrap();
    let (store, story) = opened(directory.path()).await;
    let mut other = Other::start("hold", directory.path());
    other.expect("held");

    let error = error_of(store.acquire(story).await);
    assert_eq!(error.kind(), ErrorKind::StoryBusy);
    let name = format!("process {}", other.pid());
    assert!(error.to_string().contains(&name), "{error}");
    assert!(store.owner(story).await.unwrap().unwrap().contains(&name));

    other.kill();
    assert_eq!(store.owner(story).await.unwrap(), None);
    let lease = store.acquire(story).await.unwrap();
    assert_eq!(lease.epoch(), 2);
    store
        .append(&lease, &warnings(story, 2, 2), RUNNING, None)
        .await
        .unwrap();
}

#[tokio::test]
async fn exactly_one_of_many_processes_gets_the_story() {
    const RACERS: usize = 16;
    let directory = tempfile::tempdir().unwrap();
    let (store, story) = opened(directory.path()).await;
    let mut racers: Vec<_> = (0..RACERS)
        .map(|_| Other::start("race", directory.path()))
        .collect();
    for racer in &mut racers {
        racer.expect("ready");
    }
    for racer in &mut racers {
        racer.tell("go");
    }
    let heard: Vec<_> = racers
        .iter_mut()
        .map(|racer| racer.hear().unwrap())
        .collect();
    let winners: Vec<_> = (0..RACERS).filter(|&racer| heard[racer] == "won").collect();
    assert_eq!(winners.len(), 1, "{heard:?}");
    let winner = format!("process {}", racers[winners[0]].pid());
    for (racer, said) in heard
        .iter()
        .enumerate()
        .filter(|(racer, _)| *racer != winners[0])
    {
        assert!(
            said.starts_with("StoryBusy") && said.contains(&winner),
            "{racer}: {said}"
        );
    }
    racers.into_iter().for_each(Other::end);
    let lease = store.acquire(story).await.unwrap();
    assert_eq!(lease.epoch(), 2, "who lost did not count");
}

#[tokio::test]
async fn changes_by_another_process_are_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let (store, story) = opened(directory.path()).await;
    let mut other = Other::start("send", directory.path());
    other.expect("ready");
    let mut cursor = next_change(&store, 0).await;
    for sent in 1..=3 {
        other.tell("go");
        while store.inbox(story).await.unwrap().len() < sent {
            cursor = next_change(&store, cursor).await;
        }
        other.expect("sent");
    }
    // Made while nobody was waiting.
    cursor = next_change(&store, 0).await;
    other.tell("go");
    other.expect("sent");
    assert_ne!(next_change(&store, cursor).await, cursor);
    other.end();
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let (store, story) = opened(directory.path()).await;
    for round in 1..=8 {
        let mut other = Other::start("append", directory.path());
        let mut answered = 0;
        for _ in 0..round * 3 {
            let said = other.hear().unwrap();
            answered = said.strip_prefix("appended ").unwrap().parse().unwrap();
        }
        other.kill();
        let events = all(&store, story).await;
        assert!(events.len() >= answered, "{} of {answered}", events.len());
        assert_eq!(events[1..], warnings(story, 2, events.len() as u64));
        assert_eq!(
            (events.len() - 1) % 3,
            0,
            "a write is kept whole or not at all"
        );
    }
}

#[tokio::test]
async fn where_the_lock_lies_the_epoch_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let (first, story) = opened(directory.path()).await;
    let second = SqliteStore::open(directory.path()).unwrap();
    let replaced = first.acquire(story).await.unwrap();
    std::fs::remove_dir_all(directory.path().join("locks")).unwrap();

    let newest = second.acquire(story).await.unwrap();
    let result = first
        .append(&replaced, &warnings(story, 2, 2), RUNNING, None)
        .await;
    assert_eq!(kind_of(result), ErrorKind::Refused);
    second
        .append(&newest, &warnings(story, 2, 2), RUNNING, None)
        .await
        .unwrap();
    drop(replaced);
    assert_eq!(kind_of(second.acquire(story).await), ErrorKind::StoryBusy);
}

#[tokio::test]
async fn looking_at_the_owner_does_not_keep_anybody_out() {
    let directory = tempfile::tempdir().unwrap();
    let (store, story) = opened(directory.path()).await;
    let store = Arc::new(store);
    drop(store.acquire(story).await.unwrap());
    let looker = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            loop {
                store.owner(story).await.unwrap();
            }
        })
    };
    for _ in 0..200 {
        store.acquire(story).await.unwrap();
    }
    looker.abort();
}

#[test]
fn a_new_store_can_be_opened_by_many_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let openers: Vec<_> = (0..16)
        .map(|_| {
            let directory = directory.path().to_owned();
            std::thread::spawn(move || SqliteStore::open(directory).map(drop))
        })
        .collect();
    for opener in openers {
        opener.join().unwrap().unwrap();
    }
}
