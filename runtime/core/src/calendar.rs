//! Days and dates of the proleptic Gregorian calendar, which has a year 0.

/// Days since 1970-01-01 of a date; `month` is 1 to 12, `day` a day of that month. Exact for years
/// of up to 10 digits.
///
/// Counts 400 years at a time from the first of March of the year 0 (H. Hinnant,
/// `days_from_civil`).
pub fn days_of(year: i64, month: u32, day: u32) -> i64 {
    let of_march = if month <= 2 { year - 1 } else { year };
    let era = of_march.div_euclid(400);
    let year_of_era = of_march.rem_euclid(400);
    let month_of_march = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * month_of_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a number of days since 1970-01-01. Exact for years of up to 10 digits.
pub fn date_of(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_of_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_of_march + 2) / 5 + 1;
    let month = (month_of_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    // Between 1 and 31, and 1 and 12.
    (year, month as u32, day as u32)
}

/// How many days `month`, 1 to 12, has in `year`.
pub fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_1200_years_follows_the_one_before() {
        let (mut days, mut year, mut month, mut day) = (days_of(-400, 1, 1), -400, 1, 1);
        while year < 800 {
            assert_eq!(days_of(year, month, day), days, "{year}-{month}-{day}");
            assert_eq!(date_of(days), (year, month, day), "{days}");
            days += 1;
            (year, month, day) = match (day < days_in_month(year, month), month) {
                (true, _) => (year, month, day + 1),
                (false, 12) => (year + 1, 1, 1),
                (false, _) => (year, month + 1, 1),
            };
        }
        assert_eq!(days_of(1970, 1, 1), 0);
        assert_eq!(date_of(2_145_042_905), (5_874_897, 12, 31));
        assert_eq!(date_of(-2_440_588), (-4713, 11, 24));
    }
}
