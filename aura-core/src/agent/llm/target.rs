//! Who is asked, where, and with which key: read out of what a user writes.

use genai::adapter::AdapterKind;
use genai::resolver::{AuthData, Endpoint, ProviderConfig};
use genai::{Client, ModelIden};
use reqwest::Url;

use crate::error::{Error, ErrorKind, Result};

/// Stands in the place of a key where none is needed, since the protocols have a place for one.
const NO_KEY: &str = "none";

/// The names of the providers that can be asked.
pub(super) fn providers() -> impl Iterator<Item = &'static str> {
    AdapterKind::all().iter().map(AdapterKind::as_lower_str)
}

/// A model at an address.
#[derive(Debug, Clone)]
pub(super) struct Target {
    kind: AdapterKind,
    model: String,
    endpoint: Option<Url>,
    variable: Option<String>,
}

impl Target {
    /// Reads `provider::model`, an address and the name of a variable.
    pub(super) fn new(model: &str, endpoint: Option<&str>, key: Option<&str>) -> Result<Self> {
        let kind = provider_of(model)?;
        let endpoint = endpoint.map(address).transpose()?;
        if let Some(name) = key {
            check_variable(name)?;
            if kind == AdapterKind::Ollama {
                return Err(refused("`ollama` takes no key".to_owned())
                    .with_help("leave `key` out, or ask `ollama_cloud`, which takes one"));
            }
        }
        // The usual key is the usual address's, and nobody else's.
        let usual = || kind.default_key_env_name().filter(|_| endpoint.is_none());
        let variable = key.or_else(usual).map(ToOwned::to_owned);
        Ok(Self {
            kind,
            model: model.to_owned(),
            endpoint,
            variable,
        })
    }

    /// The variable that has the key, where one is needed.
    pub(super) fn variable(&self) -> Option<&str> {
        self.variable.as_deref()
    }

    /// The key as the environment has it now.
    pub(super) fn key(&self) -> Option<String> {
        let value = std::env::var(self.variable.as_deref()?).ok()?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// Refuses when the key is needed, and is not there or can be none.
    pub(super) fn require_key(&self) -> Result<()> {
        let Some(variable) = &self.variable else {
            return Ok(());
        };
        let provider = self.name();
        let message = match self.key() {
            // It stands in a line of its own, which nothing else can begin in.
            Some(key) if key.bytes().all(|byte| (b' '..=b'~').contains(&byte)) => return Ok(()),
            Some(_) => format!(
                "the key of `{provider}`, in the variable {variable}, has characters that no key has"
            ),
            None => {
                format!("the key of `{provider}` is not there: the variable {variable} is not set")
            }
        };
        Err(
            Error::new(ErrorKind::InvalidConfig, message).with_help(format!(
                "set {variable} where Aura is started, or name the variable that has the key"
            )),
        )
    }

    /// Whose limits hold, by the names that the other agents have for them. An address of its own has limits of its own.
    pub(super) fn provider(&self) -> String {
        if let Some(endpoint) = &self.endpoint {
            return endpoint.authority().to_owned();
        }
        match self.kind {
            AdapterKind::OpenAIResp => "openai",
            AdapterKind::Gemini | AdapterKind::GeminiIx => "google",
            kind => kind.as_lower_str(),
        }
        .to_owned()
    }

    /// For messages.
    pub(super) fn name(&self) -> &'static str {
        self.kind.as_lower_str()
    }

    /// Whether the address is this machine, which no proxy leads to.
    pub(super) fn is_here(&self) -> bool {
        let local = |url: &Url| match url.host_str() {
            Some("localhost") => true,
            Some(host) => {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                let ip: Option<std::net::IpAddr> = host.parse().ok();
                ip.is_some_and(|ip| ip.is_loopback())
            }
            None => false,
        };
        match &self.endpoint {
            Some(endpoint) => local(endpoint),
            None => self.kind == AdapterKind::Ollama,
        }
    }

    /// The model as the client takes it.
    pub(super) fn model(&self) -> ModelIden {
        ModelIden::new(self.kind, self.model.as_str())
    }

    /// A client that knows the key and nothing but this address.
    pub(super) fn client(&self, http: reqwest::Client) -> genai::Result<Client> {
        let key = self.key().unwrap_or_else(|| NO_KEY.to_owned());
        let mut config = ProviderConfig::from_auth(AuthData::from_single(key));
        if let Some(endpoint) = &self.endpoint {
            config = config.with_endpoint(Endpoint::from_owned(endpoint.as_str()));
        }
        let client = Client::builder().with_reqwest(http);
        client.append_provider_config(self.kind, config).build()
    }
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::InvalidConfig, message)
}

fn provider_of(model: &str) -> Result<AdapterKind> {
    let help = || {
        let known: Vec<&str> = providers().collect();
        format!(
            "write provider::model, as in anthropic::claude-sonnet-4-5; providers are {}",
            known.join(", ")
        )
    };
    let Some((provider, name)) = model.split_once("::") else {
        return Err(refused(format!("the model `{model}` names no provider")).with_help(help()));
    };
    let Some(kind) =
        AdapterKind::from_lower_str(provider).filter(|kind| AdapterKind::all().contains(kind))
    else {
        let message = format!("the model `{model}` names an unknown provider, `{provider}`");
        return Err(refused(message).with_help(help()));
    };
    let is_plain = |character: char| !character.is_whitespace() && !character.is_control();
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(refused(format!("`{model}` names no model of `{provider}`")).with_help(help()));
    }
    Ok(kind)
}

/// An address that others can be appended to.
fn address(text: &str) -> Result<Url> {
    let wrong = |why: &str| {
        // Not as it was written: there may be a password in it.
        let message = format!("the endpoint is no address that can be asked: {why}");
        refused(message).with_help("write it as in https://models.example.com/v1")
    };
    let mut url = Url::parse(text.trim()).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("it is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "it has a user or a password in it, which belongs into a variable",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("nothing can follow a `?` or a `#`"));
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

fn check_variable(name: &str) -> Result<()> {
    let fits = |character: char| character.is_ascii_alphanumeric() || character == '_';
    if !name.is_empty()
        && name.chars().all(fits)
        && !name.starts_with(|first: char| first.is_ascii_digit())
    {
        return Ok(());
    }
    // It may be the key itself, which nobody is to see.
    let message = "the key is named by a variable of the environment, and this is no name of one";
    Err(refused(message.to_owned())
        .with_help("write the name only, as in MY_API_KEY, and set it where Aura is started"))
}
