//! Holds the table of flags against the list of act's habits, where that list lies beside the project.

use std::fs;

use libtest_mimic::Trial;
use lrun::cli::flags::{self, Status};

const HABITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/ACT-HABITS.md");

/// One test a row of the list; one that shows as ignored where there is no list.
pub fn trials(names: &[&str]) -> Vec<Trial> {
    let Ok(text) = fs::read_to_string(HABITS) else {
        return vec![
            Trial::test("habits: every flag is in the table", || Ok(())).with_ignored_flag(true),
        ];
    };
    let tested: Vec<String> = names.iter().flat_map(|name| longs(name)).collect();
    let mut trials = Vec::new();
    for (cell, when) in rows(&text) {
        let is_built = when.contains(['E', 'F', 'D', 'S']);
        let short = short(&cell);
        for (index, long) in longs(&cell).into_iter().enumerate() {
            // A letter belongs to the first name of its row.
            let short = short.filter(|_| index == 0);
            let is_tested = tested.contains(&long);
            trials.push(Trial::test(format!("habits: --{long}"), move || {
                verify(&long, short, is_built, is_tested).map_err(Into::into)
            }));
        }
    }
    trials
}

fn verify(long: &str, short: Option<char>, is_built: bool, is_tested: bool) -> Result<(), String> {
    let flag = flags::by_long(long).ok_or("not in the table of flags")?;
    if flag.short != short {
        return Err(format!("its letter is {short:?}, not {:?}", flag.short));
    }
    if (flag.status == Status::Later) == is_built {
        return Err(format!("built: {is_built}, but it is {:?}", flag.status));
    }
    if is_built && !is_tested {
        return Err("no row of this test names it".to_owned());
    }
    Ok(())
}

/// First and last cell of every row of the table of flags.
fn rows(text: &str) -> Vec<(String, String)> {
    let section = text
        .split("\n## ")
        .find(|section| section.starts_with("2. Flags"));
    let lines = section.unwrap_or_default().lines();
    lines
        .filter(|line| line.starts_with("| `"))
        .filter_map(|line| {
            let line = line.trim().trim_matches('|').replace("\\|", "/");
            let cells: Vec<&str> = line.split('|').collect();
            Some((cells.first()?.to_string(), cells.last()?.trim().to_owned()))
        })
        .collect()
}

/// The long names in a cell.
fn longs(cell: &str) -> Vec<String> {
    cell.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .filter_map(|word| word.strip_prefix("--"))
        .map(str::to_owned)
        .collect()
}

/// The letter in a cell.
fn short(cell: &str) -> Option<char> {
    let mut words = cell.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let word = words.find(|word| word.len() == 2 && word.starts_with('-') && *word != "--")?;
    word.chars().last()
}
