//! JSON, and texts that are nearly some.

use super::Values;

impl Values {
    pub(super) fn json_string(&mut self) -> String {
        let mut text = String::from("\"");
        let parts = [
            "a", "b", "ab", "é", "😀", "\\n", "\\\"", "\\\\", "\\u00e9", "\\/", " ", "{", "]", ",",
            ":", "\\u0007", "1",
        ];
        text.push_str(&self.text_of(&parts, 4));
        text.push('"');
        text
    }

    pub(super) fn json(&mut self, depth: u64) -> String {
        match self.below(if depth > 0 { 9 } else { 5 }) {
            0 => self.pick(&["null", "true", "false"]).to_owned(),
            1 => self
                .pick(&[
                    "0",
                    "-0",
                    "1.50",
                    "1e2",
                    "-1.5E-3",
                    "12345678901234567890123",
                ])
                .into(),
            2 => (self.below(100) as i64 - 50).to_string(),
            3 | 4 => self.json_string(),
            5 | 6 => {
                let values: Vec<String> =
                    (0..self.below(4)).map(|_| self.json(depth - 1)).collect();
                format!("[{}]", values.join(self.pick(&[",", " , "])))
            }
            _ => {
                let mut members = Vec::new();
                for _ in 0..self.below(5) {
                    let name = match self.below(3) {
                        0 => self.json_string(),
                        _ => self
                            .pick(&["\"a\"", "\"b\"", "\"name\"", "\"0\"", "\"\""])
                            .into(),
                    };
                    members.push(format!("{name}: {}", self.json(depth - 1)));
                }
                format!("{{{}}}", members.join(","))
            }
        }
    }

    pub(super) fn json_text(&mut self) -> String {
        let text = match self.below(4) {
            0 => self
                .pick(&[
                    "",
                    "{",
                    "[1,]",
                    "{\"a\":}",
                    "01",
                    "1.",
                    "-",
                    "nul",
                    "\"\\u0000\"",
                    "\"\\ud83d\\ude00\"",
                    "\"\\ud83d\"",
                    "\"\\x\"",
                    "\"a\nb\"",
                    "{a:1}",
                    "[1 2]",
                    "1 2",
                    "1e5",
                    "1E+2",
                    "-0.0",
                    "1e400",
                    "  null  ",
                    "nulll",
                    "\"\u{7f}\"",
                ])
                .to_owned(),
            _ => self.json(3),
        };
        match self.below(8) {
            0 => self.mutated(text),
            _ => text,
        }
    }
}
