//! POSIX cron with five fields, as `schedule` takes it (SPEC W-61).

use std::fmt;
use std::str::FromStr;

use jiff::Zoned;
use jiff::civil::Weekday;

/// When a schedule is due: one bit a value in each field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    any_day: bool,
    any_weekday: bool,
}

/// What is wrong with a cron text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronError(String);

impl fmt::Display for CronError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CronError {}

struct Field {
    name: &'static str,
    min: u32,
    max: u32,
    words: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field {
        name: "minute",
        min: 0,
        max: 59,
        words: &[],
    },
    Field {
        name: "hour",
        min: 0,
        max: 23,
        words: &[],
    },
    Field {
        name: "day of the month",
        min: 1,
        max: 31,
        words: &[],
    },
    Field {
        name: "month",
        min: 1,
        max: 12,
        words: &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    },
    Field {
        name: "day of the week",
        min: 0,
        max: 6,
        words: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    },
];

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let parts: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minute, hour, day, month, weekday] = parts.as_slice() else {
            return Err(CronError(format!("{} fields instead of 5", parts.len())));
        };
        Ok(Self {
            minutes: FIELDS[0].parse(minute)?,
            hours: FIELDS[1].parse(hour)?,
            days: FIELDS[2].parse(day)?,
            months: FIELDS[3].parse(month)?,
            weekdays: FIELDS[4].parse(weekday)?,
            any_day: day.starts_with('*'),
            any_weekday: weekday.starts_with('*'),
        })
    }
}

impl Field {
    fn parse(&self, text: &str) -> Result<u64, CronError> {
        text.split(',')
            .try_fold(0, |bits, part| Ok(bits | self.part(part)?))
    }

    fn part(&self, text: &str) -> Result<u64, CronError> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => {
                let step = step
                    .parse()
                    .ok()
                    .filter(|step| (1..=self.max).contains(step));
                (range, step.ok_or_else(|| self.error(text))?)
            }
            None => (text, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (self.min, self.max),
            Some((from, to)) => (self.value(from)?, self.value(to)?),
            None => {
                let from = self.value(range)?;
                (from, if range == text { from } else { self.max })
            }
        };
        if from > to {
            return Err(self.error(text));
        }
        let mut bits = 0;
        let mut value = from;
        while value <= to {
            bits |= 1 << value;
            value += step;
        }
        Ok(bits)
    }

    fn value(&self, text: &str) -> Result<u32, CronError> {
        let lower = text.to_ascii_lowercase();
        let word = (self.min..)
            .zip(self.words)
            .find(|(_, word)| **word == lower);
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        word.map(|(value, _)| value)
            .or_else(|| text.parse().ok().filter(|_| digits))
            .filter(|value| (self.min..=self.max).contains(value))
            .ok_or_else(|| self.error(text))
    }

    fn error(&self, text: &str) -> CronError {
        CronError(format!(
            "'{text}' is no {} ({}-{})",
            self.name, self.min, self.max
        ))
    }
}

impl Cron {
    /// Minutes between two runs within an hour that follow each other fastest; 60 for one an hour.
    pub fn shortest_interval(&self) -> u32 {
        let minutes: Vec<u32> = (0..60)
            .filter(|minute| self.minutes >> minute & 1 == 1)
            .collect();
        let around = minutes
            .first()
            .zip(minutes.last())
            .map_or(60, |(first, last)| first + 60 - last);
        minutes
            .windows(2)
            .map(|two| two[1] - two[0])
            .fold(around, u32::min)
    }

    /// Whether this minute is due: either day field decides where both are restricted.
    pub fn is_due(&self, time: &Zoned) -> bool {
        let has =
            |bits: u64, value: i8| u32::try_from(value).is_ok_and(|value| bits >> value & 1 == 1);
        has(self.minutes, time.minute()) && has(self.hours, time.hour()) && self.is_due_on(time)
    }

    fn is_due_on(&self, time: &Zoned) -> bool {
        let has =
            |bits: u64, value: i8| u32::try_from(value).is_ok_and(|value| bits >> value & 1 == 1);
        let day = has(self.days, time.day());
        let weekday = has(self.weekdays, time.weekday().since(Weekday::Sunday));
        let on_day = if self.any_day || self.any_weekday {
            day && weekday
        } else {
            day || weekday
        };
        on_day && has(self.months, time.month())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w61_fields() {
        for good in [
            "* * * * *",
            "0 0 * * *",
            "*/15 0-12/3 1,15 JAN-mar SUN",
            "20/15 * * * *",
            "0 4 29 2 6",
        ] {
            assert!(good.parse::<Cron>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 7",
            "@daily",
            "*/0 * * * *",
            "5-1 * * * *",
            "a * * * *",
            "1, * * * *",
            "+1 * * * *",
            "* * * * MONDAY",
            "1-2-3 * * * *",
        ] {
            assert!(bad.parse::<Cron>().is_err(), "{bad}");
        }
    }

    #[test]
    fn w61_shortest_interval() {
        let interval = |text: &str| text.parse::<Cron>().unwrap().shortest_interval();
        assert_eq!(interval("*/3 * * * *"), 3);
        assert_eq!(interval("0,58 * * * *"), 2);
        assert_eq!(interval("7 * * * *"), 60);
        assert_eq!(interval("*/5 * * * *"), 5);
    }

    #[test]
    fn w61_either_day_field_decides() {
        let due =
            |cron: &str, time: &str| cron.parse::<Cron>().unwrap().is_due(&time.parse().unwrap());
        let friday = "2026-03-13T10:30:00+00:00[UTC]";
        assert!(due("30 10 * * *", friday));
        assert!(due("30 10 13 * FRI", friday));
        assert!(due("30 10 1 * FRI", friday));
        assert!(!due("30 10 1 * *", friday));
        assert!(!due("30 10 13 * SAT", "2026-03-14T10:31:00+00:00[UTC]"));
    }
}
