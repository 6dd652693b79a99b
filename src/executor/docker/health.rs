//! Health checks that lrun runs itself: Podman leaves them to systemd's timers, and waits for ever where none is.

use std::time::Duration;

use bollard::exec::StartExecResults;
use bollard::models::{ExecConfig, HealthConfig};
use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::{DockerError, Engine};

/// What a check is where it does not say (Docker: reference of HEALTHCHECK).
const EVERY: Duration = Duration::from_secs(30);
const RETRIES: i64 = 3;

/// The check of one container, and how it went so far.
#[derive(Debug)]
pub(super) struct Check {
    command: Vec<String>,
    interval: Duration,
    timeout: Duration,
    retries: i64,
    /// Until then a failure counts for nothing.
    starts_until: Instant,
    next: Instant,
    failures: i64,
}

/// How a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Starting,
    Healthy,
    Unhealthy,
}

impl Check {
    /// None where the container has no check.
    pub(super) fn of(config: &HealthConfig, now: Instant) -> Option<Self> {
        let test = config.test.as_deref()?;
        let command = match test.split_first()? {
            (first, rest) if first == "CMD" && !rest.is_empty() => rest.to_vec(),
            (first, [script]) if first == "CMD-SHELL" => {
                vec!["/bin/sh".to_owned(), "-c".to_owned(), script.clone()]
            }
            _ => return None,
        };
        let span = |nanos: Option<i64>, default: Duration| {
            nanos
                .and_then(|nanos| u64::try_from(nanos).ok())
                .filter(|nanos| *nanos > 0)
                .map_or(default, Duration::from_nanos)
        };
        let interval = span(config.interval, EVERY);
        Some(Self {
            command,
            interval,
            timeout: span(config.timeout, EVERY),
            retries: config.retries.filter(|it| *it > 0).unwrap_or(RETRIES),
            starts_until: now + span(config.start_period, Duration::ZERO),
            next: now + interval,
            failures: 0,
        })
    }

    /// Runs it when it is due.
    pub(super) async fn look(&mut self, engine: &Engine, id: &str) -> Result<Health, DockerError> {
        if Instant::now() < self.next {
            return Ok(Health::Starting);
        }
        let ran = tokio::time::timeout(self.timeout, engine.passes(id, &self.command)).await;
        // One that takes too long has failed.
        let passed = ran.unwrap_or(Ok(false))?;
        Ok(self.count(passed, Instant::now()))
    }

    fn count(&mut self, passed: bool, now: Instant) -> Health {
        self.next = now + self.interval;
        if passed {
            return Health::Healthy;
        }
        if now >= self.starts_until {
            self.failures += 1;
        }
        if self.failures >= self.retries {
            Health::Unhealthy
        } else {
            Health::Starting
        }
    }
}

impl Engine {
    /// Whether a command ends with 0 in a container.
    async fn passes(&self, id: &str, command: &[String]) -> Result<bool, DockerError> {
        let config = ExecConfig {
            cmd: Some(command.to_vec()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..ExecConfig::default()
        };
        let exec = self.docker.create_exec(id, config).await?;
        if let StartExecResults::Attached { mut output, .. } =
            self.docker.start_exec(&exec.id, None).await?
        {
            while output.next().await.is_some() {}
        }
        let about = self.docker.inspect_exec(&exec.id).await?;
        Ok(about.exit_code == Some(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(test: &[&str]) -> HealthConfig {
        HealthConfig {
            test: Some(test.iter().map(|word| (*word).to_owned()).collect()),
            interval: Some(1_000_000_000),
            start_period: Some(5_000_000_000),
            retries: Some(2),
            ..HealthConfig::default()
        }
    }

    #[test]
    fn a_check_is_a_command_or_a_script() {
        let now = Instant::now();
        let command = |test: &[&str]| Check::of(&config(test), now).map(|check| check.command);
        assert_eq!(command(&["CMD", "a", "b"]).unwrap(), ["a", "b"]);
        assert_eq!(
            command(&["CMD-SHELL", "a b"]).unwrap(),
            ["/bin/sh", "-c", "a b"]
        );
        for none in [&["NONE"][..], &["CMD"], &[]] {
            assert!(command(none).is_none(), "{none:?}");
        }
        let check = Check::of(
            &HealthConfig {
                interval: Some(0),
                ..config(&["CMD", "a"])
            },
            now,
        );
        assert_eq!(check.unwrap().interval, EVERY);
    }

    #[test]
    fn failures_count_after_the_start() {
        let now = Instant::now();
        let mut check = Check::of(&config(&["CMD", "a"]), now).unwrap();
        for _ in 0..3 {
            assert_eq!(check.count(false, now), Health::Starting);
        }
        let later = now + Duration::from_secs(5);
        assert_eq!(check.count(false, later), Health::Starting);
        assert_eq!(check.count(false, later), Health::Unhealthy);
        assert_eq!(check.count(true, later), Health::Healthy);
    }
}
