//! Everything that the real programs were recorded to say, in the folder that the recorder fills.

use std::fs;
use std::path::Path;

use super::*;

/// Agent, scenario and bytes of each recording.
fn recordings() -> Vec<(String, String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/streams");
    let mut found = Vec::new();
    for agent in fs::read_dir(root).expect("the recordings") {
        let agent = agent.expect("an entry").path();
        let name = agent.file_name().unwrap_or_default().to_string_lossy();
        let Ok(files) = fs::read_dir(&agent) else {
            continue;
        };
        for file in files {
            let path = file.expect("an entry").path();
            if path.extension().is_some_and(|end| end == "stdout") {
                let scenario = path.file_stem().unwrap_or_default().to_string_lossy();
                let bytes = fs::read(&path).expect("a recording");
                found.push((name.clone().into_owned(), scenario.into_owned(), bytes));
            }
        }
    }
    found.sort();
    assert!(found.len() >= 70, "{} recordings", found.len());
    found
}

#[test]
fn every_recording_ends_as_its_scenario_did_and_no_beginning_of_one_ends_well() {
    for (agent, scenario, bytes) in recordings() {
        let mut reader = reader(&agent);
        let mut first_well = None;
        for (at, byte) in bytes.iter().enumerate() {
            reader.push(&[*byte]);
            if reader.told().end == End::Clean && first_well.is_none() {
                first_well = Some(at + 1);
            }
        }
        reader.finish();
        let well = reader.told().end == End::Clean;
        let is_good = matches!(scenario.as_str(), "ok" | "two" | "retried");
        // What the model was not allowed, or could not call, is no fault of the conversation.
        let may_be_good = is_good || matches!(scenario.as_str(), "denied" | "badargs");
        assert!(well || !is_good, "{agent} {scenario} ends well");
        assert!(!well || may_be_good, "{agent} {scenario} does not end well");
        // aider has no last event; its count of tokens is the nearest to one.
        if agent != "aider" {
            let early = first_well.filter(|at| *at < bytes.len());
            assert_eq!(early, None, "{agent} {scenario} ends well before its end");
        }
    }
}

#[test]
fn damage_to_recordings_makes_no_good_end() {
    let bad: Vec<_> = recordings()
        .into_iter()
        .filter(|(agent, _, bytes)| agent != "aider" && bytes.len() < 12_000)
        .collect();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for round in 0..5_000 {
        let (agent, scenario, bytes) = &bad[round % bad.len()];
        // Without its last line nothing that is left may pass for an end.
        let body = bytes.trim_ascii_end();
        let last = body.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        let mut bytes = body[..last].to_vec();
        if bytes.is_empty() {
            continue;
        }
        damage(&mut bytes, &mut random);
        let mut reader = reader(agent);
        reader.push(&bytes);
        reader.finish();
        assert_ne!(reader.told().end, End::Clean, "{agent} {scenario} {round}");
    }
}
