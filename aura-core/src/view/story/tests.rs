use super::*;
use crate::model::{FailureClass, Policy, Spends, TaskStatus};
use crate::view::fixture::{Log, id, second};

#[test]
fn tasks_carry_what_became_of_them() {
    let mut log = Log::new(Policy::default(), &[("a", 0, &[]), ("b", 1, &["a"])], &[]);
    log.at(1).run().wave(0, &["a"]).start("a", 1);
    log.at(3)
        .fail("a", 1, FailureClass::Exit, 2)
        .retry("a", FailureClass::Exit, Spends::Restart);
    let now = Story::of(&log.state(), &log.events).expect("there is a story");
    assert_eq!(now.tasks[0].error.as_deref(), Some("a ended badly"));
    assert_eq!(now.tasks[0].completed_at, None);

    log.at(4).start("a", 1);
    log.at(9).exit("a", 1, 5).candidate(&["a"]).accept(&["a"]);
    let state = log.state();
    let story = Story::of(&state, &log.events).expect("there is a story");
    assert_eq!(story.title, "Add email validation");
    assert_eq!((story.base, story.head), (id(1), state.head_commit()));
    assert_eq!(
        (story.target.as_deref(), story.landed),
        (Some("main"), None)
    );
    assert_eq!(story.created_at, second(0));
    assert_eq!(story.waves.len(), 2);

    let task = &story.tasks[0];
    assert_eq!(task.status, TaskStatus::Completed);
    assert_eq!((task.attempts, task.restarts), (1, 1));
    assert_eq!(task.agent_session_id.as_deref(), Some("s-a"));
    assert_eq!(task.output.as_deref(), Some("a is done"));
    assert_eq!(task.error, None);
    assert_eq!(
        (task.started_at, task.completed_at),
        (Some(second(1)), Some(second(9)))
    );
    assert_eq!(task.commit, Some(state.head_commit()));
    assert_eq!(task.usage.input_tokens, 100);

    // The part that the plan fills is the plan's.
    let behind = &story.tasks[1];
    assert_eq!(behind.depends_on, ["a".into()]);
    assert_eq!(
        (behind.status, behind.started_at),
        (TaskStatus::Pending, None)
    );

    let text = serde_json::to_string(&story).expect("a story is JSON");
    assert_eq!(
        serde_json::from_str::<Story>(&text).expect("the same"),
        story
    );
}

#[test]
fn without_a_plan_there_are_no_tasks() {
    let mut log = Log::new(Policy::default(), &[], &[]);
    log.events.truncate(1);
    let story = Story::of(&log.state(), &log.events).expect("there is a story");
    assert!(story.tasks.is_empty() && story.waves.is_empty());
    assert_eq!(Story::of(&State::default(), &[]), None);
}
