//! `actions/download-artifact` with `run-id`: of a run of lrun's, or of GitHub's.
//!
//! The action asks the REST API then. For a run that lrun has the record of, that API is lrun's own server.

use indexmap::IndexMap;

use crate::event::{EventKind, Level};
use crate::expr::Value;

use super::job::Job;
use super::step::Prepared;
use super::uses::Resolved;

const ACTION: &str = "actions/download-artifact";

impl Job {
    /// Aims the action at the server that has the run. The error is for the user: without a token the action would take
    /// artifacts of this run in the place of those that were asked for, and say nothing.
    pub async fn aim_at_earlier_run(
        &self,
        prepared: &mut Prepared<'_>,
        action: &Resolved,
        given: &[String],
        inputs: &mut IndexMap<String, String>,
    ) -> Result<(), String> {
        let is_download = action
            .served
            .as_ref()
            .is_some_and(|served| served.repository.eq_ignore_ascii_case(ACTION));
        let input = |name: &str| inputs.get(name).map_or("", |text| text.trim()).to_owned();
        let (id, repository) = (input("run-id"), input("repository"));
        let has_token = !input("github-token").is_empty();
        let identity = &self.run.options.identity;
        let is_own = repository.is_empty() || self.run.is_own_repository(&repository);
        if is_download && is_own && id == identity.run_id {
            // With a token it would ask GitHub for a run that GitHub does not know.
            inputs.insert("github-token".to_owned(), String::new());
        }
        if !is_download || id.is_empty() || id == identity.run_id {
            return Ok(());
        }
        if is_own && self.run.has_recorded(&id) {
            let Some((base, token)) = self.services(None).await else {
                return Ok(());
            };
            inputs.insert("github-token".to_owned(), token);
            prepared.github.insert("api_url", Value::string(base));
            let kind = EventKind::Note {
                level: Level::Notice,
                text: format!("artifacts of the run {id} are lrun's own"),
            };
            self.emit(Some(&prepared.key), kind);
            return Ok(());
        }
        let asks = given
            .iter()
            .any(|name| name.eq_ignore_ascii_case("github-token"));
        if asks && !has_token {
            return Err(format!(
                "the run {id} is none of lrun's (`lrun artifacts` lists those), and to ask GitHub for it takes a token: `github-token` is empty here\ngive one with -s GITHUB_TOKEN or --github-token gh"
            ));
        }
        Ok(())
    }
}
