//! What is configured, without anybody being asked. How a model is asked is shown with a scripted one, in the behaviour tests.

use crate::agent::{AgentBackend, tests as kit};
use crate::agents::{LlmAgent, llm};
use crate::error::ErrorKind;
use crate::model::FailureClass;

/// Set for every test by the one who starts it; its value is long enough for a secret and no path.
const VARIABLE: &str = "CARGO_PKG_DESCRIPTION";

fn refusal(agent: &LlmAgent) -> String {
    let error = agent.check().expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    format!("{error} ({})", error.help().unwrap_or_default())
}

#[test]
fn what_cannot_be_meant_is_refused_by_name() {
    let good = || llm("openai::gpt-4.1");
    for agent in [
        good(),
        llm("open_router::meta/llama-4:free"),
        llm("ollama::qwen3:8b").endpoint("http://[::1]:11434"),
        good()
            .endpoint("https://models.example.com/v1")
            .key("A_KEY"),
        good().temperature(0.0).role("You plan."),
    ] {
        agent.check().expect("fine");
    }
    for (agent, parts) in [
        (llm("gpt-4.1"), ["names no provider", "anthropic"]),
        (
            llm("opnai::gpt-4.1"),
            ["unknown provider, `opnai`", "openai_resp"],
        ),
        (llm("genai_1::x"), ["unknown provider", "ollama"]),
        (llm("openai::"), ["names no model", "provider::model"]),
        (llm("openai::gpt 4"), ["names no model", "provider::model"]),
        (
            good().endpoint("models.example.com"),
            ["no address", "https://"],
        ),
        (
            good().endpoint("file:///etc/passwd"),
            ["neither http", "https://"],
        ),
        (
            good().endpoint("https://me:s3cret@example.com"),
            ["password in it", ""],
        ),
        (
            good().endpoint("https://example.com/?key=s3cret"),
            ["`?`", ""],
        ),
        (good().key("sk-s3cret"), ["no name of one", "MY_API_KEY"]),
        (good().key("1KEY"), ["no name of one", ""]),
        (
            llm("ollama::x").key("A_KEY"),
            ["takes no key", "ollama_cloud"],
        ),
        (good().temperature(-0.1), ["-0.1 is not from 0 to 2", ""]),
        (good().temperature(f64::NAN), ["NaN is not", ""]),
    ] {
        let refusal = refusal(&agent);
        for part in parts {
            assert!(refusal.contains(part), "{part}: {refusal}");
        }
        assert!(!refusal.contains("s3cret"), "{refusal}");
    }
}

#[tokio::test]
async fn a_key_is_looked_for_where_one_is_needed() {
    let missing = llm("openai::gpt-4.1").key("AURA_HAS_NO_SUCH_KEY");
    let error = missing.preflight().await.expect_err("no key");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    let text = format!("{error} {}", error.help().unwrap_or_default());
    assert!(
        text.contains("`openai` is not there: the variable AURA_HAS_NO_SUCH_KEY"),
        "{text}"
    );
    let folder = tempfile::tempdir().expect("a directory");
    let mut request = kit::request(folder.path());
    request.read_only = true;
    let answer = missing.run(request, kit::context().0).await.expect("data");
    assert_eq!(answer.failure.expect("no key").class, FailureClass::Auth);
    let mut request = kit::request(folder.path());
    request.read_only = true;
    let answer = llm("gpt-4.1").run(request, kit::context().0).await;
    let failure = answer.expect("data").failure.expect("no provider");
    assert_eq!(failure.class, FailureClass::Config);
    for agent in [
        llm("openai::gpt-4.1").key(VARIABLE),
        llm("openai::gpt-4.1").endpoint("http://127.0.0.1:1/v1"),
        llm("ollama::qwen3"),
    ] {
        agent.preflight().await.expect("nothing is missing");
    }
}

#[test]
fn the_key_is_a_secret_and_no_part_of_the_definition() {
    let agent = llm("openai::gpt-4.1").key(VARIABLE);
    let value = std::env::var(VARIABLE).expect("set by cargo");
    assert_eq!(
        agent.secrets(),
        [(format!("{VARIABLE}_KEY"), value.clone())]
    );
    assert!(!format!("{agent:?}").contains(&value));
    assert_eq!(llm("ollama::qwen3").secrets(), []);
    let mut all: Vec<String> = [
        agent,
        llm("openai::gpt-4.1").key("OTHER_KEY"),
        llm("openai::gpt-4.1"),
        llm("openai::gpt-5"),
        llm("openai::gpt-4.1").endpoint("http://a/v1"),
        llm("openai::gpt-4.1").role("Plan."),
        llm("openai::gpt-4.1").temperature(1.0),
    ]
    .iter()
    .map(AgentBackend::digest)
    .collect();
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
    assert_eq!(
        llm("openai::gpt-4.1").digest(),
        llm("openai::gpt-4.1").digest()
    );
}

#[test]
fn limits_are_those_of_the_provider_or_of_the_address() {
    for (agent, provider) in [
        (llm("anthropic::claude-x"), Some("anthropic")),
        (llm("openai_resp::gpt-5"), Some("openai")),
        (llm("gemini::gemini-2.5-pro"), Some("google")),
        (llm("groq::llama"), Some("groq")),
        (
            llm("openai::m").endpoint("https://m.example.com/v1"),
            Some("m.example.com"),
        ),
        (
            llm("openai::m").endpoint("http://127.0.0.1:8080"),
            Some("127.0.0.1:8080"),
        ),
        (llm("nobody::m"), None),
    ] {
        assert_eq!(agent.provider().as_deref(), provider, "{agent:?}");
    }
}

#[tokio::test]
async fn it_takes_no_work() {
    let folder = tempfile::tempdir().expect("a directory");
    let agent = llm("ollama::qwen3").endpoint("http://127.0.0.1:1");
    assert!(agent.only_answers());
    let request = kit::request(folder.path());
    assert!(!request.read_only);
    let answer = agent.run(request, kit::context().0).await.expect("data");
    let failure = answer.failure.expect("refused");
    assert_eq!(failure.class, FailureClass::Config);
    assert!(
        failure.summary.contains("only answers questions"),
        "{failure:?}"
    );
}
