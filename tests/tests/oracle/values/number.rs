//! Numbers, and texts that are nearly some.

use sql::Type;

use super::Values;

impl Values {
    pub(super) fn int(&mut self, odd: &[&str], bits: u32) -> String {
        match self.below(4) {
            0 => self.pick(odd).to_owned(),
            1 => (self.below(40) as i64 - 20).to_string(),
            2 => (self.next() as i64 >> (64 - bits)).to_string(),
            _ => {
                let less = self.below(u64::from(bits)) as u32;
                (self.next() as i64 >> (64 - bits) >> less).to_string()
            }
        }
    }

    pub(super) fn float(&mut self) -> String {
        const ODD: [&str; 22] = [
            "NaN",
            "Infinity",
            "-Infinity",
            "0",
            "-0",
            "1",
            "-1",
            "0.5",
            "1.5",
            "2.5",
            "-2.5",
            "1e308",
            "-1.7976931348623157e308",
            "5e-324",
            "2.2250738585072014e-308",
            "1e15",
            "1e23",
            "9007199254740993",
            "0.1",
            "1e-5",
            "123456789012345.6",
            "9223372036854775807",
        ];
        match self.below(4) {
            0 => self.pick(&ODD).to_owned(),
            1 => {
                let value = f64::from_bits(self.next());
                if value.is_nan() {
                    "NaN".to_owned()
                } else {
                    format!("{value:e}")
                }
            }
            2 => format!("{}", (self.below(2_000_000) as f64 - 1e6) / 1000.0),
            _ => {
                let power = self.below(50) as i32 - 25;
                format!(
                    "{:e}",
                    (self.below(2000) as f64 - 1000.0) * 10_f64.powi(power)
                )
            }
        }
    }

    pub(super) fn decimal(&mut self, whole: u64, fraction: u64) -> String {
        let mut text = String::from(self.pick(&["", "-", ""]));
        for _ in 0..=self.below(whole) {
            text.push_str(self.pick(&["0", "1", "2", "4", "5", "9", "7", "0"]));
        }
        let places = self.below(fraction + 1);
        if places > 0 {
            text.push('.');
        }
        for _ in 0..places {
            text.push_str(self.pick(&["0", "1", "5", "9", "4", "0"]));
        }
        text
    }

    pub(super) fn numeric(&mut self) -> String {
        match self.below(6) {
            0 => {
                let odd = [
                    "NaN",
                    "Infinity",
                    "-Infinity",
                    "0",
                    "0.00",
                    "-0.50",
                    "1e30",
                    "1e-20",
                ];
                self.pick(&odd).to_owned()
            }
            1 => self.decimal(2, 2),
            2 => self.decimal(30, 0),
            3 => self.decimal(1, 30),
            _ => self.decimal(18, 12),
        }
    }

    pub(super) fn number_text(&mut self) -> String {
        let text = match self.below(5) {
            0 => self.float(),
            1 => self.numeric(),
            2 => self.of_type(Type::Int8),
            3 => self.of_type(Type::Int4),
            _ => self
                .pick(&[
                    "",
                    " ",
                    "+5",
                    "1e400",
                    "-1e-400",
                    "1_000",
                    "0x1F",
                    "1e",
                    ".5",
                    "5.",
                    ".",
                    "inf",
                    "nan",
                    "9223372036854775808",
                    "-2147483649",
                    "1e10",
                    "١",
                    "00012",
                    "- 1",
                ])
                .to_owned(),
        };
        self.mutated(text)
    }
}
