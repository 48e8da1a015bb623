//! What goes wrong, and what follows from it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use aura_core::{EventKind, FailureClass, Policy, agents};

use super::stage::{Asked, PROTOCOLS, Stage};
use crate::kit::quick;

/// The class of every round, and what was said of the last one.
fn classes(asked: &Asked) -> (Vec<Option<FailureClass>>, String) {
    let mut last = String::new();
    let classes = asked.ends.iter().map(|end| match end {
        EventKind::DecomposeFinished { class, why, .. } => {
            last.clone_from(why);
            *class
        }
        other => panic!("{other:?}"),
    });
    (classes.collect(), last)
}

/// Where another try can help the model is asked three times, else once.
#[tokio::test(flavor = "multi_thread")]
async fn every_fault_has_its_class_in_every_protocol() {
    use FailureClass::{Auth, Config, Exit, Incomplete, Quota, RateLimited};
    for protocol in PROTOCOLS {
        // It has one word for all that is cut off.
        let refused = match protocol.name {
            "responses" => ("refuse", Incomplete, 3, "was cut off"),
            _ => ("refuse", Config, 1, "refused to answer"),
        };
        let stage = Stage::new();
        for (fault, class, rounds, told) in [
            ("s401", Auth, 1, "answered 401: scripted failure 401"),
            ("s403", Auth, 1, "answered 403"),
            ("s400", Config, 1, "answered 400"),
            ("s413", Config, 1, "answered 413"),
            ("s429+ra3600", RateLimited, 1, "answered 429"),
            ("quota", Quota, 1, "usage limit"),
            ("s500", Exit, 3, "answered 500"),
            ("s529", Exit, 3, "answered 529"),
            ("close", Exit, 3, "cannot be reached"),
            (
                "midclose",
                Exit,
                3,
                "the connection ended before the answer did",
            ),
            ("mute", Incomplete, 3, "answered nothing"),
            ("cut", Incomplete, 3, "was cut off"),
            refused,
        ] {
            let scenario = format!("{fault}+bare");
            let asked = stage.decompose(&protocol, &scenario, quick()).await;
            let name = protocol.name;
            let (classes, why) = classes(&asked);
            assert_eq!(classes, vec![Some(class); rounds], "{name} {fault}: {why}");
            assert!(why.contains(told), "{name} {fault}: {why}");
            assert_eq!(stage.model.received_for(&scenario).len(), rounds);
            let error = asked.plan.expect_err("no plan").to_string();
            assert!(error.contains(told), "{error}");
            let limited = matches!(class, RateLimited | Quota);
            assert_eq!(
                error.contains(", until 20"),
                limited,
                "{name} {fault}: {error}"
            );
        }
    }
}

/// A stream of server-sent events, and one of lines.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_an_end_is_given_up() {
    for protocol in [PROTOCOLS[0], PROTOCOLS[4]] {
        let stage = Stage::new();
        let asked = stage.decompose(&protocol, "huge", quick()).await;
        let (classes, why) = classes(&asked);
        assert_eq!(classes, [Some(FailureClass::Incomplete); 3]);
        assert_eq!(why, "the answer is longer than 1048576 bytes");
    }
}

/// What came before counts for nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_passes_is_survived() {
    for protocol in PROTOCOLS {
        let stage = Stage::new();
        let asked = stage
            .decompose(&protocol, "midclosex1+s529x2+bare", quick())
            .await;
        asked.plan.as_ref().expect("a plan");
        let (classes, _) = classes(&asked);
        let exit = Some(FailureClass::Exit);
        assert_eq!(classes, [exit, exit, None], "{protocol:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_at_the_address_is_no_answer() {
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = closed.expect("a port").to_string();
    for protocol in PROTOCOLS {
        let agent = agents::llm(protocol.model).endpoint(format!("http://{address}"));
        let asked = Stage::new().ask(agent, quick()).await;
        let (classes, why) = classes(&asked);
        assert_eq!(classes, [Some(FailureClass::Exit); 3]);
        assert!(
            why.contains("cannot be reached") && why.contains("refused"),
            "{why}"
        );
    }
}

/// Silence before the answer, and in the middle of it.
#[tokio::test(flavor = "multi_thread")]
async fn silence_and_the_deadline_end_a_question() {
    let short = |deadline_ms, idle_ms| Policy {
        deadline_ms,
        idle_ms,
        ..quick()
    };
    for protocol in PROTOCOLS {
        let stage = Stage::new();
        for (scenario, policy, class, told) in [
            (
                "hang",
                short(60_000, 200),
                FailureClass::Stalled,
                "silent for 200ms",
            ),
            (
                "midhang",
                short(60_000, 200),
                FailureClass::Stalled,
                "silent for 200ms",
            ),
            (
                "midhang",
                short(200, 60_000),
                FailureClass::Timeout,
                "not done within 200ms",
            ),
        ] {
            let scenario = format!("{scenario}+bare");
            let asked = stage.decompose(&protocol, &scenario, policy).await;
            let (classes, why) = classes(&asked);
            assert_eq!(classes, [Some(class); 3], "{protocol:?} {scenario}");
            assert_eq!(why, told);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_wants_any_more_is_not_waited_for() {
    for protocol in PROTOCOLS {
        let stage = Stage::new();
        let agent = stage.agent(&protocol, "midhang+bare");
        let patience = Policy {
            deadline_ms: 30_000,
            ..quick()
        };
        let end = stage.interrupt(agent, patience).await;
        let EventKind::DecomposeFinished { class, answer, .. } = end else {
            panic!("{end:?}");
        };
        assert_eq!(class, Some(FailureClass::Cancelled), "{protocol:?}");
        // What it had said is kept for people.
        let answer = std::fs::read_to_string(answer.expect("a file")).expect("text");
        assert!(answer.starts_with("Here is the plan:"), "{answer}");
    }
}

/// A key would go along with a redirect.
#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a port");
    elsewhere.set_nonblocking(true).expect("set");
    let target = elsewhere.local_addr().expect("a port");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("a port");
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("asked");
        let mut read = Vec::new();
        while !read.windows(4).any(|part| part == b"\r\n\r\n") {
            let mut part = [0; 1024];
            let count = stream.read(&mut part).expect("a request");
            read.extend_from_slice(&part[..count]);
        }
        let head = format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{target}/v1/\r\n");
        let rest = "Content-Length: 0\r\nConnection: close\r\n\r\n";
        stream
            .write_all(format!("{head}{rest}").as_bytes())
            .expect("told");
        // Until the asker is content: an early end would be a reset while it still sends.
        let _ = stream.read_to_end(&mut read);
    });
    let agent = agents::llm("openai::scripted").endpoint(format!("http://{address}/v1"));
    let asked = Stage::new().ask(agent, quick()).await;
    let (classes, why) = classes(&asked);
    assert_eq!(classes, [Some(FailureClass::Config)]);
    assert!(why.contains("redirect (307)"), "{why}");
    answering.join().expect("answered");
    let reached = elsewhere.accept().map(|_| ()).expect_err("followed");
    assert_eq!(reached.kind(), std::io::ErrorKind::WouldBlock);
}
