//! Pictures of a plan as text: Mermaid for pages that render it, DOT for everything else.
//!
//! Nodes are named by their place in the plan, and ids and titles only ever appear inside of quoted labels in which every
//! character that either language could take for its own is escaped.

use std::collections::HashMap;
use std::fmt::Write;

use crate::model::{Plan, StoryTask, TaskId, TaskStatus};

/// Longest title in a label, in characters.
const TITLE: usize = 60;

/// A Mermaid flowchart, one subgraph per wave. Declared dependencies are solid, orders that were added to the plan dashed.
/// `status` colours a task; where it says `None`, the task has no colour.
pub fn mermaid(plan: &Plan, status: impl Fn(&TaskId) -> Option<TaskStatus>) -> String {
    let mut text = Lines::new("flowchart LR");
    for (wave, tasks) in waves(plan) {
        text.line(format_args!("  subgraph w{wave}[\"Wave {wave}\"]"));
        for (node, task) in tasks {
            let class =
                status(&task.id).map_or_else(String::new, |status| format!(":::{}", word(status)));
            text.line(format_args!(
                "    t{node}[\"{}\"]{class}",
                label(task, "<br/>", mermaid_text)
            ));
        }
        text.line(format_args!("  end"));
    }
    for edge in edges(plan) {
        let arrow = if edge.added { "-.->" } else { "-->" };
        text.line(format_args!("  t{} {arrow} t{}", edge.from, edge.to));
    }
    for status in used(plan, status) {
        let (fill, stroke) = colours(status);
        text.line(format_args!(
            "  classDef {} fill:{fill},stroke:{stroke},color:#111",
            word(status)
        ));
    }
    text.0
}

/// A directed graph for Graphviz, one cluster per wave, with the same conventions as [`mermaid`]. The reason of an added
/// order is the tooltip of its edge.
pub fn dot(plan: &Plan, status: impl Fn(&TaskId) -> Option<TaskStatus>) -> String {
    let mut text = Lines::new("digraph plan {");
    text.line(format_args!("  rankdir=LR;"));
    text.line(format_args!(
        "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\"];"
    ));
    for (wave, tasks) in waves(plan) {
        text.line(format_args!("  subgraph cluster_{wave} {{"));
        text.line(format_args!("    label=\"Wave {wave}\";"));
        for (node, task) in tasks {
            let colour = status(&task.id).map_or_else(String::new, |status| {
                let (fill, stroke) = colours(status);
                format!(", fillcolor=\"{fill}\", color=\"{stroke}\"")
            });
            text.line(format_args!(
                "    t{node} [label=\"{}\"{colour}];",
                label(task, "\\n", dot_text)
            ));
        }
        text.line(format_args!("  }}"));
    }
    for edge in edges(plan) {
        let style = if edge.added {
            format!(" [style=dashed, tooltip=\"{}\"]", dot_text(edge.why))
        } else {
            String::new()
        };
        text.line(format_args!("  t{} -> t{}{style};", edge.from, edge.to));
    }
    text.line(format_args!("}}"));
    text.0
}

struct Lines(String);

impl Lines {
    fn new(first: &str) -> Self {
        Self(format!("{first}\n"))
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

pub(super) type Nodes<'a> = Vec<(usize, &'a StoryTask)>;

/// The waves that have tasks, each with its tasks and their places in the plan.
pub(super) fn waves(plan: &Plan) -> Vec<(usize, Nodes<'_>)> {
    let mut waves: std::collections::BTreeMap<usize, Nodes<'_>> = std::collections::BTreeMap::new();
    for (node, task) in plan.tasks.iter().enumerate() {
        waves.entry(task.wave).or_default().push((node, task));
    }
    waves.into_iter().collect()
}

pub(super) struct Arrow<'a> {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) added: bool,
    pub(super) why: &'a str,
}

/// Declared edges in plan order, then added ones that are not declared as well.
pub(super) fn edges(plan: &Plan) -> Vec<Arrow<'_>> {
    let tasks = plan.tasks.iter().enumerate();
    let nodes: HashMap<&TaskId, usize> =
        tasks.clone().map(|(node, task)| (&task.id, node)).collect();
    let declared = tasks.flat_map(|(to, task)| {
        let nodes = &nodes;
        task.depends_on.iter().filter_map(move |id| {
            Some(Arrow {
                from: *nodes.get(id)?,
                to,
                added: false,
                why: "",
            })
        })
    });
    let added = plan.added_edges.iter().filter_map(|edge| {
        let to = *nodes.get(&edge.after)?;
        let is_declared = plan.tasks[to].depends_on.contains(&edge.before);
        (!is_declared).then_some(Arrow {
            from: *nodes.get(&edge.before)?,
            to,
            added: true,
            why: &edge.why,
        })
    });
    declared.chain(added).collect()
}

/// The statuses that occur, in the order of their first task.
fn used(plan: &Plan, status: impl Fn(&TaskId) -> Option<TaskStatus>) -> Vec<TaskStatus> {
    let mut used = Vec::new();
    for status in plan.tasks.iter().filter_map(|task| status(&task.id)) {
        if !used.contains(&status) {
            used.push(status);
        }
    }
    used
}

fn label(task: &StoryTask, line_break: &str, escape: fn(&str) -> String) -> String {
    let id = escape(task.id.as_str());
    let mut title: String = task.title.chars().take(TITLE).collect();
    if task.title.chars().nth(TITLE).is_some() {
        title.push('…');
    }
    if title.is_empty() || title == task.id.as_str() {
        id
    } else {
        format!("{id}{line_break}{}", escape(&title))
    }
}

/// Invisible characters that change the direction or the look of what follows them.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

pub(super) fn visible(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        .filter(|c| !is_invisible(*c))
        .map(|c| if c.is_control() { ' ' } else { c })
}

/// Everything but letters, digits and harmless punctuation becomes a numeric entity, the only escape that Mermaid has.
fn mermaid_text(text: &str) -> String {
    visible(text).fold(String::new(), |mut text, c| {
        if c.is_alphanumeric() || matches!(c, ' ' | '.' | ',' | '-' | '_' | '/' | '+' | '…') {
            text.push(c);
        } else {
            let _ = write!(text, "#{};", u32::from(c));
        }
        text
    })
}

fn dot_text(text: &str) -> String {
    visible(text).fold(String::new(), |mut text, c| {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
        text
    })
}

pub(super) const fn word(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::Pending => "pending",
        TaskStatus::Queued => "queued",
        TaskStatus::Running => "running",
        TaskStatus::InReview => "in_review",
        TaskStatus::Completed => "completed",
        TaskStatus::Failed => "failed",
        TaskStatus::Blocked => "blocked",
        TaskStatus::Skipped => "skipped",
        TaskStatus::Cancelled => "cancelled",
    }
}

/// Fill and outline.
pub(super) const fn colours(status: TaskStatus) -> (&'static str, &'static str) {
    match status {
        TaskStatus::Pending => ("#f3f4f6", "#9ca3af"),
        TaskStatus::Queued => ("#e5e7eb", "#6b7280"),
        TaskStatus::Running => ("#dbeafe", "#2563eb"),
        TaskStatus::InReview => ("#ede9fe", "#7c3aed"),
        TaskStatus::Completed => ("#dcfce7", "#16a34a"),
        TaskStatus::Failed => ("#fee2e2", "#dc2626"),
        TaskStatus::Blocked => ("#ffedd5", "#ea580c"),
        TaskStatus::Skipped => ("#fafafa", "#d4d4d4"),
        TaskStatus::Cancelled => ("#fef9c3", "#ca8a04"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Edge;

    fn plan() -> Plan {
        let mut tasks = vec![
            StoryTask::new("1", "Interface"),
            StoryTask::new("2", "Backend").depends_on(["1"]),
            StoryTask::new("3", "").depends_on(["1"]),
            StoryTask::new("4", "Docs").depends_on(["2", "3"]),
        ];
        for (task, wave) in tasks.iter_mut().zip([0, 1, 2, 3]) {
            task.wave = wave;
        }
        tasks[2].wave = 1;
        tasks[3].wave = 2;
        let mut plan = Plan::from_parts("Plan".to_owned(), String::new(), tasks);
        let edge = |before: &str, after: &str| Edge {
            before: before.into(),
            after: after.into(),
            why: "both touch \"a\\b\"".to_owned(),
        };
        plan.added_edges = vec![edge("2", "3"), edge("1", "2")];
        plan
    }

    fn statuses(id: &TaskId) -> Option<TaskStatus> {
        match id.as_str() {
            "1" => Some(TaskStatus::Completed),
            "2" | "3" => Some(TaskStatus::Running),
            _ => None,
        }
    }

    #[test]
    fn mermaid_of_a_plan() {
        assert_eq!(
            mermaid(&plan(), |_| None),
            r#"flowchart LR
  subgraph w0["Wave 0"]
    t0["1<br/>Interface"]
  end
  subgraph w1["Wave 1"]
    t1["2<br/>Backend"]
    t2["3"]
  end
  subgraph w2["Wave 2"]
    t3["4<br/>Docs"]
  end
  t0 --> t1
  t0 --> t2
  t1 --> t3
  t2 --> t3
  t1 -.-> t2
"#
        );
    }

    #[test]
    fn mermaid_with_statuses() {
        assert_eq!(
            mermaid(&plan(), statuses),
            r#"flowchart LR
  subgraph w0["Wave 0"]
    t0["1<br/>Interface"]:::completed
  end
  subgraph w1["Wave 1"]
    t1["2<br/>Backend"]:::running
    t2["3"]:::running
  end
  subgraph w2["Wave 2"]
    t3["4<br/>Docs"]
  end
  t0 --> t1
  t0 --> t2
  t1 --> t3
  t2 --> t3
  t1 -.-> t2
  classDef completed fill:#dcfce7,stroke:#16a34a,color:#111
  classDef running fill:#dbeafe,stroke:#2563eb,color:#111
"#
        );
    }

    #[test]
    fn dot_with_statuses() {
        assert_eq!(
            dot(&plan(), statuses),
            r##"digraph plan {
  rankdir=LR;
  node [shape=box, style="rounded,filled", fillcolor="#ffffff"];
  subgraph cluster_0 {
    label="Wave 0";
    t0 [label="1\nInterface", fillcolor="#dcfce7", color="#16a34a"];
  }
  subgraph cluster_1 {
    label="Wave 1";
    t1 [label="2\nBackend", fillcolor="#dbeafe", color="#2563eb"];
    t2 [label="3", fillcolor="#dbeafe", color="#2563eb"];
  }
  subgraph cluster_2 {
    label="Wave 2";
    t3 [label="4\nDocs"];
  }
  t0 -> t1;
  t0 -> t2;
  t1 -> t3;
  t2 -> t3;
  t1 -> t2 [style=dashed, tooltip="both touch \"a\\b\""];
}
"##
        );
    }

    #[test]
    fn an_empty_plan_is_still_a_graph() {
        let plan = Plan::from_parts(String::new(), String::new(), Vec::new());
        assert_eq!(mermaid(&plan, |_| None), "flowchart LR\n");
        assert!(dot(&plan, |_| None).ends_with("];\n}\n"));
    }

    #[test]
    fn labels_keep_to_their_place() {
        let cases = [
            ("end", "end", "end"),
            (
                r#"a"]; t9["x"#,
                "a#34;#93;#59; t9#91;#34;x",
                r#"a\"]; t9[\"x"#,
            ),
            ("`**md**`", "#96;#42;#42;md#42;#42;#96;", "`**md**`"),
            ("style a:#1;", "style a#58;#35;1#59;", "style a:#1;"),
            (
                "<script>&amp;",
                "#60;script#62;#38;amp#59;",
                "<script>&amp;",
            ),
            ("%%{init}%%", "#37;#37;#123;init#125;#37;#37;", "%%{init}%%"),
            (
                "two\nlines\r\u{1b}[2J",
                "two lines  #91;2J",
                "two lines  [2J",
            ),
            ("back\\", "back#92;", "back\\\\"),
            ("\u{202e}abc\u{2066}", "abc", "abc"),
            ("naïve 日本", "naïve 日本", "naïve 日本"),
        ];
        for (title, in_mermaid, in_dot) in cases {
            let task = StoryTask::new("i", title);
            let mut plan = Plan::from_parts(String::new(), String::new(), vec![task]);
            plan.tasks[0].wave = 0;
            let line = |text: &str| text.lines().nth(2).map(ToOwned::to_owned);
            assert_eq!(
                line(&mermaid(&plan, |_| None)),
                Some(format!("    t0[\"i<br/>{in_mermaid}\"]"))
            );
            let line = |text: &str| text.lines().nth(5).map(ToOwned::to_owned);
            assert_eq!(
                line(&dot(&plan, |_| None)),
                Some(format!("    t0 [label=\"i\\n{in_dot}\"];"))
            );
        }
    }

    #[test]
    fn long_titles_are_cut() {
        let task = StoryTask::new("i", "é".repeat(61));
        let plan = Plan::from_parts(String::new(), String::new(), vec![task]);
        let expected = format!("\"i<br/>{}…\"", "é".repeat(60));
        assert!(mermaid(&plan, |_| None).contains(&expected));
    }
}
