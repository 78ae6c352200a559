//! Dates and times, and texts that are nearly some.

use super::Values;

impl Values {
    pub(super) fn date(&mut self) -> String {
        const ODD: [&str; 12] = [
            "infinity",
            "-infinity",
            "1970-01-01",
            "2000-02-29",
            "1900-03-01",
            "0001-01-01",
            "0001-12-31 BC",
            "4714-11-24 BC",
            "5874897-12-31",
            "9999-12-31",
            "2024-12-30",
            "2021-01-03",
        ];
        if self.below(4) == 0 {
            return self.pick(&ODD).to_owned();
        }
        let year = match self.below(4) {
            0 => 1 + self.below(9999),
            _ => 1950 + self.below(120),
        };
        // The first year is 4714 before Christ.
        let era = if year < 4700 && self.below(30) == 0 {
            " BC"
        } else {
            ""
        };
        format!(
            "{year:04}-{:02}-{:02}{era}",
            1 + self.below(12),
            1 + self.below(28)
        )
    }

    pub(super) fn time(&mut self) -> String {
        match self.below(6) {
            0 => self
                .pick(&["00:00:00", "24:00:00", "23:59:59.999999", "12:00:00"])
                .to_owned(),
            _ => {
                let second = self.below(60);
                let (hour, minute) = (self.below(24), self.below(60));
                let fraction = match self.below(3) {
                    0 => String::new(),
                    1 => format!(".{:03}", self.below(1000)),
                    _ => format!(".{:06}", self.below(1_000_000)),
                };
                format!("{hour:02}:{minute:02}:{second:02}{fraction}")
            }
        }
    }

    pub(super) fn timestamp(&mut self, zone: &str) -> String {
        const ODD: [&str; 6] = [
            "infinity",
            "-infinity",
            "1970-01-01 00:00:00",
            "1999-12-31 23:59:59.999999",
            "2000-01-01 00:00:00",
            "290000-12-31 23:59:59.5",
        ];
        if self.below(5) == 0 {
            let odd = self.pick(&ODD);
            return if odd.contains("inf") {
                odd.to_owned()
            } else {
                format!("{odd}{zone}")
            };
        }
        loop {
            let date = self.date();
            if date.contains("inf") || date.contains("5874897") {
                continue;
            }
            let time = self.time();
            let (date, era) = date.split_once(' ').unwrap_or((&date, ""));
            let era = if era.is_empty() { "" } else { " BC" };
            return format!("{date} {time}{zone}{era}");
        }
    }

    pub(super) fn date_text(&mut self) -> String {
        let text = match self.below(5) {
            0 => self
                .pick(&[
                    "2024-02-30",
                    "2023-02-29",
                    "2024-13-01",
                    "2024-00-10",
                    "0000-01-01",
                    "2024-1-2",
                    "",
                    "infinity",
                    "-infinity",
                    "2024-01-31T10:00:00Z",
                    "2024-01-31 10:00:00.5+02",
                    "2024-01-31 24:00:00",
                    "2024-01-31 25:00:00",
                    "2024-01-31 10:60",
                    "2024-01-31 10:00",
                    "2024-01-31 10:00:00.1234567",
                    "2024-01-31 23:59:59.9999999",
                    "2024-01-31T10:00:00.000-03:30",
                    "2024-01-31 10:00:00 +16",
                    "2024-01-31 1:2:3",
                    "10000-01-01",
                    "2024-01-31 10:00:00 UTC",
                    "2024-01-31 10:00:00 z",
                ])
                .to_owned(),
            1 => self.date(),
            _ => self.timestamp(""),
        };
        let text = match self.below(4) {
            0 if !text.ends_with("BC") && !text.ends_with('y') => {
                format!(
                    "{text}{}",
                    self.pick(&["Z", "+02", "-08:00", "+0530", " +01"])
                )
            }
            1 => text.replacen(' ', "T", 1),
            _ => text,
        };
        self.mutated(text)
    }

    pub(super) fn time_text(&mut self) -> String {
        let text = match self.below(3) {
            0 => self
                .pick(&[
                    "10:00",
                    "24:00",
                    "24:00:01",
                    "25:00",
                    "10:60",
                    "1:2:3",
                    "",
                    "10:00:00.1234567",
                    "23:59:59.9999999",
                    "10",
                    "10:00:60",
                ])
                .to_owned(),
            _ => self.time(),
        };
        self.mutated(text)
    }
}
