//! Keys that are read and not acted on: said out loud, with their lines.

use super::model::{Access, Grant, Permissions, Workflow};
use crate::diagnostic::{Diagnostic, Span};

impl Workflow {
    /// A warning for every key that is read and not acted on. `gives_identity`: jobs that ask for tokens of identity get
    /// them.
    pub fn not_acted_on(&self, gives_identity: bool) -> Vec<Diagnostic> {
        let mut notices = Vec::new();
        let mut say = |span: Option<Span>, what: &str, why: &str| {
            let Some(span) = span else { return };
            let message = format!("`{what}` is read and not acted on: {why}");
            notices.push(Diagnostic::warning("not-acted-on", message).at(&self.source, span));
        };
        for trigger in self.on.events.values() {
            for schedule in &trigger.schedules {
                let zone = schedule.timezone.as_ref().map(|zone| zone.span);
                say(zone, "timezone", "nothing runs by the clock");
            }
        }
        if let Some(trigger) = self.on.events.get("image_version")
            && trigger.config.as_ref().is_some_and(|config| {
                config.get("names").is_some() || config.get("versions").is_some()
            })
        {
            let why = "`names` and `versions` are not looked at: no image is made here";
            say(Some(trigger.span), "image_version", why);
        }
        let asks = |permissions: &Option<Permissions>| {
            let permissions = permissions.as_ref().filter(|_| !gives_identity)?;
            let explicit = matches!(permissions.grant, Grant::Map(_));
            (explicit && permissions.grant.access("id-token") == Access::Write)
                .then_some(permissions.span)
        };
        let no_tokens = "no token of identity is given out without `--oidc`";
        say(asks(&self.permissions), "id-token: write", no_tokens);
        for job in self.jobs.values() {
            say(asks(&job.permissions), "id-token: write", no_tokens);
            let key = |name: &str| job.keys.get(name).copied();
            say(key("snapshot"), "snapshot", "no image is made");
        }
        notices
    }
}
