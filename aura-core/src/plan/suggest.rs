//! Did you mean: the nearest known name, and names made fit for a message.

/// Longer words are never typing mistakes worth a comparison.
const MAX_COMPARED: usize = 64;
/// How much of a name a message shows.
const MAX_SHOWN: usize = 80;

/// The known name that `word` is most likely a misspelling of.
pub(crate) fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = fold(word);
    if word.len() > MAX_COMPARED || plain.is_empty() {
        return None;
    }
    let limit = (plain.len() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for name in known {
        if name.len() > MAX_COMPARED || name == word {
            continue;
        }
        let other = fold(name);
        if other.is_empty() || plain.len().abs_diff(other.len()) > limit {
            continue;
        }
        let distance = distance(&plain, &other);
        if distance <= limit
            && distance < plain.len()
            && best.is_none_or(|(least, _)| distance < least)
        {
            best = Some((distance, name));
        }
    }
    best.map(|(_, name)| name)
}

/// `name` on one line and of bounded length.
pub(crate) fn shown(name: &str) -> String {
    let mut text: String = name
        .chars()
        .take(MAX_SHOWN)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if name.chars().nth(MAX_SHOWN).is_some() {
        text.push('…');
    }
    text
}

/// Case and separators are what people confuse first.
fn fold(name: &str) -> Vec<char> {
    name.chars()
        .filter(|c| !matches!(c, '-' | '_' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Edits, a swap of neighbours counting as one.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = change.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}
