//! Secrets in the environment of the program: its agents and gates print them, and nothing of the program shows or keeps them.

use std::fmt::Write as _;
use std::path::Path;

use crate::support::{Said, TWO, World};

/// Prints each of the variables as it is, in base64 and in hexadecimal, on both streams, and in two writes.
const PRINT: &str = r#"for n in 0 1 2 3 4 5; do
eval v=\$PLANTED_${n}_TOKEN
for x in "$v" "$(printf %s "$v" | base64 -w0)" "$(printf %s "$v" | od -An -v -tx1 | tr -d ' \n')"; do
echo "see $x!"; echo "see $x!" >&2; done
printf 'see %s' "${v%????????}"; printf '%s!\n' "${v#"${v%????????}"}"
done
"#;

/// Values that no scanner takes for a leak here, since they are made when they are needed.
fn values() -> Vec<(String, String)> {
    let value = |n: u32| {
        let mut number = 0x9e37_79b9_u32.wrapping_mul(n + 1);
        let mut text = ["ghp_", "sk-", "p w\"", "xoxb-", "100%&", "über"][n as usize].to_owned();
        for _ in 0..24 {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let letter = b'a' + u8::try_from((number >> 24) % 26).expect("a letter");
            text.push(char::from(letter));
        }
        text
    };
    (0..6)
        .map(|n| (format!("PLANTED_{n}_TOKEN"), value(n)))
        .collect()
}

/// The secret as it is, as a text of JSON, and in hexadecimal; base64 is asked of the program that the scripts use.
fn spellings(value: &str) -> Vec<String> {
    let json = serde_json::to_string(value).expect("a text");
    let mut hexadecimal = String::new();
    for byte in value.bytes() {
        write!(hexadecimal, "{byte:02x}").expect("a text");
    }
    vec![
        value.to_owned(),
        json.trim_matches('"').to_owned(),
        hexadecimal,
    ]
}

fn assert_clean(place: &str, text: &str, secrets: &[String]) {
    let found = secrets.iter().find(|secret| text.contains(*secret));
    assert_eq!(found, None, "in {place}");
}

fn assert_clean_below(folder: &Path, secrets: &[String]) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            assert_clean_below(&path, secrets);
        } else if path.is_file() {
            let bytes = std::fs::read(&path).expect("a file");
            let text = String::from_utf8_lossy(&bytes);
            assert_clean(&path.display().to_string(), &text, secrets);
        }
    }
}

fn base64(world: &World, value: &str) -> String {
    let file = world.beside("value");
    std::fs::write(&file, value).expect("a file");
    let output = std::process::Command::new("base64")
        .arg("-w0")
        .arg(file)
        .output();
    String::from_utf8(output.expect("base64").stdout).expect("text")
}

#[test]
fn what_is_in_the_environment_is_neither_shown_nor_kept() {
    let world = World::new();
    let values = values();
    let mut secrets: Vec<String> = values
        .iter()
        .flat_map(|(_, value)| spellings(value))
        .collect();
    secrets.extend(values.iter().map(|(_, value)| base64(&world, value)));
    let prompts = world.beside("prompts");
    std::fs::create_dir(&prompts).expect("a folder");
    let keep = format!(
        "cat > '{}'/$AURA_TASK.$AURA_TASK_ATTEMPT\n",
        prompts.display()
    );
    // Its first try leaves work that the gate refuses, and prints everything, too.
    let agent = world.script(
        "agent.sh",
        &format!("{keep}{PRINT}echo \"$AURA_TASK_ATTEMPT\" > \"$AURA_TASK.txt\"\n"),
    );
    let gate = world.script("gate.sh", &format!("{PRINT}! grep -qx 1 ./*.txt\n"));
    let plan = world.plan(TWO);
    let run = |words: &[&str]| {
        let mut command = world.command(words);
        command.envs(values.iter().map(|(name, value)| (name, value)));
        let said = Said::of(&command.output().expect("aura"));
        assert_clean(
            &words.join(" "),
            &format!("{}{}", said.out, said.err),
            &secrets,
        );
        said
    };
    let gate = format!("check={gate}");
    let mut words = vec![
        "run",
        &plan,
        "--agent-command",
        &agent,
        "--gate",
        &gate,
        "--json",
    ];
    for (name, _) in &values {
        words.extend(["--env", name]);
    }
    let said = run(&words);
    assert_eq!(said.code, 0, "{said:#?}");
    assert!(said.out.contains("[redacted]"), "{said:#?}");
    for words in [
        &["story", "status", "--json"][..],
        &["story", "report", "--json"],
        &["story", "report"],
        &["story", "show"],
        &["story", "logs"],
        &["story", "logs", "--json"],
    ] {
        run(words);
    }
    assert_clean_below(&world.repo().join(".git/aura"), &secrets);
    assert_clean_below(&prompts, &secrets);
    let retry = std::fs::read_to_string(prompts.join("one.2")).expect("a second try");
    assert!(retry.contains("[redacted]"), "{retry}");
}
