//! A provider's limit in the middle of a story, as real agents tell it.

use std::collections::BTreeSet;
use std::fs;

use aura_core::agents::{self, CliAgent};
use aura_core::{OnExhausted, RunOutcome, StorySpec};
use aura_tests::Script;

use crate::kit::{World, plan_of, quick, run, task, told_of};

type Make = fn() -> CliAgent;

/// A program that says each limit as its agent does: `$U` is the end in seconds since 1970.
const LIMITS: [(Make, &str, &str); 3] = [
    (
        agents::claude,
        r#"echo '{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"result":"Claude AI usage limit reached|'$U'","session_id":"'$S'"}'"#,
        r#"echo '{"type":"result","subtype":"success","is_error":false,"stop_reason":"end_turn","session_id":"'$S'"}'"#,
    ),
    (
        agents::copilot,
        r#"echo '{"type":"session.error","data":{"errorType":"quota","statusCode":429,"message":"usage limit reached, resets at '$(date -u -d @$U +%Y-%m-%dT%H:%M:%SZ)'"}}'; echo '{"type":"result","sessionId":"'$S'","exitCode":1}'"#,
        r#"echo '{"type":"result","sessionId":"'$S'","exitCode":0}'"#,
    ),
    (
        agents::codex,
        r#"echo '{"type":"thread.started","thread_id":"t"}'; echo '{"type":"turn.failed","error":{"message":"You have hit your usage limit. Try again in 2 seconds."}}'"#,
        r#"echo '{"type":"thread.started","thread_id":"t"}'; echo '{"type":"turn.completed","usage":{}}'"#,
    ),
];

/// Agents at once.
const PARALLEL: usize = 3;

async fn meets_a_limit(tasks: usize, (agent, limit, well): (Make, &str, &str)) {
    let world = World::new(&Script::new());
    let body = format!(
        "[ -n \"$AURA_TASK\" ] || exit 0\n\
         cat > /dev/null; for a; do [ \"$P\" = --session-id ] && S=$a; P=$a; done\n\
         N=$(date +%s)\n\
         [ $RUN = 10 ] && echo $((N + 2)) > \"$STATE/until\"\n\
         U=$(cat \"$STATE/until\" 2>/dev/null || echo 0)\n\
         if [ $N -lt $U ]; then echo >> \"$STATE/limited\"; {limit}; exit 1; fi\n\
         echo x > $AURA_TASK.txt; {well}"
    );
    let program = world.program("limited", &body);
    let agent = agent()
        .program(program.display().to_string())
        .config_dir(world.agent.dir().join("config"))
        .env("CODEX_API_KEY", "key-for-tests");
    let builder = world.builder().agent("default", agent);
    let aura = builder.open().await.expect("it opens");
    let ids: Vec<String> = (0..tasks).map(|number| format!("t{number}")).collect();
    let plan = plan_of(ids.iter().map(|id| task(id)).collect());
    let policy = aura_core::Policy {
        max_parallel: PARALLEL,
        ..quick()
    };
    let spec = StorySpec::from_plan(plan).policy(policy);
    let story = aura.create_story(spec).await.expect("created");
    let report = run(&aura, story).await;
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
    assert_eq!(report.accepted.len(), tasks);
    assert_eq!((report.retries, report.restarts), (0, 0));
    let limited = fs::read_to_string(world.agent.dir().join("limited")).expect("it was met");
    let limited = limited.lines().count();
    // Those that ran already may have met it, too; nobody was started into it.
    assert!((1..=PARALLEL).contains(&limited), "{limited} met the limit");
    let starts = usize::try_from(report.starts).expect("few");
    assert_eq!(starts, tasks + limited);
    let opened = told_of(&aura, story, "breaker.opened").await.len();
    let closed = told_of(&aura, story, "breaker.closed").await.len();
    assert!(opened >= 1 && closed >= 1, "{opened} {closed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_at_the_tenth_of_a_hundred_tasks_costs_no_try() {
    meets_a_limit(100, LIMITS[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_agents_tell_their_limits_in_other_words() {
    for words in [LIMITS[1], LIMITS[2]] {
        meets_a_limit(14, words).await;
    }
}

/// How a start fails that would not have to: it is told that its provider is busy, is killed, ends in the middle, or just ends.
const FAULTS: &str = r#"case $((RUN % 20)) in
4) echo '{"type":"result","subtype":"success","is_error":true,"api_error_status":529,"session_id":"'$S'","result":"overloaded"}'; exit 1;;
9) kill -9 $$;;
14) echo '{"type":"assistant","message":{"content":[{"type":"text","text":"I will"}]}}'; exit 0;;
19) echo 'connection reset' >&2; exit 1;;
esac"#;

/// Every fifth start fails; the same on a clock of its own, with a thousand tasks, is in the engine's tests.
#[tokio::test(flavor = "multi_thread")]
async fn every_fifth_start_fails_and_the_tasks_are_done() {
    const TASKS: usize = 60;
    let world = World::new(&Script::new());
    let body = format!(
        "[ -n \"$AURA_TASK\" ] || exit 0\n\
         cat > /dev/null; for a; do [ \"$P\" = --session-id ] && S=$a; P=$a; done\n\
         while ! mkdir \"$STATE/lock\" 2> /dev/null; do sleep 0.01; done\n\
         RUN=$(cat \"$STATE/count\" 2> /dev/null || echo 0); echo $((RUN + 1)) > \"$STATE/count\"\n\
         [ $((RUN % 5)) != 4 ] || echo $AURA_TASK >> \"$STATE/faulted\"; rmdir \"$STATE/lock\"\n\
         {FAULTS}\necho x > $AURA_TASK.txt; {}",
        LIMITS[0].2
    );
    let program = world.program("faulty", &body);
    let agent = agents::claude()
        .program(program.display().to_string())
        .config_dir(world.agent.dir().join("config"));
    let builder = world.builder().agent("default", agent);
    let aura = builder.open().await.expect("it opens");
    let plan = plan_of(
        (0..TASKS)
            .map(|number| task(&format!("t{number}")))
            .collect(),
    );
    let policy = aura_core::Policy {
        max_parallel: PARALLEL,
        on_exhausted: OnExhausted::IsolateAndContinue,
        ..quick()
    };
    let spec = StorySpec::from_plan(plan).policy(policy);
    let story = aura.create_story(spec).await.expect("created");
    let report = run(&aura, story).await;
    let faulted = fs::read_to_string(world.agent.dir().join("faulted")).expect("some failed");
    let starts = faulted.lines().count();
    let faulted: BTreeSet<&str> = faulted.lines().collect();
    let accepted: BTreeSet<&str> = report
        .accepted
        .iter()
        .map(aura_core::TaskId::as_str)
        .collect();
    let recovered = faulted.intersection(&accepted).count();
    let told = format!(
        "{} of {TASKS} done, {starts} of {} starts failed, {recovered} of {} tasks recovered",
        accepted.len(),
        report.starts,
        faulted.len()
    );
    assert!(starts * 6 >= TASKS, "{told}");
    assert!(accepted.len() * 100 >= TASKS * 95, "{told}");
    assert!(recovered * 10 >= faulted.len() * 9, "{told}");
}
