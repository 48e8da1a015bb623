//! Shapes that issuers document and that `gitleaks` does not know, or knows only beside a name.

use super::own;
use crate::gate::secrets::rule::Rule;

/// What random values of these lengths have at least, in bits per byte.
const RANDOM: f64 = 3.0;

/// Between a name and its value: the end of the name, quotes, brackets, perhaps a type, and what assigns.
const ASSIGNED: &str = r#"[\w.-]{0,30}["'`\])]{0,3}[ \t]{0,8}(?::[ \t]{0,2}[&'\w.<>|? ]{1,30}=|:=|=>|->|[=:,])[ \t]{0,8}["'`(]{0,2}"#;
/// What a value ends with.
const END: &str = r#"(?:["'`\s;,)<\\]|$)"#;

/// A kind that says what it is: its name, what it is, words that it has, and its shape.
type Token = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
);

/// A kind that says nothing, but stands near a word that does: as above, with an expression for the word before the shape.
type Near = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
    &'static str,
);

#[rustfmt::skip]
const TOKENS: &[Token] = &[
    ("google-oauth-secret", "a Google OAuth client secret", &["gocspx-"], r"GOCSPX-[\w-]{28}"),
    ("google-access-token", "a Google access token", &["ya29."], r"ya29\.[\w-]{30,}"),
    ("tencent-secret-id", "the id of a Tencent Cloud key", &["akid"], "AKID[A-Za-z0-9]{32}"),
    ("netlify-token", "a Netlify token", &["nfp_", "nfc_"], "nf[pc]_[A-Za-z0-9]{36,}"),
    ("render-key", "a Render key", &["rnd_"], "rnd_[A-Za-z0-9]{28,}"),
    ("supabase-token", "a Supabase token", &["sbp_", "sb_secret_"], r"(?:sbp_[0-9a-f]{40}|sb_secret_[\w-]{31,})"),
    ("bitbucket-password", "a Bitbucket app password", &["atbb"], "ATBB[A-Za-z0-9]{32}"),
    ("crates-token", "a crates.io token", &["cio"], "cio[A-Za-z0-9]{32}"),
    ("nuget-key", "a NuGet key", &["oy2"], "oy2[a-z0-9]{43}"),
    ("docker-token", "a Docker Hub token", &["dckr_"], r"dckr_(?:pat|oat)_[\w-]{27,}"),
    ("circleci-token", "a CircleCI token", &["ccipat_", "ccipra_"], r"CCIP(?:AT|RA)_[A-Za-z0-9]{20,24}_[0-9a-f]{40}"),
    ("buildkite-token", "a Buildkite token", &["bkua_"], "bkua_[0-9a-f]{40}"),
    ("claude-session", "a Claude login", &["sk-ant-"], r"sk-ant-(?:oat|sid)[0-9]{2}-[\w-]{80,120}"),
    ("openrouter-key", "an OpenRouter key", &["sk-or-v1-"], "sk-or-v1-[0-9a-f]{64}"),
    ("groq-key", "a Groq key", &["gsk_"], "gsk_[A-Za-z0-9]{48,56}"),
    ("replicate-token", "a Replicate token", &["r8_"], "r8_[A-Za-z0-9]{37,40}"),
    ("xai-key", "an xAI key", &["xai-"], "xai-[A-Za-z0-9]{70,90}"),
    ("discord-webhook", "the address of a Discord webhook", &["/api/webhooks/"], r"discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[\w-]{60,72}"),
    ("telegram-token", "the token of a Telegram bot", &[":aa"], r"[0-9]{8,10}:AA[\w-]{33}"),
    ("brevo-smtp-key", "a Brevo key", &["xsmtpsib-"], "xsmtpsib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    ("mailgun-key", "a Mailgun key", &["key-"], "key-[0-9a-f]{32}"),
    ("mailchimp-key", "a Mailchimp key", &["-us"], "[0-9a-f]{32}-us[0-9]{1,2}"),
    ("stripe-webhook-secret", "the secret of a Stripe webhook", &["whsec_"], "whsec_[A-Za-z0-9+/]{32,}=*"),
    ("notion-secret", "a Notion secret", &["secret_"], "secret_[A-Za-z0-9]{43}"),
    ("figma-token", "a Figma token", &["figd_"], r"figd_[\w-]{38,44}"),
    ("airtable-token", "an Airtable token", &["pat"], r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    ("hubspot-token", "a HubSpot token", &["pat-na", "pat-eu"], "pat-(?:na|eu)[0-9]-[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"),
    ("new-relic-key", "a New Relic key", &["nrak-", "nrii-", "nrjs-", "nraa-"], r"NR(?:AK-[A-Z0-9]{27}|II-[\w-]{32}|JS-[0-9a-f]{19}|AA-[0-9a-f]{27})"),
];

#[rustfmt::skip]
const NEAR: &[Near] = &[
    ("aws-secret-key", "an AWS secret key", &["aws", "amazon", "secret_access_key", "secretaccesskey"], r"(?:aws|amazon)[\w.-]{0,20}(?:secret|key)|secret_?access_?key", "[A-Za-z0-9/+]{40}"),
    ("azure-account-key", "the key of an Azure account", &["accountkey", "sharedaccesskey"], "accountkey|sharedaccesskey", "(?:[A-Za-z0-9+/]{86}==|[A-Za-z0-9+/]{43}=)"),
    ("npm-legacy-token", "the token of an npm registry", &["_authtoken"], "_authtoken", r"[\w=+/-]{30,120}"),
    ("heroku-key", "a Heroku key", &["heroku"], "heroku", "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"),
    ("twilio-token", "a Twilio token", &["twilio"], "twilio", "[0-9a-f]{32}"),
    ("datadog-key", "a Datadog key", &["datadog", "dd_api_key", "dd_app_key"], "datadog|dd_ap[ip]_key", "[0-9a-f]{32}(?:[0-9a-f]{8})?"),
];

/// These rules.
pub(super) fn rules() -> impl Iterator<Item = Rule> {
    let tokens = TOKENS.iter().map(|(id, what, keys, shape)| {
        own(
            id,
            what,
            keys,
            format!(r"\b({shape})(?:[^0-9A-Za-z_-]|$)"),
            RANDOM,
        )
    });
    let near = NEAR.iter().map(|(id, what, keys, word, shape)| {
        own(
            id,
            what,
            keys,
            format!("(?i:{word}){ASSIGNED}({shape}){END}"),
            RANDOM,
        )
    });
    tokens.chain(near)
}
