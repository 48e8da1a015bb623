use super::*;

/// Made up, with every kind of character that some encoding changes.
const SECRETS: [&str; 6] = [
    "hunter2hunter2",
    "p@ss w/rd+\"q\\uo<te>&=é%20",
    "AbCdEf0123456789/+AbCdEf0123456789/+Zz==",
    "日本語の秘密の言葉",
    "first line of it here\nsecond line of it!\n\tthird",
    "aaaaaaaaaaaaaaab",
];

fn redactor() -> Redactor {
    let environment = SECRETS
        .iter()
        .enumerate()
        .map(|(number, secret)| (format!("SERVICE_{number}_TOKEN"), *secret));
    Redactor::new(environment.chain([("HOME".to_owned(), "/home/somebody")])).unwrap()
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let value = group
            .iter()
            .chain([0, 0].iter())
            .take(3)
            .fold(0_usize, |value, &byte| value << 8 | usize::from(byte));
        for place in 0..4 {
            text.push(match place <= group.len() {
                true => char::from(ALPHABET[value >> (18 - 6 * place) & 63]),
                false => '=',
            });
        }
    }
    text
}

fn percent(secret: &str) -> String {
    secret
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// The secret in each encoding, with something before and after it.
fn printed(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap();
    let mut printed = vec![
        format!("key: {secret}\n"),
        format!("x{secret}y"),
        format!("{{\"key\":{json}}}"),
        serde_json::to_string(&format!("{{\"key\":{json}}}")).unwrap(),
        format!("https://host/?key={}&x", percent(secret)),
        percent(secret).replace("%20", "+"),
        secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
        secret.bytes().map(|byte| format!("{byte:02X}")).collect(),
    ];
    for before in ["", "u", "us", "user:", "usr:"] {
        printed.push(base64(format!("{before}{secret}").as_bytes()));
        printed.push(
            base64(format!("{before}{secret}\n").as_bytes())
                .replace('+', "-")
                .replace('/', "_"),
        );
    }
    printed
}

/// Whether the secret, one of its lines, or what was printed of it is still there.
fn leaks(text: &str, secret: &str, spelled: &str) -> bool {
    let lines = secret.lines().map(str::trim);
    lines
        .filter(|line| line.len() >= 16)
        .chain([secret])
        .any(|part| text.contains(part))
        || text.contains(spelled.trim_end())
}

#[test]
fn known_secrets_are_masked_in_every_spelling() {
    let redactor = redactor();
    for secret in SECRETS {
        for text in printed(secret) {
            let masked = redactor.redact(&text);
            assert!(masked.contains(MASK), "{text}");
            assert!(!leaks(&masked, secret, &text), "{text} -> {masked}");
            assert!(
                masked.len() <= MASK.len() + 32,
                "more is left than stood around it: {text} -> {masked}"
            );
            assert_eq!(redactor.redact(&masked), masked, "again");
        }
    }
}

#[test]
fn a_secret_is_found_wherever_a_stream_is_split() {
    let redactor = redactor();
    for secret in SECRETS {
        for text in printed(secret) {
            let text = format!("before {text} after\n");
            let whole = redactor.redact(&text);
            for split in 0..=text.len() {
                let mut stream = redactor.stream();
                let mut out = stream.push(&text.as_bytes()[..split]);
                out.extend(stream.push(&text.as_bytes()[split..]));
                out.extend(stream.finish());
                assert_eq!(String::from_utf8(out).unwrap(), whole, "split at {split}");
            }
            let mut stream = redactor.stream();
            let mut out: Vec<u8> = text.bytes().flat_map(|byte| stream.push(&[byte])).collect();
            out.extend(stream.finish());
            assert_eq!(String::from_utf8(out).unwrap(), whole, "byte by byte");
        }
    }
}

const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\nAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAt\n-----END OPENSSH PRIVATE KEY-----";

/// Assembled here, so that no scanner takes this file for a leak.
fn shapes() -> Vec<String> {
    let word = "Ab3dEf6hIj9lMn0pQr2tUv4xYz7BcD1fGh5jKl8n";
    let mut shapes: Vec<String> = [
        "ghp_",
        "gho_",
        "github_pat_",
        "sk-ant-api03-",
        "sk-proj-",
        "sk-",
        "sk_live_",
        "xoxb-12345-",
        "glpat-",
        "npm_",
        "hf_",
        "pypi-AgEI",
        "ya29.",
    ]
    .iter()
    .map(|start| format!("{start}{word}"))
    .collect();
    shapes.push(format!("AKIA{}", "ABCDEFGHIJ234567"));
    shapes.push(format!("AIza{}", &word[..35]));
    shapes.push(format!("SG.{}.{}", &word[..22], word));
    shapes.push(format!("eyJ{word}.eyJ{word}.{word}"));
    shapes.push(KEY.to_owned());
    shapes.push(KEY.replace('\n', "\\n"));
    shapes.push(KEY.replace("\n-----END OPENSSH PRIVATE KEY-----", ""));
    shapes
}

#[test]
fn tokens_are_known_by_their_shape() {
    let redactor = Redactor::new::<&str, &str>([]).unwrap();
    for shape in shapes() {
        for (before, after) in [
            ("", ""),
            ("token=", " rest"),
            ("{\"a\":\"", "\"}"),
            ("line\n", "\nline"),
        ] {
            let text = format!("{before}{shape}{after}");
            let masked = redactor.redact(&text);
            assert_eq!(
                masked.trim_end(),
                format!("{before}{MASK}{after}").trim_end(),
                "{text}"
            );
            for split in 0..=text.len() {
                let mut stream = redactor.stream();
                let mut out = stream.push(&text.as_bytes()[..split]);
                out.extend(stream.push(&text.as_bytes()[split..]));
                out.extend(stream.finish());
                assert_eq!(String::from_utf8(out).unwrap(), masked, "split at {split}");
            }
        }
    }
    assert_eq!(
        redactor.redact("postgres://user:s3cret!@host:5432/db"),
        format!("postgres://user:{MASK}@host:5432/db")
    );
}

#[test]
fn what_is_no_secret_passes_untouched() {
    let redactor = redactor();
    for text in [
        "",
        "plain text, línea 日本\n",
        "/home/somebody/project",
        "https://user@host:443/path and http://localhost:8080/a@b",
        "class sk-estimator and task-1234 and risk-averse-people-everywhere-in-the-world",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n",
        "commit e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
        "eyJust a word",
    ] {
        assert!(
            matches!(redactor.redact(text), Cow::Borrowed(same) if same == text),
            "{text}"
        );
        let mut stream = redactor.stream();
        let mut out = stream.push(text.as_bytes());
        out.extend(stream.finish());
        assert_eq!(out, text.as_bytes());
    }
}

#[test]
fn lines_pass_at_once_and_any_bytes_pass() {
    let redactor = redactor();
    let mut stream = redactor.stream();
    for line in [
        &b"compiling 1 of 9\n"[..],
        b"\xff\xfe\x00 not Unicode\n",
        b"-----BEGIN CERTIFICATE-----\n",
    ] {
        assert_eq!(stream.push(line), line);
    }
    assert_eq!(stream.push(b"-----BEGIN RSA PRIVATE KEY-----\n"), b"");
}

#[test]
fn overlapping_secrets_leave_nothing() {
    let redactor = Redactor::new([
        ("A_TOKEN", "abcdefghij"),
        ("B_TOKEN", "ghijklmnop"),
        ("C_TOKEN", "abcdefghijkl"),
    ])
    .unwrap();
    assert_eq!(redactor.redact("<abcdefghijklmnop>"), format!("<{MASK}>"));
    let mut stream = redactor.stream();
    assert_eq!(stream.push(b"<abcdefghij"), b"");
    assert_eq!(stream.push(b"kl> "), format!("<{MASK}> ").as_bytes());
}

#[test]
fn an_endless_token_does_not_fill_the_memory() {
    let redactor = redactor();
    let mut stream = redactor.stream();
    let mut out = stream.push(b"see ghp_");
    for _ in 0..100 {
        out.extend(stream.push(&[b'a'; 4096]));
        assert!(stream.held() <= 128 * 1024);
    }
    out.extend(stream.push(b" end\n"));
    assert_eq!(String::from_utf8(out).unwrap(), format!("see {MASK} end\n"));

    let mut out = 0;
    for _ in 0..100 {
        out += stream.push(&[b'-'; 4096]).len();
        assert!(stream.held() <= 128 * 1024);
    }
    assert_eq!(out + stream.finish().len(), 100 * 4096);
}

#[test]
fn secrets_are_not_shown_by_accident() {
    let shown = format!("{:?} {:?}", redactor(), redactor().stream());
    assert!(
        SECRETS.iter().all(|secret| !shown.contains(secret)),
        "{shown}"
    );
}
