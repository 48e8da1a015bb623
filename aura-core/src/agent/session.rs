//! Sessions: chosen for agents that can be told one, captured from those that cannot, resumed only where they were.

use uuid::Uuid;

use super::AgentRequest;
use crate::digest::digest;

/// Characters of the digest of a directory; enough to notice another one.
const PLACE_LENGTH: usize = 12;

/// The session of one start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Session {
    /// A new one; agents that can be told an id are told this one.
    New(String),
    /// An earlier one of the same directory.
    Resumed(String),
}

impl Session {
    /// That of a request. Agents keep sessions by directory, so that one of another directory cannot be resumed.
    pub(super) fn of(request: &AgentRequest) -> Self {
        let given = request.session.as_deref();
        match given.and_then(|session| session.rsplit_once('#')) {
            Some((id, at)) if at == place(request) && !id.is_empty() => {
                Self::Resumed(id.to_owned())
            }
            _ => {
                let random = Uuid::now_v7().into_bytes();
                let id = uuid::Builder::from_random_bytes(random).into_uuid();
                Self::New(id.to_string())
            }
        }
    }

    /// What a new one is to be called.
    pub(super) fn new_id(&self) -> Option<&str> {
        match self {
            Self::New(id) => Some(id),
            Self::Resumed(_) => None,
        }
    }

    /// What an earlier one is called.
    pub(super) fn resumed(&self) -> Option<&str> {
        match self {
            Self::New(_) => None,
            Self::Resumed(id) => Some(id),
        }
    }
}

/// How a session is handed to the engine: what the agent calls it, and where it was.
pub(super) fn tied(id: &str, request: &AgentRequest) -> String {
    format!("{id}#{}", place(request))
}

fn place(request: &AgentRequest) -> String {
    let path = request.workspace.as_os_str().as_encoded_bytes();
    digest([path])[..PLACE_LENGTH].to_owned()
}
