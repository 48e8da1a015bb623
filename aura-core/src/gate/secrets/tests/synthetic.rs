//! Secrets that nobody has, made when a test runs: no file of the repository looks as if it had one.

const DIGITS: &str = "0123456789";
const HEX: &str = "0123456789abcdef";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const WORD: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PASSWORD: &str = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789!#%*+-=?_";

/// The same numbers for the same seed, on every machine.
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Splitmix64.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }

    fn of(&mut self, alphabet: &str, count: usize) -> String {
        let all = alphabet.as_bytes();
        (0..count)
            .map(|_| char::from(all[self.below(all.len())]))
            .collect()
    }
}

/// One kind: what its issuer calls it, the name of a variable for it, and its parts: a fixed text, or an alphabet with a number.
pub(super) struct Kind {
    pub(super) name: &'static str,
    variable: &'static str,
    parts: &'static [Part],
}

enum Part {
    Fixed(&'static str),
    Any(&'static str, usize),
}

use Part::{Any, Fixed};

const fn kind(name: &'static str, variable: &'static str, parts: &'static [Part]) -> Kind {
    Kind {
        name,
        variable,
        parts,
    }
}

const UUID: &[Part] = &[
    Any(HEX, 8),
    Fixed("-"),
    Any(HEX, 4),
    Fixed("-"),
    Any(HEX, 4),
    Fixed("-"),
    Any(HEX, 4),
    Fixed("-"),
    Any(HEX, 12),
];

/// Those with a shape, then those that only a name gives away.
#[rustfmt::skip]
pub(super) const KINDS: &[Kind] = &[
    kind("AWS access key", "AWS_ACCESS_KEY_ID", &[Fixed("AKIA"), Any("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)]),
    kind("AWS secret key", "AWS_SECRET_ACCESS_KEY", &[Any(BASE64, 40)]),
    kind("GitHub personal token", "GH", &[Fixed("ghp_"), Any(WORD, 36)]),
    kind("GitHub server token", "GH", &[Fixed("ghs_"), Any(WORD, 36)]),
    kind("GitHub fine-grained token", "GH", &[Fixed("github_pat_"), Any(WORD, 22), Fixed("_"), Any(WORD, 59)]),
    kind("GitLab personal token", "CI_USER", &[Fixed("glpat-"), Any(URL, 20)]),
    kind("GitLab runner token", "RUNNER", &[Fixed("glrt-"), Any(URL, 20)]),
    kind("Slack bot token", "SLACK", &[Fixed("xoxb-"), Any(DIGITS, 12), Fixed("-"), Any(DIGITS, 12), Fixed("-"), Any(WORD, 24)]),
    kind("Slack app token", "SLACK", &[Fixed("xapp-1-A"), Any(UPPER, 10), Fixed("-"), Any(DIGITS, 13), Fixed("-"), Any(HEX, 64)]),
    kind("Slack webhook", "HOOK", &[Fixed("https://hooks.slack"), Fixed(".com/services/T"), Any(UPPER, 10), Fixed("/B"), Any(UPPER, 10), Fixed("/"), Any(WORD, 24)]),
    kind("Discord webhook", "HOOK", &[Fixed("https://discord"), Fixed(".com/api/webhooks/"), Any("123456789", 18), Fixed("/"), Any(URL, 68)]),
    kind("Stripe live key", "STRIPE", &[Fixed("sk_"), Fixed("live_"), Any(WORD, 24)]),
    kind("Stripe restricted key", "STRIPE", &[Fixed("rk_"), Fixed("live_"), Any(WORD, 99)]),
    kind("Google API key", "MAPS", &[Fixed("AIza"), Any(URL, 35)]),
    kind("Google OAuth secret", "OAUTH", &[Fixed("GOCSPX-"), Any(URL, 28)]),
    kind("Azure client secret", "AZURE", &[Any(WORD, 3), Fixed("8Q~"), Any(WORD, 34)]),
    kind("Azure storage key", "CONNECTION", &[Fixed("DefaultEndpointsProtocol=https;AccountName=store;AccountKey="), Any(BASE64, 86), Fixed("==")]),
    kind("OpenAI project key", "OPENAI", &[Fixed("sk-proj-"), Any(URL, 74), Fixed("T3Blbk"), Fixed("FJ"), Any(URL, 74)]),
    kind("Anthropic key", "CLAUDE", &[Fixed("sk-ant-"), Fixed("api03-"), Any(URL, 93), Fixed("AA")]),
    kind("OpenRouter key", "ROUTER", &[Fixed("sk-or-"), Fixed("v1-"), Any(HEX, 64)]),
    kind("Hugging Face token", "HUB", &[Fixed("hf_"), Any("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 34)]),
    kind("Groq key", "GROQ", &[Fixed("gsk_"), Any(WORD, 52)]),
    kind("npm token", "REGISTRY", &[Fixed("npm_"), Any(WORD, 36)]),
    kind("PyPI token", "REGISTRY", &[Fixed("pypi-"), Fixed("AgEIcHlwaS5vcmc"), Any(URL, 150)]),
    kind("crates.io token", "REGISTRY", &[Fixed("cio"), Any(WORD, 32)]),
    kind("RubyGems key", "REGISTRY", &[Fixed("rubygems_"), Any(HEX, 48)]),
    kind("Docker Hub token", "REGISTRY", &[Fixed("dckr_pat_"), Any(URL, 27)]),
    kind("DigitalOcean token", "OCEAN", &[Fixed("dop_v1_"), Any(HEX, 64)]),
    kind("SendGrid key", "MAIL", &[Fixed("SG."), Any(URL, 22), Fixed("."), Any(URL, 43)]),
    kind("Mailchimp key", "MAIL", &[Any(HEX, 32), Fixed("-us14")]),
    kind("Twilio key", "PHONE", &[Fixed("SK"), Any(HEX, 32)]),
    kind("Telegram token", "BOT", &[Any("123456789", 10), Fixed(":AA"), Any(URL, 33)]),
    kind("Shopify token", "SHOP", &[Fixed("shpat_"), Any(HEX, 32)]),
    kind("Square token", "SHOP", &[Fixed("sq0atp-"), Any(URL, 22)]),
    kind("Databricks token", "LAKE", &[Fixed("dapi"), Any(HEX, 32)]),
    kind("Vault token", "VAULT", &[Fixed("hvs."), Any(URL, 95)]),
    kind("Terraform token", "CLOUD", &[Any(WORD, 14), Fixed(".atlasv1."), Any(WORD, 67)]),
    kind("Pulumi token", "CLOUD", &[Fixed("pul-"), Any(HEX, 40)]),
    kind("Doppler token", "CLOUD", &[Fixed("dp.pt."), Any(WORD, 43)]),
    kind("Linear key", "BOARD", &[Fixed("lin_api_"), Any(WORD, 40)]),
    kind("Notion token", "NOTES", &[Fixed("ntn_"), Any(DIGITS, 11), Any(WORD, 35)]),
    kind("Airtable token", "TABLE", &[Fixed("pat"), Any(WORD, 14), Fixed("."), Any(HEX, 64)]),
    kind("Postman key", "MAN", &[Fixed("PMAK-"), Any(HEX, 24), Fixed("-"), Any(HEX, 34)]),
    kind("Grafana token", "PLOTS", &[Fixed("glsa_"), Any(WORD, 32), Fixed("_"), Any(HEX, 8)]),
    kind("New Relic key", "RELIC", &[Fixed("NRAK-"), Any(UPPER, 27)]),
    kind("age identity", "IDENTITY", &[Fixed("AGE-SECRET-"), Fixed("KEY-1"), Any("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)]),
    kind("JSON web token", "SESSION", &[Fixed("eyJhbGci"), Any(WORD, 28), Fixed(".eyJ"), Any(WORD, 60), Fixed("."), Any(URL, 43)]),
    kind("Heroku key", "HEROKU_API_KEY", UUID),
    kind("Datadog key", "DATADOG_API_KEY", &[Any(HEX, 32)]),
    kind("Okta token", "OKTA_API_TOKEN", &[Fixed("00"), Any(URL, 40)]),
    kind("Algolia key", "ALGOLIA_ADMIN_API_KEY", &[Any(HEX, 32)]),
    kind("Lob key", "lob_api_key", &[Fixed("live_"), Any(HEX, 35)]),
    kind("Etsy key", "etsy_access_token", &[Any(LOWER, 24)]),
    kind("signing secret", "SIGNING_SECRET", &[Any(BASE64, 43), Fixed("=")]),
    kind("password", "DB_PASSWORD", &[Any(PASSWORD, 16)]),
    kind("database address", "DATABASE", &[Fixed("postgres://app:"), Any(WORD, 20), Fixed("@db.internal:5432/app")]),
];

/// A file with a secret of that kind, in the line `LINE`, in one of the ways that people write them down.
pub(super) fn file(kind: &Kind, random: &mut Random) -> (&'static str, String, String) {
    let parts = kind.parts.iter().map(|part| match part {
        Fixed(text) => (*text).to_owned(),
        Any(alphabet, count) => random.of(alphabet, *count),
    });
    let secret: String = parts.collect();
    let name = kind.variable;
    let (path, line) = match random.below(6) {
        0 => (".env", format!("{name}={secret}")),
        1 => ("app/settings.py", format!("{name} = \"{secret}\"")),
        2 => ("config/app.yaml", format!("  {name}: {secret}")),
        3 => ("config/app.json", format!("  \"{name}\": \"{secret}\",")),
        4 => ("src/main.rs", format!("const {name}: &str = \"{secret}\";")),
        _ => (
            "src/index.js",
            format!("const c = {{ {name}: '{secret}' }};"),
        ),
    };
    (path, format!("first line\n\n{line}\nlast line\n"), secret)
}

/// The line of [`file`] that has the secret.
pub(super) const LINE: u32 = 3;

/// A private key in its armour, of 24 lines.
pub(super) fn private_key(random: &mut Random) -> String {
    let mark = |end: &str| format!("-----{end} RSA PRIVATE{} KEY-----\n", "");
    let lines: String = (0..24).map(|_| random.of(BASE64, 64) + "\n").collect();
    mark("BEGIN") + &lines + &mark("END")
}

/// One that `github-pat` finds.
pub(super) fn github(random: &mut Random) -> String {
    format!("ghp_{}", random.of(WORD, 36))
}
