//! Which job waits for which.

use std::collections::HashMap;

/// A job and the jobs that it needs, by id.
pub type Needs<'a> = (&'a str, Vec<&'a str>);

/// The length of the longest chain of needs before each job; jobs in a cycle count from where it closes.
pub fn stages(jobs: &[Needs<'_>]) -> Vec<usize> {
    let index = positions(jobs);
    let mut known: Vec<Option<usize>> = vec![None; jobs.len()];
    // Without a cycle each round settles a stage at least.
    for _ in 0..jobs.len() {
        for (place, (_, needs)) in jobs.iter().enumerate() {
            if known[place].is_some() {
                continue;
            }
            let before: Option<Vec<usize>> = needs
                .iter()
                .filter_map(|need| index.get(&need.to_lowercase()))
                .map(|need| known[*need])
                .collect();
            known[place] = before.map(|stages| stages.iter().max().map_or(0, |max| max + 1));
        }
    }
    known.into_iter().map(Option::unwrap_or_default).collect()
}

fn positions(jobs: &[Needs<'_>]) -> HashMap<String, usize> {
    jobs.iter()
        .enumerate()
        .map(|(place, (id, _))| (id.to_lowercase(), place))
        .collect()
}

/// One line of the graph as a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The place of the job in the list.
    pub job: usize,
    /// Needs beside the one that it hangs under.
    pub also: Vec<usize>,
    pub children: Vec<Self>,
}

/// The jobs as trees: each hangs under the need that comes last.
pub fn trees(jobs: &[Needs<'_>]) -> Vec<Branch> {
    let index = positions(jobs);
    let stages = stages(jobs);
    let mut parents: Vec<Option<usize>> = Vec::with_capacity(jobs.len());
    let mut all_needs: Vec<Vec<usize>> = Vec::with_capacity(jobs.len());
    for (place, (_, needs)) in jobs.iter().enumerate() {
        let needs: Vec<usize> = needs
            .iter()
            .filter_map(|need| index.get(&need.to_lowercase()).copied())
            .filter(|need| stages[*need] < stages[place])
            .collect();
        parents.push(needs.iter().copied().max_by_key(|need| stages[*need]));
        all_needs.push(needs);
    }
    (0..jobs.len())
        .filter(|place| parents[*place].is_none())
        .map(|place| branch(place, &parents, &all_needs))
        .collect()
}

fn branch(place: usize, parents: &[Option<usize>], needs: &[Vec<usize>]) -> Branch {
    let also = needs[place].iter().copied();
    Branch {
        job: place,
        also: also.filter(|need| Some(*need) != parents[place]).collect(),
        children: (0..parents.len())
            .filter(|child| parents[*child] == Some(place))
            .map(|child| branch(child, parents, needs))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_the_longest_chain_before_a_job() {
        let jobs = [
            ("deploy", vec!["test", "lint"]),
            ("lint", vec![]),
            ("test", vec!["Build"]),
            ("build", vec![]),
            ("alone", vec!["unknown"]),
        ];
        assert_eq!(stages(&jobs), [2, 0, 1, 0, 0]);
    }

    #[test]
    fn cycles_end() {
        let jobs = [("a", vec!["b"]), ("b", vec!["a"]), ("c", vec![])];
        assert_eq!(stages(&jobs), [0, 0, 0]);
        assert_eq!(trees(&jobs).len(), 3);
    }

    #[test]
    fn a_job_hangs_under_its_last_need() {
        let jobs = [
            ("lint", vec![]),
            ("build", vec![]),
            ("test", vec!["build"]),
            ("deploy", vec!["lint", "test"]),
        ];
        let trees = trees(&jobs);
        assert_eq!(trees.len(), 2);
        assert_eq!(trees[1].job, 1);
        let deploy = &trees[1].children[0].children[0];
        assert_eq!((deploy.job, deploy.also.as_slice()), (3, [0].as_slice()));
    }
}
