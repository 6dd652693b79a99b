//! The grammar of a command line, walked over the table of flags.
//!
//! clap draws help and completions only: its grammar has no boolean that takes a value after `=` alone,
//! and it refuses a scalar that is given twice.

use super::error::CliError;
use super::flags::{self, Flag, Kind};
use super::near::nearest;
use super::table::FLAGS;

/// A flag with its value, as written.
#[derive(Debug, Clone)]
pub struct Written {
    pub flag: &'static Flag,
    pub value: String,
}

/// Flags and words in the order of a command line.
#[derive(Debug, Default)]
pub struct Walked {
    pub flags: Vec<Written>,
    pub words: Vec<String>,
}

/// Reads the arguments after the program's name.
pub fn walk(args: &[String]) -> Result<Walked, CliError> {
    let mut walked = Walked::default();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg == "--" {
            walked.words.extend(rest.cloned());
            break;
        }
        if let Some(long) = arg.strip_prefix("--") {
            walked.flags.push(long_flag(long, &mut rest)?);
        } else if is_bundle(arg) {
            bundle(&arg[1..], &mut rest, &mut walked.flags)?;
        } else {
            walked.words.push(arg.clone());
        }
    }
    Ok(walked)
}

/// True for `-x…`; a lone dash and a negative number are words.
fn is_bundle(arg: &str) -> bool {
    arg.strip_prefix('-')
        .and_then(|rest| rest.chars().next())
        .is_some_and(|first| !first.is_ascii_digit())
}

fn long_flag<'a>(
    text: &str,
    rest: &mut impl Iterator<Item = &'a String>,
) -> Result<Written, CliError> {
    let (name, attached) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let flag = flags::by_long(name).ok_or_else(|| unknown_long(name))?;
    let value = match attached {
        Some(value) => value.to_owned(),
        None => following(flag, &format!("--{name}"), rest)?,
    };
    written(flag, value)
}

/// Reads letters until one takes a value: what is left of the word, or the next word.
fn bundle<'a>(
    letters: &str,
    rest: &mut impl Iterator<Item = &'a String>,
    into: &mut Vec<Written>,
) -> Result<(), CliError> {
    let mut chars = letters.chars();
    while let Some(letter) = chars.next() {
        let flag = flags::by_short(letter).ok_or_else(|| unknown_short(letter, letters))?;
        let left = chars.as_str();
        let value = if let Some(value) = left.strip_prefix('=') {
            value.to_owned()
        } else if flag.kind.takes_word() && !left.is_empty() {
            left.to_owned()
        } else {
            let value = following(flag, &format!("-{letter}"), rest)?;
            into.push(written(flag, value)?);
            continue;
        };
        into.push(written(flag, value)?);
        break;
    }
    Ok(())
}

/// The value of a flag that has none attached.
fn following<'a>(
    flag: &Flag,
    spelling: &str,
    rest: &mut impl Iterator<Item = &'a String>,
) -> Result<String, CliError> {
    if !flag.kind.takes_word() {
        return Ok("true".to_owned());
    }
    rest.next().cloned().ok_or_else(|| {
        CliError::new(format!("`{spelling}` needs a value"))
            .hint(format!("usage: {spelling} {}", flag.value))
    })
}

fn written(flag: &'static Flag, value: String) -> Result<Written, CliError> {
    if flag.kind == Kind::Bool && flags::boolean(&value).is_none() {
        return Err(CliError::new(format!(
            "`--{}` is true or false, not `{value}`",
            flag.long
        )));
    }
    Ok(Written { flag, value })
}

fn unknown_long(name: &str) -> CliError {
    let near = nearest(name, FLAGS.iter().map(|flag| flag.long)).or_else(|| {
        // Abbreviations are not taken, but they are understood.
        FLAGS
            .iter()
            .map(|flag| flag.long)
            .find(|long| name.len() > 2 && long.starts_with(name))
    });
    CliError::new(format!("unknown flag `--{name}`"))
        .did_you_mean(near.map(|near| format!("--{near}")))
        .hint("`lrun --help` shows all flags")
}

fn unknown_short(letter: char, letters: &str) -> CliError {
    let error = CliError::new(format!("unknown flag `-{letter}` in `-{letters}`"));
    match flags::by_long(letters) {
        Some(flag) => error.did_you_mean(Some(format!("--{}", flag.long))),
        None => error,
    }
    .hint("`lrun --help` shows all flags")
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs = Vec<(String, String)>;

    fn read(line: &[&str]) -> Result<(Pairs, Vec<String>), String> {
        let args: Vec<String> = line.iter().map(|&word| word.to_owned()).collect();
        walk(&args).map_err(|error| error.message).map(|walked| {
            let flags = walked.flags.iter();
            let flags = flags.map(|w| (w.flag.long.to_owned(), w.value.clone()));
            (flags.collect(), walked.words)
        })
    }

    fn flags(line: &[&str]) -> Vec<(String, String)> {
        read(line).unwrap().0
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    }

    #[test]
    fn a_boolean_takes_a_value_only_after_the_equals_sign() {
        assert_eq!(flags(&["--json=false"]), pairs(&[("json", "false")]));
        assert_eq!(flags(&["-b=0"]), pairs(&[("bind", "0")]));
        let (set, words) = read(&["--pull", "push"]).unwrap();
        assert_eq!(set, pairs(&[("pull", "true")]));
        assert_eq!(words, ["push"]);
        assert!(read(&["--json=yes"]).is_err());
        assert!(read(&["--json="]).is_err());
    }

    #[test]
    fn short_flags_bundle_and_take_attached_values() {
        assert_eq!(
            flags(&["-lv"]),
            pairs(&[("list", "true"), ("verbose", "true")])
        );
        for form in [
            &["-jbuild"][..],
            &["-j=build"],
            &["-j", "build"],
            &["--job", "build"],
        ] {
            assert_eq!(flags(form), pairs(&[("job", "build")]));
        }
        assert_eq!(
            flags(&["-P=ubuntu-latest=img"]),
            pairs(&[("platform", "ubuntu-latest=img")])
        );
        assert_eq!(
            flags(&["-vb=false", "-qj", "a"]),
            pairs(&[
                ("verbose", "true"),
                ("bind", "false"),
                ("quiet", "true"),
                ("job", "a")
            ])
        );
    }

    #[test]
    fn flags_stand_before_and_after_words_and_two_dashes_end_them() {
        let (set, words) = read(&["-v", "push", "-j", "-x", "--", "-l"]).unwrap();
        assert_eq!(set, pairs(&[("verbose", "true"), ("job", "-x")]));
        assert_eq!(words, ["push", "-l"]);
    }

    #[test]
    fn nothing_is_abbreviated() {
        assert_eq!(read(&["--work", "a"]).unwrap_err(), "unknown flag `--work`");
        assert_eq!(read(&["-lx"]).unwrap_err(), "unknown flag `-x` in `-lx`");
        assert_eq!(read(&["--job"]).unwrap_err(), "`--job` needs a value");
    }
}
