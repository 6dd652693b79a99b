//! The process group of a command, and the signals it gets.

use tokio::process::Child;

/// What a group is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Interrupt,
    Terminate,
    Kill,
}

impl Signal {
    pub(super) fn number(self) -> i32 {
        match self {
            Self::Interrupt => 2,
            Self::Terminate => 15,
            Self::Kill => 9,
        }
    }
}

/// A process and its descendants; whoever drops it before [`release`](Group::release) kills them.
#[derive(Debug)]
pub(super) struct Group {
    id: Option<i32>,
}

impl Group {
    pub(super) fn of(child: &Child) -> Self {
        Self {
            id: child.id().and_then(|id| i32::try_from(id).ok()),
        }
    }

    pub(super) fn id(&self) -> Option<i32> {
        self.id
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let Some(id) = self.id {
            send(id, signal);
        }
    }

    /// Lets what is left live.
    pub(super) fn release(&mut self) {
        self.id = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::Kill);
    }
}

/// A group that is gone needs no signal, so failures say nothing.
#[cfg(unix)]
pub(super) fn send(group: i32, signal: Signal) -> bool {
    use nix::sys::signal::{Signal as Number, killpg};
    let number = match signal {
        Signal::Interrupt => Number::SIGINT,
        Signal::Terminate => Number::SIGTERM,
        Signal::Kill => Number::SIGKILL,
    };
    killpg(nix::unistd::Pid::from_raw(group), number).is_ok()
}

#[cfg(not(unix))]
pub(super) fn send(_group: i32, _signal: Signal) -> bool {
    false
}
