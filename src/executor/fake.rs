//! A machine that runs nothing: tests script what commands print and do, and read what was asked, in order.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::{BoxFuture, Command, Ending, ExecError, Finished, Machine, Output, Stop};
use crate::event::Stream;

type Act = Arc<dyn Fn(&Command) + Send + Sync>;

/// What a command does when it is run.
#[derive(Clone)]
pub struct Reply {
    output: Vec<(Stream, Vec<u8>)>,
    ending: Ending,
    act: Option<Act>,
    wait: Wait,
    lingers: Duration,
}

#[derive(Clone)]
enum Wait {
    None,
    For(Duration),
    Until(Arc<Semaphore>),
    Stopped,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("output", &self.output)
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

impl Reply {
    pub fn exit(code: i32) -> Self {
        Self {
            output: Vec::new(),
            ending: Ending::Exited(code),
            act: None,
            wait: Wait::None,
            lingers: Duration::ZERO,
        }
    }

    #[must_use]
    pub fn stdout(mut self, text: &str) -> Self {
        self.output.push((Stream::Stdout, text.into()));
        self
    }

    #[must_use]
    pub fn stderr(mut self, text: &str) -> Self {
        self.output.push((Stream::Stderr, text.into()));
        self
    }

    /// Does something with the command before it ends: writes its command files.
    #[must_use]
    pub fn act(mut self, act: impl Fn(&Command) + Send + Sync + 'static) -> Self {
        self.act = Some(Arc::new(act));
        self
    }

    /// Appends text to the file that a variable of the command's environment names, as `GITHUB_OUTPUT` does.
    #[must_use]
    pub fn writes(self, variable: &'static str, text: &'static str) -> Self {
        self.act(move |command| {
            use std::io::Write as _;
            let file = command.env.iter().find(|(name, _)| name == variable);
            let written = file.map(|(_, path)| {
                let mut file = std::fs::OpenOptions::new()
                    .append(true)
                    .create(true)
                    .open(path)?;
                file.write_all(text.as_bytes())
            });
            assert!(matches!(written, Some(Ok(()))), "{variable} names a file");
        })
    }

    /// Ends after a time.
    #[must_use]
    pub fn after(mut self, time: Duration) -> Self {
        self.wait = Wait::For(time);
        self
    }

    /// Ends when a permit comes.
    #[must_use]
    pub fn until(mut self, permits: &Arc<Semaphore>) -> Self {
        self.wait = Wait::Until(Arc::clone(permits));
        self
    }

    /// Ends only when it is stopped.
    #[must_use]
    pub fn until_stopped(mut self) -> Self {
        self.wait = Wait::Stopped;
        self
    }

    /// Goes on for a time after it was asked to end politely.
    #[must_use]
    pub fn lingers(mut self, time: Duration) -> Self {
        self.lingers = time;
        self
    }
}

/// One command that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub command: Command,
    /// The program, its arguments and the content of the files that they name: what rules are matched with.
    pub text: String,
}

impl Call {
    /// A variable of the command's environment.
    pub fn env(&self, name: &str) -> Option<&str> {
        let found = self.command.env.iter().find(|(known, _)| known == name);
        found.and_then(|(_, value)| value.to_str())
    }
}

/// The machine; a clone is the same one.
#[derive(Debug, Clone, Default)]
pub struct Fake(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    rules: Vec<(String, Reply)>,
    calls: Vec<Call>,
    closed: usize,
}

impl Fake {
    pub fn new() -> Self {
        Self::default()
    }

    /// Replies so to every command whose text contains this; the rule given first wins, no rule means success.
    #[must_use]
    pub fn on(self, text: impl Into<String>, reply: Reply) -> Self {
        self.state().rules.push((text.into(), reply));
        self
    }

    /// The commands so far, in the order of their starts.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// How often the machine was closed.
    pub fn closed(&self) -> usize {
        self.state().closed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, command: &Command) -> Reply {
        let text = text(command);
        let mut state = self.state();
        let rule = state.rules.iter().find(|(part, _)| text.contains(part));
        let reply = rule.map_or_else(|| Reply::exit(0), |(_, reply)| reply.clone());
        state.calls.push(Call {
            command: command.clone(),
            text,
        });
        reply
    }

    async fn run(&self, command: &Command, output: &mut dyn Output, stop: &Stop) -> Finished {
        let reply = self.start(command);
        for (stream, bytes) in &reply.output {
            output.chunk(*stream, bytes);
        }
        let stopped = tokio::select! {
            biased;
            () = stop.kill.cancelled() => Some(9),
            () = stop.cancel.cancelled() => Some(2),
            () = wait(&reply.wait) => None,
        };
        if stopped == Some(2) && !reply.lingers.is_zero() {
            tokio::select! {
                () = stop.kill.cancelled() => {}
                () = tokio::time::sleep(reply.lingers) => {}
            }
        }
        if let Some(act) = &reply.act {
            act(command);
        }
        Finished {
            ending: stopped.map_or(reply.ending, Ending::Signalled),
            stopped: stopped.is_some(),
        }
    }
}

impl Machine for Fake {
    fn exec<'a>(
        &'a self,
        command: &'a Command,
        output: &'a mut dyn Output,
        stop: &'a Stop,
    ) -> BoxFuture<'a, Result<Finished, ExecError>> {
        Box::pin(async move { Ok(self.run(command, output, stop).await) })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), ExecError>> {
        self.state().closed += 1;
        Box::pin(async { Ok(()) })
    }
}

async fn wait(wait: &Wait) {
    match wait {
        Wait::None => {}
        Wait::For(time) => tokio::time::sleep(*time).await,
        Wait::Until(permits) => {
            if let Ok(permit) = permits.acquire().await {
                permit.forget();
            }
        }
        Wait::Stopped => std::future::pending().await,
    }
}

fn text(command: &Command) -> String {
    let mut text = command.program.to_string_lossy().into_owned();
    for arg in &command.args {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    for arg in &command.args {
        if let Ok(content) = std::fs::read_to_string(command.cwd.join(arg)) {
            text.push('\n');
            text.push_str(&content);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Text(String);

    impl Output for Text {
        fn chunk(&mut self, _stream: Stream, bytes: &[u8]) {
            self.0.push_str(&String::from_utf8_lossy(bytes));
        }
    }

    fn command(place: &std::path::Path, script: &str) -> Command {
        let path = place.join("script.sh");
        std::fs::write(&path, script).unwrap();
        Command {
            program: "bash".into(),
            args: vec!["-e".into(), path.into()],
            env: vec![("GITHUB_OUTPUT".into(), place.join("output").into())],
            cwd: place.into(),
        }
    }

    #[tokio::test]
    async fn replies_by_the_text_of_scripts_and_remembers_calls() {
        let place = tempfile::tempdir().unwrap();
        let gate = Arc::new(Semaphore::new(1));
        let fake = Fake::new()
            .on(
                "make test",
                Reply::exit(2)
                    .stdout("no\n")
                    .writes("GITHUB_OUTPUT", "a=b\n"),
            )
            .on("slow", Reply::exit(0).until_stopped())
            .on("gated", Reply::exit(3).until(&gate));
        let (mut output, stop) = (Text::default(), Stop::default());
        let mut ends = Vec::new();
        for script in ["make test", "echo", "gated"] {
            let command = command(place.path(), script);
            ends.push(
                fake.exec(&command, &mut output, &stop)
                    .await
                    .unwrap()
                    .ending,
            );
        }
        assert_eq!(ends, [2, 0, 3].map(Ending::Exited));
        assert_eq!(output.0, "no\n");
        assert_eq!(
            std::fs::read_to_string(place.path().join("output")).unwrap(),
            "a=b\n"
        );
        stop.cancel.cancel();
        let slow = command(place.path(), "slow");
        let finished = fake.exec(&slow, &mut output, &stop).await.unwrap();
        assert!(finished.stopped);
        fake.close().await.unwrap();
        assert_eq!(fake.calls().len(), 4);
        assert!(fake.calls()[0].text.ends_with("make test"));
        assert!(fake.calls()[0].env("GITHUB_OUTPUT").is_some());
        assert_eq!(fake.closed(), 1);
    }
}
