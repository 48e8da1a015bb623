//! A picture of a plan that needs nothing to be shown: waves from left to right, the tasks of a wave below each other.
//!
//! The waves are the layers of the graph already, so that no layout has to be searched for.

use std::fmt::Write;

use super::graph::{Arrow, colours, edges, visible, waves, word};
use crate::model::{Plan, StoryTask, TaskId, TaskStatus};

const BOX_WIDTH: usize = 200;
const BOX_HEIGHT: usize = 46;
const COLUMN: usize = BOX_WIDTH + 70;
const ROW: usize = BOX_HEIGHT + 16;
const MARGIN: usize = 20;
const HEADER: usize = 34;
/// Longest line in a box, in characters.
const LINE: usize = 28;

/// The plan as an SVG picture, with the conventions of [`mermaid`](super::mermaid): declared dependencies are solid, orders that were
/// added to the plan dashed, and `status` colours a task. The full title and the status are shown when one points at a task.
pub fn svg(plan: &Plan, status: impl Fn(&TaskId) -> Option<TaskStatus>) -> String {
    let waves = waves(plan);
    let rows = waves.iter().map(|(_, tasks)| tasks.len()).max();
    let width = waves.len().max(1) * COLUMN - (COLUMN - BOX_WIDTH) + 2 * MARGIN;
    let height = rows.unwrap_or(0) * ROW + HEADER + 2 * MARGIN;
    let mut places = vec![(0, 0); plan.tasks.len()];
    for (column, (_, tasks)) in waves.iter().enumerate() {
        for (row, (node, _)) in tasks.iter().enumerate() {
            places[*node] = (MARGIN + column * COLUMN, MARGIN + HEADER + row * ROW);
        }
    }
    let mut picture = Picture(String::new());
    picture.line(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" role=\"img\">"
    ));
    picture.line(format_args!("<title>{}</title>", escape(&plan.title)));
    picture.line(format_args!(
        "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
         <path d=\"M0 0 8 4 0 8z\" fill=\"#6b7280\"/></marker></defs>"
    ));
    picture.line(format_args!(
        "<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#ffffff\"/>"
    ));
    for (column, (wave, _)) in waves.iter().enumerate() {
        let x = MARGIN + column * COLUMN + BOX_WIDTH / 2;
        let y = MARGIN + HEADER / 2;
        picture.line(format_args!(
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\" fill=\"#6b7280\">Wave {wave}</text>"
        ));
    }
    for edge in edges(plan) {
        picture.arrow(&edge, places[edge.from], places[edge.to]);
    }
    for (node, task) in waves.iter().flat_map(|(_, tasks)| tasks) {
        picture.task(task, places[*node], status(&task.id));
    }
    picture.line(format_args!("</svg>"));
    picture.0
}

struct Picture(String);

impl Picture {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }

    fn arrow(&mut self, edge: &Arrow<'_>, from: (usize, usize), to: (usize, usize)) {
        let (x1, y1) = (from.0 + BOX_WIDTH, from.1 + BOX_HEIGHT / 2);
        let (x2, y2) = (to.0, to.1 + BOX_HEIGHT / 2);
        let bend = (COLUMN - BOX_WIDTH) / 2;
        let (a, b) = (x1 + bend, x2.saturating_sub(bend));
        let dash = if edge.added {
            " stroke-dasharray=\"5 4\""
        } else {
            ""
        };
        let why = if edge.why.is_empty() {
            String::new()
        } else {
            format!("<title>{}</title>", escape(edge.why))
        };
        self.line(format_args!(
            "<path d=\"M{x1} {y1}C{a} {y1} {b} {y2} {x2} {y2}\" fill=\"none\" stroke=\"#6b7280\"{dash} marker-end=\"url(#arrow)\">{why}</path>"
        ));
    }

    fn task(&mut self, task: &StoryTask, (x, y): (usize, usize), status: Option<TaskStatus>) {
        let (fill, stroke) = status.map_or(("#ffffff", "#9ca3af"), colours);
        let id = task.id.as_str();
        let told = status.map_or_else(String::new, |status| format!(" ({})", word(status)));
        self.line(format_args!(
            "<g><title>{}: {}{told}</title>",
            escape(id),
            escape(&task.title)
        ));
        self.line(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"6\" fill=\"{fill}\" stroke=\"{stroke}\"/>"
        ));
        let (left, first, second) = (x + 10, y + 19, y + 37);
        self.line(format_args!(
            "<text x=\"{left}\" y=\"{first}\" fill=\"#111827\" font-weight=\"600\">{}</text>",
            escape(&cut(id))
        ));
        if task.title != id {
            self.line(format_args!(
                "<text x=\"{left}\" y=\"{second}\" fill=\"#374151\">{}</text>",
                escape(&cut(&task.title))
            ));
        }
        self.line(format_args!("</g>"));
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LINE) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
    }
}

fn escape(text: &str) -> String {
    visible(text).fold(String::new(), |mut text, c| {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            // Not allowed in XML, however it is written.
            '\u{fffe}' | '\u{ffff}' => {}
            _ => text.push(c),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Edge;

    fn plan() -> Plan {
        let mut tasks = vec![
            StoryTask::new("1", "Interface"),
            StoryTask::new("2", "<b>&\"\u{1b}").depends_on(["1"]),
            StoryTask::new("3", "3").depends_on(["1"]),
        ];
        for (task, wave) in tasks.iter_mut().zip([0, 1, 2]) {
            task.wave = wave;
        }
        let mut plan = Plan::from_parts("A & B".to_owned(), String::new(), tasks);
        plan.added_edges = vec![Edge {
            before: "2".into(),
            after: "3".into(),
            why: "both touch a".to_owned(),
        }];
        plan
    }

    #[test]
    fn tasks_stand_in_their_waves_with_their_arrows() {
        let picture = svg(&plan(), |id| {
            (id.as_str() == "1").then_some(TaskStatus::Completed)
        });
        let expected = [
            "<title>A &amp; B</title>",
            "<rect x=\"20\" y=\"54\" width=\"200\" height=\"46\" rx=\"6\" fill=\"#dcfce7\" stroke=\"#16a34a\"/>",
            "<title>1: Interface (completed)</title>",
            "<title>2: &lt;b&gt;&amp;&quot; </title>",
            "<path d=\"M220 77C255 77 255 77 290 77\" fill=\"none\" stroke=\"#6b7280\" marker-end=\"url(#arrow)\"></path>",
            "<path d=\"M490 77C525 77 525 77 560 77\" fill=\"none\" stroke=\"#6b7280\" stroke-dasharray=\"5 4\" \
             marker-end=\"url(#arrow)\"><title>both touch a</title></path>",
        ];
        for line in expected {
            assert!(
                picture.lines().any(|found| found.trim().contains(line)),
                "{line} in {picture}"
            );
        }
        assert_eq!(picture.matches("<g>").count(), 3);
        assert_eq!(picture.matches("<path d=\"M").count() - 1, 3);
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    }

    #[test]
    fn an_empty_plan_and_long_titles_have_a_picture() {
        let empty = Plan::from_parts(String::new(), String::new(), Vec::new());
        assert!(svg(&empty, |_| None).contains("width=\"240\" height=\"74\""));
        let tasks = vec![StoryTask::new("i", "é".repeat(40))];
        let long = svg(
            &Plan::from_parts(String::new(), String::new(), tasks),
            |_| None,
        );
        assert!(long.contains(&format!(">{}…</text>", "é".repeat(LINE))));
        assert!(long.contains(&format!("<title>i: {}</title>", "é".repeat(40))));
    }
}
