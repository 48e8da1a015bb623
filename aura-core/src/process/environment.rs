//! Which variables of the host's environment a command may see.

use std::ffi::{OsStr, OsString};

/// Passed on always: where programs, files and the user are, how to show text, and how to reach the network.
const ALWAYS: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TERM",
    "COLORTERM",
    "TMPDIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
];

/// The part of the current environment that every command may see, and what `allow` names: a variable, or with a final `*`
/// all that begin so.
///
/// Everything else stays out, so that a key in the host's environment reaches an agent only when it is named.
pub(crate) fn base_environment(allow: &[&str]) -> Vec<(OsString, OsString)> {
    select(std::env::vars_os(), allow)
}

fn select(
    variables: impl Iterator<Item = (OsString, OsString)>,
    allow: &[&str],
) -> Vec<(OsString, OsString)> {
    variables
        .filter(|(name, _)| ALWAYS.iter().chain(allow).any(|rule| matches(rule, name)))
        .collect()
}

fn matches(rule: &str, name: &OsStr) -> bool {
    match rule.strip_suffix('*') {
        Some(prefix) => name.as_encoded_bytes().starts_with(prefix.as_bytes()),
        None => name == rule,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_allowed_passes() {
        let names = [
            "PATH",
            "PATHX",
            "LC_ALL",
            "MY_KEY",
            "CI_A",
            "CI_B",
            "XCI_A",
            "AWS_SECRET",
        ];
        let cases: &[(&[&str], &[&str])] = &[
            (&[], &["PATH", "LC_ALL"]),
            (&["MY_KEY"], &["PATH", "LC_ALL", "MY_KEY"]),
            (&["CI_*"], &["PATH", "LC_ALL", "CI_A", "CI_B"]),
            (&["CI_"], &["PATH", "LC_ALL"]),
        ];
        for (allow, expected) in cases {
            let all = names
                .iter()
                .map(|name| (OsString::from(name), OsString::from("v")));
            let got: Vec<_> = select(all, allow)
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            assert_eq!(got, *expected, "{allow:?}");
        }
    }
}
