//! The server: a thread for each connection, everything bounded.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::http::{self, Refusal, Request};
use super::protocol::{Answer, Conversation, Protocol};
use super::scenario::{Fault, Scenario};
use super::{plan, questions};

/// How long somebody may take to say what they want.
const PATIENCE: Duration = Duration::from_secs(30);

/// The bounds of a server.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests that are answered; further ones get an error.
    pub requests: u64,
    /// How long a request that hangs is held.
    pub hang: Duration,
    /// A file to which each request is written as a line of JSON.
    pub log: Option<PathBuf>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: 10_000,
            hang: Duration::from_secs(900),
            log: None,
        }
    }
}

/// A request that was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// The first segment of the path.
    pub scenario: String,
    /// The rest of the path.
    pub path: String,
    /// `GET` or `POST`.
    pub method: String,
    /// What was asked, by the protocol's name; empty for anything that is not a conversation.
    pub protocol: String,
    /// The key that it came with.
    pub key: Option<String>,
    /// The model that was asked for.
    pub model: Option<String>,
    /// The names of the tools that were offered.
    pub tools: Vec<String>,
    /// What the user said in the conversation so far, without what agents put beside it.
    pub prompts: Vec<String>,
    /// Results of tools since the last prompt.
    pub step: usize,
    /// The number of the scenario's requests that offered tools, this one included.
    pub count: u32,
    /// What was answered: a tool call, a text, a fault.
    pub answer: String,
    /// Bytes of the body.
    pub bytes: usize,
    /// Milliseconds since 1970.
    pub at_ms: u64,
}

/// A running server on a port of its own. Dropping it ends it and every connection.
pub struct ScriptedLlm {
    shared: Arc<Shared>,
    address: SocketAddr,
    listening: Option<JoinHandle<()>>,
}

struct Shared {
    limits: Limits,
    stopped: AtomicBool,
    /// Requests so far.
    requests: AtomicU64,
    /// Numbers answers and connections.
    numbers: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    log: Option<File>,
    received: Vec<Received>,
    counts: BTreeMap<String, u32>,
    connections: BTreeMap<u64, TcpStream>,
}

impl ScriptedLlm {
    /// Starts a server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// Where there is no free port, or the log cannot be written.
    pub fn start(limits: Limits) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let log = limits.log.as_ref().map(File::create).transpose()?;
        let shared = Arc::new(Shared {
            limits,
            stopped: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            numbers: AtomicU64::new(1),
            state: Mutex::new(State {
                log,
                ..State::default()
            }),
        });
        let serving = Arc::clone(&shared);
        let listening = thread::spawn(move || serving.listen(&listener));
        Ok(Self {
            shared,
            address,
            listening: Some(listening),
        })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The base of an agent's addresses, without a version at its end.
    pub fn url(&self, scenario: &str) -> String {
        format!("http://{}/{scenario}", self.address)
    }

    /// Everything that was received so far, in order.
    pub fn received(&self) -> Vec<Received> {
        self.shared.state().received.clone()
    }

    /// What was received for a scenario.
    pub fn received_for(&self, scenario: &str) -> Vec<Received> {
        let mut received = self.received();
        received.retain(|request| request.scenario == scenario);
        received
    }
}

impl Drop for ScriptedLlm {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

impl Shared {
    /// A thread that panicked has written its part or not; both are fine.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(self: &Arc<Self>, listener: &TcpListener) {
        let mut serving = Vec::new();
        for stream in listener.incoming() {
            if self.stopped.load(Ordering::SeqCst) {
                break;
            }
            let Ok(stream) = stream else { continue };
            let Ok(second) = stream.try_clone() else {
                continue;
            };
            let number = self.numbers.fetch_add(1, Ordering::SeqCst);
            self.state().connections.insert(number, second);
            let shared = Arc::clone(self);
            serving.retain(|thread: &JoinHandle<()>| !thread.is_finished());
            serving.push(thread::spawn(move || {
                // Whoever went away needs no answer.
                let _ = shared.serve(&stream);
                let _ = stream.shutdown(Shutdown::Both);
                shared.state().connections.remove(&number);
            }));
        }
        for connection in self.state().connections.values() {
            let _ = connection.shutdown(Shutdown::Both);
        }
        for thread in serving {
            let _ = thread.join();
        }
    }

    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut writer = stream;
        match Request::read(&mut BufReader::new(stream)) {
            Err(Refusal::Gone) => Ok(()),
            Err(Refusal::Status(status, why)) => refuse(&mut writer, status, why),
            Ok(_) if self.requests.fetch_add(1, Ordering::SeqCst) >= self.limits.requests => {
                refuse(&mut writer, 400, "the scripted model has answered enough")
            }
            Ok(request) => self.route(stream, &request),
        }
    }

    fn route(&self, stream: &TcpStream, request: &Request) -> io::Result<()> {
        let mut writer = stream;
        let Some((scenario, path)) = Scenario::of_path(&request.path) else {
            return refuse(&mut writer, 404, "no such scenario");
        };
        let protocol = Protocol::of_path(path).filter(|_| request.method == "POST");
        if let Some(protocol) = protocol {
            let Ok(body) = serde_json::from_slice(&request.body) else {
                return refuse(&mut writer, 400, "the body is not JSON");
            };
            let conversation = protocol.read(path, &body);
            let exchange = Exchange {
                shared: self,
                stream,
                protocol,
                scenario,
                conversation,
                key: key(request),
                has_temperature: has_temperature(&body),
            };
            return exchange.run(request, path);
        }
        self.note(other(request, &scenario, path));
        // A socket that is refused is followed by ordinary requests.
        if request.header("upgrade").is_some() {
            return refuse(&mut writer, 426, "only plain HTTP is spoken here");
        }
        let body = match request.method.as_str() {
            "HEAD" => return http::answer(&mut writer, 200, &[], b""),
            "GET" if path.ends_with("/models") => models(),
            "POST" if path.ends_with("count_tokens") => json!({"input_tokens": 100}),
            "POST" if path.ends_with(":countTokens") => json!({"totalTokens": 100}),
            _ => return refuse(&mut writer, 404, "not found"),
        };
        http::answer(&mut writer, 200, &[], body.to_string().as_bytes())
    }

    fn note(&self, received: Received) {
        let mut state = self.state();
        if let Some(log) = &mut state.log {
            // A log that cannot be written changes nothing for the agent.
            let _ = writeln!(log, "{}", json!(received));
        }
        state.received.push(received);
    }

    fn count(&self, scenario: &Scenario) -> u32 {
        let mut state = self.state();
        let count = state.counts.entry(scenario.name.clone()).or_insert(0);
        *count += 1;
        *count
    }
}

fn refuse(writer: &mut impl Write, status: u16, why: &str) -> io::Result<()> {
    let body = json!({"error": {"type": "not_found", "message": why}});
    http::answer(writer, status, &[], body.to_string().as_bytes())
}

fn models() -> Value {
    json!({"object": "list", "has_more": false, "data": [{
        "id": "scripted", "object": "model", "type": "model", "owned_by": "scripted",
        "display_name": "scripted", "created_at": "2025-01-01T00:00:00Z",
    }]})
}

fn other(request: &Request, scenario: &Scenario, path: &str) -> Received {
    Received {
        scenario: scenario.name.clone(),
        path: path.to_owned(),
        method: request.method.clone(),
        protocol: String::new(),
        key: key(request),
        model: None,
        tools: Vec::new(),
        prompts: Vec::new(),
        step: 0,
        count: 0,
        answer: String::new(),
        bytes: request.body.len(),
        at_ms: u64::try_from(now().as_millis()).unwrap_or(u64::MAX),
    }
}

/// In one of the headers that protocols have for it.
fn key(request: &Request) -> Option<String> {
    let bearer = request.header("authorization");
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
    let own = || request.header("x-api-key");
    let key = bearer.or_else(own);
    let key = key.or_else(|| request.header("x-goog-api-key"));
    key.map(ToOwned::to_owned)
}

/// In one of the places that protocols have for it.
fn has_temperature(body: &Value) -> bool {
    let places = ["generationConfig", "options"].map(|place| &body[place]);
    let mut places = places.into_iter().chain([body]);
    places.any(|place| !place["temperature"].is_null())
}

fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// One request of a conversation and its answer.
struct Exchange<'a> {
    shared: &'a Shared,
    stream: &'a TcpStream,
    protocol: Protocol,
    scenario: Scenario,
    conversation: Conversation,
    key: Option<String>,
    has_temperature: bool,
}

impl Exchange<'_> {
    fn run(&self, request: &Request, path: &str) -> io::Result<()> {
        // Requests without tools are about titles and summaries.
        let counts = !self.conversation.tools.is_empty()
            || self.conversation.wants_listing
            || self.scenario.bare;
        let count = if counts {
            self.shared.count(&self.scenario)
        } else {
            0
        };
        let fault = self.scenario.fault(count).filter(|_| counts);
        let answer = self.answer();
        let what = match (fault, &answer.call) {
            (Some(fault), _) => format!("{fault:?}"),
            (None, Some(call)) => call.name.clone(),
            (None, None) => "text".to_owned(),
        };
        let tools = self.conversation.tools.iter();
        self.shared.note(Received {
            protocol: format!("{:?}", self.protocol).to_lowercase(),
            model: self.conversation.model.clone(),
            tools: tools.map(|tool| tool.name.clone()).collect(),
            prompts: self.conversation.prompts.clone(),
            step: self.conversation.step,
            count,
            answer: what,
            ..other(request, &self.scenario, path)
        });
        match fault {
            Some(Fault::Close) => Ok(()),
            Some(Fault::Hang) => self.hang(),
            Some(Fault::Status(status)) => {
                self.fail(status, &format!("scripted failure {status}"), true)
            }
            Some(Fault::Quota) => self.fail(429, QUOTA, false),
            _ if self.scenario.no_temperature && self.has_temperature => {
                let why = "`temperature` does not support this value with this model";
                self.fail(400, why, false)
            }
            _ if self.conversation.streams => self.tell(&answer, fault),
            _ => {
                let body = self.protocol.whole(&answer).to_string();
                let mut writer = self.stream;
                http::answer(&mut writer, 200, &[], body.as_bytes())
            }
        }
    }

    fn answer(&self) -> Answer {
        let conversation = &self.conversation;
        let asked = questions::answer(&self.scenario, &conversation.prompts);
        let call = plan::call(&self.scenario, conversation).filter(|_| asked.is_none());
        let text = if self.scenario.mute {
            String::new()
        } else if self.scenario.huge {
            "And so on.\n".repeat(100_000)
        } else if let Some(answer) = asked {
            answer
        } else if let Some(schema) = &conversation.answer_schema {
            plan::filled(schema, serde_json::Map::new()).to_string()
        } else if call.is_some() {
            "I will do it now.".to_owned()
        } else if conversation.tools.is_empty() && conversation.wants_listing {
            plan::listing(conversation)
        } else {
            "Done, as the script says.".to_owned()
        };
        Answer {
            number: self.shared.numbers.fetch_add(1, Ordering::SeqCst),
            created: now().as_secs(),
            model: conversation.model.clone().unwrap_or_default(),
            text,
            call,
            ending: self.scenario.ending,
            broken_arguments: self.scenario.broken_arguments && conversation.step == 0,
        }
    }

    fn fail(&self, status: u16, message: &str, says_when: bool) -> io::Result<()> {
        let mut headers = Vec::new();
        if says_when && matches!(status, 429 | 503 | 529) {
            let seconds = self.scenario.retry_after.unwrap_or(2);
            if seconds > 0 {
                headers.push(("Retry-After", seconds.to_string()));
            }
        }
        let key = self.key.as_ref().filter(|_| self.scenario.echo);
        let message = match key {
            Some(key) => format!("{message}, asked with {key}"),
            None => message.to_owned(),
        };
        let body = self.protocol.error(status, &message).to_string();
        let mut writer = self.stream;
        http::answer(&mut writer, status, &headers, body.as_bytes())
    }

    fn tell(&self, answer: &Answer, fault: Option<Fault>) -> io::Result<()> {
        let mut writer = self.stream;
        http::begin_stream(&mut writer, self.protocol.stream_kind())?;
        let events = self.protocol.events(answer);
        let half = (events.len() / 2).max(1);
        let told = if fault.is_some() { half } else { events.len() };
        for event in &events[..told] {
            if self.scenario.slow {
                thread::sleep(Duration::from_millis(100));
            }
            writer.write_all(self.protocol.written(event).as_bytes())?;
            writer.flush()?;
        }
        match fault {
            Some(Fault::MidHang) => self.hang(),
            Some(_) => Ok(()),
            None => writer.write_all(self.protocol.end().as_bytes()),
        }
    }

    /// Waits until the agent goes away, or the server, or the time is over.
    fn hang(&self) -> io::Result<()> {
        self.stream
            .set_read_timeout(Some(self.shared.limits.hang))?;
        let mut reader = self.stream;
        // Anything but an end is as good as an end: nothing was asked for.
        let _ = reader.read(&mut [0]);
        Ok(())
    }
}

/// How providers say that an allowance is used up.
const QUOTA: &str = "You have reached your usage limit. Your limit resets in 5 days.";
