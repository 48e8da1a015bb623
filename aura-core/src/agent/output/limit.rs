//! When a limit ends, as providers put it: at a time, at a time of day, after a while.

use std::sync::LazyLock;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};
use regex::{Captures, Regex};

/// A limit does not last longer; what says so is no time.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 62);

fn pattern(text: &str) -> Regex {
    Regex::new(&format!("(?i){text}")).expect("the pattern is fixed")
}

/// Seconds since 1970, or milliseconds.
static EPOCH: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?:limit reached\||resets?(?:_at|At| at)?["']?\s*[:=]?\s*)(1\d{9}(?:\d{3})?)\b"#)
});

static ISO: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:reset|retry|again|until|available|after|renew)[^\n]{0,60}?(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*(Z|UTC|GMT|[+-]\d\d:?\d\d)?",
    )
});

/// A number of seconds without a unit, as in a header.
static SECONDS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?:retry[-_ ]?after(_ms|-ms)?|resets?_(?:in|after)_seconds|retryDelay)["']?\s*[:=]?\s*["']?(\d+(?:\.\d+)?)(?:\s*(m|mins?|minutes?|h|hrs?|hours?|d|days?)\b|s\b|[^\w:.-]|\.?$|\.\s)"#,
    )
});

/// `in 1h 30m`, `after 2 days, 3 hours`.
static AFTER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:again|retry|resets?|wait|available|renews?)[^\n]{0,40}?\b(?:in|after|for|wait)\s+(?:about\s+)?((?:\d+(?:\.\d+)?\s*(?:ms|milliseconds?|d(?:ays?)?|h(?:ours?|rs?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)(?:\b|\d)?[\s,]*(?:and\s+)?)+)",
    )
});

static PART: LazyLock<Regex> = LazyLock::new(|| pattern(r"(\d+(?:\.\d+)?)\s*(ms|mil|d|h|m|s)"));

/// `3pm`, `15:30 UTC`, `Oct 9 at 5pm (Europe/Berlin)`, `Nov 28th, 2026 3:15 PM`, `Monday 9am`.
static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
    let date = r"(?:(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?(?:,?\s+(?P<year>20\d\d))?,?\s+(?:at\s+)?|(?P<weekday>mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+(?:at\s+)?|(?P<tomorrow>tomorrow),?\s+(?:at\s+)?)?";
    let time = r"(?P<hour>\d{1,2})(?:(?::(?P<minute>\d\d))(?::\d\d)?\s*(?P<half>[ap])?\.?(?:m\b)?|\s*(?P<bare>[ap])\.?m\b)";
    let zone = r"\.?\s*(?:\(?(?P<zone>[A-Z][A-Za-z_]+/[A-Za-z_/+-]+|UTC|GMT)\)?)?";
    pattern(&format!(
        r"(?:reset|again|available|until|renew)[a-z]*\W(?:[^\n]{{0,30}}?\W)??(?:at\s+|on\s+)?{date}\b{time}{zone}"
    ))
});

/// The end of the limit that a message is about, if it names one in the near future.
pub(super) fn end_of(message: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let end = epoch(message)
        .or_else(|| iso(message, zone))
        .or_else(|| seconds(message, now))
        .or_else(|| after(message, now))
        .or_else(|| time_of_day(message, now, zone))?;
    (end > now && end.duration_since(now) <= LONGEST).then_some(end)
}

fn epoch(message: &str) -> Option<Timestamp> {
    let number: i64 = EPOCH.captures(message)?[1].parse().ok()?;
    if number > 100_000_000_000 {
        Timestamp::from_millisecond(number).ok()
    } else {
        Timestamp::from_second(number).ok()
    }
}

fn iso(message: &str, zone: &TimeZone) -> Option<Timestamp> {
    let found = ISO.captures(message)?;
    let date: Date = found[1].parse().ok()?;
    let time: Time = found[2].parse().ok()?;
    let zone = match found.get(3).map(|zone| zone.as_str()) {
        None => zone.clone(),
        Some("Z" | "z" | "UTC" | "utc" | "GMT" | "gmt") => TimeZone::UTC,
        Some(offset) => {
            let hours: i32 = offset[1..3].parse().ok()?;
            let minutes: i32 = offset[offset.len() - 2..].parse().ok()?;
            let seconds = hours * 3600 + minutes * 60;
            let sign = if offset.starts_with('-') { -1 } else { 1 };
            TimeZone::fixed(jiff::tz::Offset::from_seconds(sign * seconds).ok()?)
        }
    };
    Some(date.to_datetime(time).to_zoned(zone).ok()?.timestamp())
}

fn seconds(message: &str, now: Timestamp) -> Option<Timestamp> {
    let found = SECONDS.captures(message)?;
    let number: f64 = found[2].parse().ok()?;
    let unit = match found.get(3).map(|unit| unit.as_str().to_ascii_lowercase()) {
        None if found.get(1).is_some() => 0.001,
        None => 1.0,
        Some(unit) => seconds_in(&unit),
    };
    later(now, number * unit)
}

fn after(message: &str, now: Timestamp) -> Option<Timestamp> {
    let found = AFTER.captures(message)?;
    let parts = PART.captures_iter(found.get(1)?.as_str());
    let total = parts
        .filter_map(|part| {
            Some(part[1].parse::<f64>().ok()? * seconds_in(&part[2].to_ascii_lowercase()))
        })
        .sum();
    later(now, total)
}

fn seconds_in(unit: &str) -> f64 {
    match unit.as_bytes() {
        [b'm', b's' | b'i', b'l', ..] | [b'm', b's'] => 0.001,
        [b'd', ..] => 86_400.0,
        [b'h', ..] => 3600.0,
        [b'm', ..] => 60.0,
        _ => 1.0,
    }
}

fn later(now: Timestamp, seconds: f64) -> Option<Timestamp> {
    let wait = SignedDuration::try_from_secs_f64(seconds).ok()?;
    now.checked_add(wait).ok()
}

fn time_of_day(message: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let found = CLOCK.captures(message)?;
    let zone = match found.name("zone").map(|zone| zone.as_str()) {
        None => zone.clone(),
        Some(name) if name.eq_ignore_ascii_case("utc") || name.eq_ignore_ascii_case("gmt") => {
            TimeZone::UTC
        }
        Some(name) => TimeZone::get(name).ok()?,
    };
    let time = time_in(&found)?;
    let now = now.to_zoned(zone);
    let end = match date_in(&found, &now, time)? {
        date if date.to_datetime(time) > now.datetime() || has_date(&found) => date,
        date => date.tomorrow().ok()?,
    };
    let end = end.to_datetime(time).to_zoned(now.time_zone().clone());
    Some(end.ok()?.timestamp())
}

fn time_in(found: &Captures<'_>) -> Option<Time> {
    let number = |name: &str| {
        found
            .name(name)
            .map_or(Some(0), |text| text.as_str().parse::<i8>().ok())
    };
    let (hour, minute) = (number("hour")?, number("minute")?);
    let half = found.name("half").or(found.name("bare"));
    let hour = match half.map(|half| half.as_str()) {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some("a" | "A") => hour % 12,
        Some(_) => hour % 12 + 12,
    };
    Time::new(hour, minute, 0, 0).ok()
}

fn has_date(found: &Captures<'_>) -> bool {
    ["month", "weekday", "tomorrow"]
        .iter()
        .any(|name| found.name(name).is_some())
}

/// The day that is meant; today where none is named.
fn date_in(found: &Captures<'_>, now: &Zoned, time: Time) -> Option<Date> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let lower = |name: &str| {
        found
            .name(name)
            .map(|text| text.as_str().to_ascii_lowercase())
    };
    let today = now.date();
    if let Some(month) = lower("month") {
        let month = MONTHS.iter().position(|name| *name == month)?;
        let month = i8::try_from(month).ok()? + 1;
        let day = lower("day")?.parse().ok()?;
        if let Some(year) = lower("year") {
            return Date::new(year.parse().ok()?, month, day).ok();
        }
        let this = Date::new(today.year(), month, day).ok()?;
        // A limit that ended half a year ago is one of the next year.
        return if this < today.checked_sub(31.days()).ok()? {
            Date::new(today.year() + 1, month, day).ok()
        } else {
            Some(this)
        };
    }
    if let Some(day) = lower("weekday") {
        let day = match day.as_str() {
            "mon" => Weekday::Monday,
            "tue" => Weekday::Tuesday,
            "wed" => Weekday::Wednesday,
            "thu" => Weekday::Thursday,
            "fri" => Weekday::Friday,
            "sat" => Weekday::Saturday,
            _ => Weekday::Sunday,
        };
        return if today.weekday() == day && time > now.time() {
            Some(today)
        } else {
            today.nth_weekday(1, day).ok()
        };
    }
    if lower("tomorrow").is_some() {
        return today.tomorrow().ok();
    }
    Some(today)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Wednesday; in Berlin it is 11 o'clock.
    const NOW: &str = "2026-11-25T10:00:00Z";

    fn end(message: &str, zone: &TimeZone) -> Option<String> {
        end_of(message, NOW.parse().unwrap(), zone).map(|end| end.to_string())
    }

    #[test]
    fn the_usual_texts_are_understood() {
        let east = TimeZone::fixed(jiff::tz::offset(2));
        for (message, expected) in [
            ("usage limit reached, resets at 3pm", "2026-11-25T13:00:00Z"),
            (
                "usage limit reached, resets at 3:30 PM",
                "2026-11-25T13:30:00Z",
            ),
            (
                "You've hit your session limit · resets 11am",
                "2026-11-26T09:00:00Z",
            ),
            (
                "5-hour limit reached ∙ resets 3pm (UTC)",
                "2026-11-25T15:00:00Z",
            ),
            ("Your limit will reset at 15:30 UTC", "2026-11-25T15:30:00Z"),
            (
                "weekly limit reached ∙ resets Nov 27 at 5pm",
                "2026-11-27T15:00:00Z",
            ),
            (
                "try again at Nov 28th, 2026 3:15 PM.",
                "2026-11-28T13:15:00Z",
            ),
            ("resets Friday 9am", "2026-11-27T07:00:00Z"),
            ("resets tomorrow at 12am", "2026-11-25T22:00:00Z"),
            ("resets Jan 3 at 5pm", "2027-01-03T15:00:00Z"),
            ("Please try again at 3:00 PM", "2026-11-25T13:00:00Z"),
            ("try again in 2 hours", "2026-11-25T12:00:00Z"),
            ("Please try again in 20s.", "2026-11-25T10:00:20Z"),
            ("Please try again in 1m30.5s", "2026-11-25T10:01:30.5Z"),
            (
                "try again in 2 days 3 hours 5 minutes.",
                "2026-11-27T13:05:00Z",
            ),
            (
                "try again in 1 day, 2 hours and 10 minutes",
                "2026-11-26T12:10:00Z",
            ),
            (
                "Your quota will reset after 18h31m10s.",
                "2026-11-26T04:31:10Z",
            ),
            ("Please retry in 39.5s.", "2026-11-25T10:00:39.5Z"),
            ("please wait 10 minutes and retry", ""),
            ("retry after 30 seconds", "2026-11-25T10:00:30Z"),
            ("Retry-After: 20", "2026-11-25T10:00:20Z"),
            ("retry-after 2 minutes", "2026-11-25T10:02:00Z"),
            (r#"{"retry_after": 7}"#, "2026-11-25T10:00:07Z"),
            (r#"{"retry_after_ms": 1500}"#, "2026-11-25T10:00:01.5Z"),
            (r#"{"retryDelay": "34s"}"#, "2026-11-25T10:00:34Z"),
            (r#"{"resets_in_seconds": 3600}"#, "2026-11-25T11:00:00Z"),
            (r#"{"resets_at": 1795608000}"#, "2026-11-25T12:00:00Z"),
            (
                "Claude AI usage limit reached|1795608000",
                "2026-11-25T12:00:00Z",
            ),
            ("limit reached|1795608000000", "2026-11-25T12:00:00Z"),
            ("resets at 2026-11-25T15:00:00Z", "2026-11-25T15:00:00Z"),
            (
                "retry after 2026-11-25 15:00:00 +01:00",
                "2026-11-25T14:00:00Z",
            ),
            (
                "available again on 2026-11-25 15:00",
                "2026-11-25T13:00:00Z",
            ),
        ] {
            let expected = Some(expected).filter(|end| !end.is_empty());
            assert_eq!(end(message, &east).as_deref(), expected, "{message}");
        }
    }

    #[test]
    fn a_named_place_counts_where_this_machine_knows_it() {
        let berlin = end("resets 3pm (Europe/Berlin)", &TimeZone::UTC);
        let known = TimeZone::get("Europe/Berlin").is_ok();
        assert_eq!(berlin.is_some(), known);
        assert!(berlin.is_none_or(|end| end == "2026-11-25T14:00:00Z"));
        assert_eq!(end("resets 3pm (Nowhere/Land)", &TimeZone::UTC), None);
    }

    #[test]
    fn what_is_no_time_to_come_is_none() {
        for message in [
            "",
            "usage limit reached",
            "resets at 25:00",
            "resets at 13pm",
            "reset 3 times",
            "retry 3 of 10",
            "resets at 2020-01-01T00:00:00Z",
            "try again in 0 seconds",
            "try again in 99999999999999999999 hours",
            "try again in 9999 days",
            r#"{"resets_at": 1000000000}"#,
            "retry after 2026-13-45 99:99",
            "resets Feb 31 at 3pm",
        ] {
            assert_eq!(end(message, &TimeZone::UTC), None, "{message}");
        }
    }
}
