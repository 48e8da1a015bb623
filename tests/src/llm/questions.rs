//! What the model answers where it is asked and not set to work: a plan for a small story, and a verdict on somebody's work.

use super::scenario::Scenario;

/// How Aura's prompts ask for a plan.
const PLAN_WANTED: &str = "# Decompose a Story into Tasks";

/// How they ask for a better one.
const CORRECTION: &str = "## Correction";

/// A plan whose tasks wait for each other.
const CYCLE: &str = r#"{"tasks": [
  {"id": 1, "name": "Wait", "description": "Wait.", "dependsOn": [2]},
  {"id": 2, "name": "Wait, too", "description": "Wait.", "dependsOn": [1]}
]}"#;

/// How they ask for a verdict; the number of the review follows.
const VERDICT_WANTED: &str = "{\"review\": \"";

/// The plan, as models write them: in a fence, with prose around it and waves that nobody asked for.
const PLAN: &str = r#"Here is the plan:

```json
{"tasks": [
  {"id": 1, "name": "Check addresses", "description": "Write `is_valid` in mail.py. [[file mail.py :: def is_valid(text):\n    return text.count('@') == 1]]",
   "files": ["mail.py"], "estimatedComplexity": "small", "parallelSafe": true, "dependsOn": [], "promptHints": []},
  {"id": 2, "name": "Check the form", "description": "Use `is_valid` in form.py. [[file form.py :: from mail import is_valid\n\n\ndef accepts(form):\n    return is_valid(form.get('email', ''))]]",
   "files": ["form.py"], "parallelSafe": true, "dependsOn": [1]},
  {"id": 3, "name": "Test the check", "description": "Write test_mail.py. [[file test_mail.py :: import unittest\n\nfrom mail import is_valid\n\n\nclass Mail(unittest.TestCase):\n    def test_valid(self):\n        self.assertTrue(is_valid('a@b'))\n        self.assertFalse(is_valid('ab'))]]",
   "files": ["test_mail.py"], "parallelSafe": true, "dependsOn": [1]}
], "waves": [{"wave": 1, "tasks": [1]}, {"wave": 2, "tasks": [2, 3]}]}
```

Shall I begin?"#;

/// The answer to a question; `None` where work is wanted.
pub(super) fn answer(scenario: &Scenario, prompts: &[String]) -> Option<String> {
    prompts.iter().rev().find_map(|prompt| {
        if prompt.contains(PLAN_WANTED) {
            let is_bad = scenario.bad_plan && !prompt.contains(CORRECTION);
            return Some(if is_bad { CYCLE } else { PLAN }.to_owned());
        }
        let (_, rest) = prompt.rsplit_once(VERDICT_WANTED)?;
        let (review, _) = rest.split_once('"')?;
        let (verdict, findings) = if scenario.reject {
            ("Rejected", r#"[{"message": "Not like this."}]"#)
        } else {
            ("Approved", "[]")
        };
        Some(format!(
            "I looked at it.\n\n{{\"review\": \"{review}\", \"verdict\": \"{verdict}\", \"findings\": {findings}}}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_told_from_work() {
        let ok = Scenario::default();
        let answer = |prompt: &str| answer(&ok, &["system".to_owned(), prompt.to_owned()]);
        assert_eq!(answer("# Task\n\n**Do it**"), None);
        let plan = answer("# Decompose a Story into Tasks\n..").expect("a plan");
        assert!(plan.contains("\"dependsOn\": [1]"));
        let verdict =
            answer("End with {\"review\": \"n-1\", \"verdict\": \"WORD\"}").expect("a verdict");
        assert!(verdict.contains(r#"{"review": "n-1", "verdict": "Approved", "findings": []}"#));
    }
}
