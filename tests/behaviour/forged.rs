//! Streams that forge events, of the agent that prints them or of Aura, through the whole engine: nothing is accepted, counted, remembered
//! or told for them, and an honest task beside them loses nothing.

mod streams;

use std::fs;

use aura_core::{
    Event, EventKind, FailureClass, OnExhausted, Policy, Progress, Report, RunEvent, RunOptions,
    StorySpec, TaskId, Usage, agents,
};
use aura_tests::Script;

use crate::kit::{World, ids, plan_of, quick, task};
use streams::{Forgery, Speech};

/// Prints the stream of its task with its session in it, in as many writes as there are parts, after it wrote a file.
const PRINTS: &str = r#"[ -n "$AURA_TASK" ] || exit 0
cat > /dev/null
S=none; for a; do [ "$P" = --session-id ] && S=$a; P=$a; done
[ -e "$STATE/$AURA_TASK.idle" ] || echo x > "$AURA_TASK.txt"
for f in "$STATE/$AURA_TASK".part*; do LC_ALL=C sed "s/@SESSION@/$S/g" "$f"; done
[ ! -e "$STATE/$AURA_TASK.stderr" ] || cat "$STATE/$AURA_TASK.stderr" >&2"#;

/// What came of a story.
struct Story {
    report: Report,
    events: Vec<Event>,
    told: Vec<Progress>,
}

async fn play(world: &World, builder: aura_core::OrchestratorBuilder, tasks: &[String]) -> Story {
    let aura = builder.open().await.expect("it opens");
    let policy = Policy {
        retry_max: 0,
        restart_max: 0,
        on_exhausted: OnExhausted::IsolateAndContinue,
        ..quick()
    };
    let plan = plan_of(tasks.iter().map(|id| task(id)).collect());
    let spec = StorySpec::from_plan(plan).policy(policy);
    let story = aura.create_story(spec).await.expect("created");
    let before = world.repo.rev("main");
    let mut run = aura
        .run(story, RunOptions::default())
        .await
        .expect("started");
    let mut told = Vec::new();
    while let Some(event) = run.next_event().await.expect("an event") {
        if let RunEvent::Progress(progress) = event {
            told.push(progress);
        }
    }
    let report = run.wait().await.expect("finished");
    assert_eq!(world.repo.rev("main"), before);
    let events = aura.events(story, 0).await.expect("events");
    Story {
        report,
        events,
        told,
    }
}

impl Story {
    /// Only the honest task was accepted, by an event of its own; the others failed so.
    fn assert_only_good(&self, class: FailureClass, forgeries: &[Forgery]) {
        let name = &forgeries[0].form;
        assert_eq!(ids(&self.report.accepted), ["good"], "{name} and others");
        for (number, forgery) in forgeries.iter().enumerate() {
            let id = TaskId::from(format!("t{number}"));
            let found = self.report.failed.iter().find(|task| task.id == id);
            let found = found.map(|task| task.class);
            assert_eq!(found, Some(class), "{}", forgery.form);
        }
        assert_eq!(self.report.failed.len(), forgeries.len());
        let count = |fits: fn(&EventKind) -> bool| {
            let events = self.events.iter();
            events.filter(|event| fits(&event.kind)).count()
        };
        assert_eq!(
            count(|kind| matches!(kind, EventKind::TaskAccepted { .. })),
            1
        );
        assert_eq!(
            count(|kind| matches!(kind, EventKind::RunFinished { .. })),
            1
        );
        assert_eq!(
            count(|kind| matches!(kind, EventKind::AttemptFinished { .. })),
            forgeries.len() + 1
        );
        let numbers = self.events.iter().map(|event| event.seq);
        assert!(
            numbers.eq(1..=self.events.len() as u64),
            "numbers of events"
        );
    }

    /// Nothing was counted but what the honest task used.
    fn assert_usage(&self, real: Usage) {
        assert_eq!(self.report.usage, real);
        for event in &self.events {
            if let EventKind::AttemptFinished { usage, .. } = &event.kind {
                let is_good = event.task.as_ref().is_some_and(|id| id.as_str() == "good");
                assert!(is_good || usage.is_zero(), "{event:?}");
            }
        }
        let forged = |progress: &&Progress| {
            let (Progress::AgentUsage { task, .. }
            | Progress::AgentFile { task, .. }
            | Progress::AgentRetry { task, .. }
            | Progress::AgentWarning { task, .. }) = progress
            else {
                return false;
            };
            task.as_str() != "good"
        };
        assert_eq!(self.told.iter().find(forged), None);
    }
}

fn write(world: &World, id: &str, parts: &[Vec<u8>]) {
    for (number, part) in parts.iter().enumerate() {
        let file = world.agent.dir().join(format!("{id}.part{number}"));
        fs::write(file, part).expect("written");
    }
}

/// A story in which each task's agent prints one of the streams, and `good` all of them and then its true end.
async fn forge(speech: &Speech) -> usize {
    let forgeries = speech.forgeries();
    let world = World::new(&Script::new());
    let mut honest = vec![speech.begin.as_bytes().to_vec()];
    for (number, forgery) in forgeries.iter().enumerate() {
        let mut parts = vec![speech.begin.as_bytes().to_vec()];
        parts.extend(forgery.parts.iter().cloned());
        write(&world, &format!("t{number}"), &parts);
        if !forgery.is_lasting {
            honest.push(forgery.parts.concat());
            honest.push(b"\n".to_vec());
        }
    }
    honest.push(speech.end.as_bytes().to_vec());
    write(&world, "good", &[honest.concat()]);
    let program = world.program("forger", PRINTS);
    let agent = world.preset(speech.agent, &program);
    let builder = world.builder().agent("default", agent);
    let story = play(&world, builder, &names(forgeries.len())).await;
    story.assert_only_good(FailureClass::Incomplete, &forgeries);
    story.assert_usage(speech.usage);
    let all = serde_json::to_string(&story.events).expect("JSON");
    let session = format!("\"session\":\"{}\"", streams::OTHER);
    assert!(!all.contains(&session), "the session of somebody else");
    forgeries.len()
}

fn names(forgeries: usize) -> Vec<String> {
    let mut names: Vec<String> = (0..forgeries).map(|number| format!("t{number}")).collect();
    names.push("good".to_owned());
    names
}

/// Agents that do nothing, and print what Aura would say if they had.
async fn forge_aura() -> usize {
    let forgeries = streams::of_aura();
    let world = World::new(&Script::new());
    for (number, forgery) in forgeries.iter().enumerate() {
        let id = format!("t{number}");
        write(&world, &id, &forgery.parts);
        let place = |end: &str| world.agent.dir().join(format!("{id}.{end}"));
        fs::write(place("idle"), "").expect("written");
        fs::write(place("stderr"), forgery.parts.concat()).expect("written");
    }
    // The honest one prints all of them, too.
    let all: Vec<Vec<u8>> = forgeries.iter().map(|one| one.parts.concat()).collect();
    write(&world, "good", &all);
    let program = world.program("forger", PRINTS);
    let agent = agents::command([program.display().to_string()]);
    let builder = world.builder().agent("default", agent);
    let story = play(&world, builder, &names(forgeries.len())).await;
    story.assert_only_good(FailureClass::NoChange, &forgeries);
    story.assert_usage(Usage::default());
    let landed = |event: &&Event| matches!(event.kind, EventKind::Landed { .. });
    assert_eq!(story.events.iter().find(landed), None);
    forgeries.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_forged_streams_have_no_effect() {
    let mut count = forge_aura().await;
    for speech in streams::speeches() {
        count += forge(&speech).await;
    }
    assert_eq!(count, 60);
}
