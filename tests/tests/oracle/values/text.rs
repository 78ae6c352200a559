//! Texts, bytes, and texts that are nearly of other types.

use std::fmt::Write as _;

use super::Values;

impl Values {
    pub(super) fn text(&mut self) -> String {
        const PARTS: [&str; 34] = [
            "a",
            "b",
            "c",
            "A",
            "Z",
            "abc",
            "Ada Lovelace",
            " ",
            "  ",
            "\t",
            "\n",
            "@",
            ".",
            ",",
            "%",
            "_",
            "\\",
            "'",
            "\"",
            "é",
            "e\u{301}",
            "ß",
            "İ",
            "中",
            "😀",
            "👩\u{200d}👧",
            "0",
            "1",
            "42",
            "x@y.z",
            "-",
            "\u{7f}",
            "\u{1}",
            "ab",
        ];
        match self.below(8) {
            0 => String::new(),
            1 => self.email(),
            2 => self.text_of(&["a", "b", "ab"], 6),
            _ => self.text_of(&PARTS, 7),
        }
    }

    pub(super) fn email(&mut self) -> String {
        let mut text = self.text_of(&["ada", "bob", ".", "Ä", "+x", "@"], 4);
        text.push_str(self.pick(&["@", "@", "@", ""]));
        text.push_str(self.pick(&["contoso.com", "Gmail.com", "", "x.co.uk", "autodesk.com"]));
        text
    }

    pub(super) fn bytes(&mut self) -> String {
        let mut text = String::from("\\x");
        let count = [0, 1, 2, 3, 5, 54, 56, 57, 58, 114, 120][self.below(11) as usize];
        let is_text = self.below(2) == 0;
        for _ in 0..count {
            let byte = self.next() as u8;
            let byte = if is_text { 32 + byte % 95 } else { byte };
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    pub(super) fn boolean_text(&mut self) -> String {
        let words = [
            "t", "tr", "true", "TRUE", "y", "yes", "on", "o", "1", "f", "fal", "false", "n", "no",
            "of", "off", "0", "", "maybe", "2",
        ];
        let text = self.pick(&words).to_owned();
        self.mutated(text)
    }

    pub(super) fn uuid(&mut self) -> String {
        match self.below(5) {
            0 => "00000000-0000-0000-0000-000000000000".to_owned(),
            _ => {
                let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
                let hex = format!("{bits:032x}");
                let (a, b, c) = (&hex[..8], &hex[8..12], &hex[12..16]);
                format!("{a}-{b}-{c}-{}-{}", &hex[16..20], &hex[20..])
            }
        }
    }

    pub(super) fn uuid_text(&mut self) -> String {
        let text = self.uuid();
        let text = match self.below(6) {
            0 => format!("{{{text}}}"),
            1 => text.replace('-', ""),
            2 => text.to_uppercase(),
            3 => format!("{{{text}"),
            _ => text,
        };
        self.mutated(text)
    }
}
