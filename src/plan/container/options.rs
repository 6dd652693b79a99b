//! `options` of a container: the flags of `docker create` that lrun knows, read into what the engine's API takes.

use std::net::IpAddr;

use super::quantity::{bytes, nano_cpus, nanoseconds};
use super::words::words;

/// What `options` ask for; fields are named as the flags are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContainerOptions {
    pub hostname: Option<String>,
    pub user: Option<String>,
    /// Without a value: the variable of that name of whoever runs lrun.
    pub env: Vec<(String, Option<String>)>,
    pub env_file: Vec<String>,
    pub health: Health,
    pub nano_cpus: Option<i64>,
    pub memory: Option<i64>,
    /// -1 is without limit.
    pub memory_swap: Option<i64>,
    pub shm_size: Option<i64>,
    pub ulimit: Vec<Ulimit>,
    /// Path and options.
    pub tmpfs: Vec<(String, String)>,
    pub volume: Vec<String>,
    pub mount: Vec<Mount>,
    pub publish: Vec<Port>,
    pub expose: Vec<String>,
    /// `host:ip`.
    pub add_host: Vec<String>,
    pub dns: Vec<String>,
    pub network_alias: Vec<String>,
    pub entrypoint: Option<String>,
    pub workdir: Option<String>,
    pub init: Option<bool>,
    pub privileged: bool,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub security_opt: Vec<String>,
    pub device: Vec<Device>,
    pub gpus: Vec<Gpus>,
    pub group_add: Vec<String>,
    pub ipc: Option<String>,
    pub pid: Option<String>,
    pub platform: Option<String>,
    pub label: Vec<(String, String)>,
    pub read_only: bool,
    pub restart: Option<Restart>,
    pub stop_signal: Option<String>,
    pub stop_timeout: Option<i64>,
    pub sysctl: Vec<(String, String)>,
    pub userns: Option<String>,
}

/// `--health-*` and `--no-healthcheck`; times in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    pub cmd: Option<String>,
    pub interval: Option<i64>,
    pub timeout: Option<i64>,
    pub retries: Option<i64>,
    pub start_period: Option<i64>,
    pub start_interval: Option<i64>,
    pub none: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ulimit {
    pub name: String,
    pub soft: i64,
    pub hard: i64,
}

/// One container port and where it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// `5432/tcp`.
    pub container: String,
    pub host_ip: Option<String>,
    /// Empty is a free one; `8000-8010` one of these.
    pub host: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    pub kind: MountKind,
    pub source: Option<String>,
    pub target: String,
    pub read_only: bool,
    pub propagation: Option<String>,
    pub no_copy: bool,
    pub tmpfs_size: Option<i64>,
    pub tmpfs_mode: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountKind {
    Bind,
    Volume,
    Tmpfs,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    pub host: String,
    pub container: String,
    pub permissions: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gpus {
    All,
    Count(i64),
    Ids(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restart {
    /// `no`, `always`, `unless-stopped`, `on-failure`.
    pub name: String,
    pub retries: Option<i64>,
}

/// Why `options` can not be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    #[error("lrun does not know the container option '{0}'")]
    Unknown(String),
    #[error("the container option '{0}' needs a value")]
    NoValue(String),
    #[error("the container option '{flag}' can not be '{}': expected {expected}{}", value.escape_debug(), folded(value))]
    Value {
        flag: String,
        value: String,
        expected: &'static str,
    },
    #[error("'{0}' is no container option: options start with '-'")]
    Word(String),
}

/// As on GitHub, a line break parts no words (SPEC J-24: the runner's process launcher knows blanks and tabs).
fn folded(value: &str) -> &'static str {
    if value.contains('\n') {
        ", without the line break that `options: |` or `options: >` leaves in it; write `options: >-`"
    } else {
        ""
    }
}

type Result<T> = std::result::Result<T, OptionError>;

/// Flags with a value that have a short form.
const SHORT: [(char, &str); 8] = [
    ('h', "hostname"),
    ('u', "user"),
    ('e', "env"),
    ('m', "memory"),
    ('v', "volume"),
    ('p', "publish"),
    ('w', "workdir"),
    ('l', "label"),
];

const SWITCHES: [&str; 4] = ["init", "privileged", "read-only", "no-healthcheck"];

impl ContainerOptions {
    /// Reads `options` as the runner's process launcher splits them (SPEC J-24).
    pub fn parse(line: &str) -> Result<Self> {
        let mut options = Self::default();
        options.read(words(line))?;
        Ok(options)
    }

    /// Adds what these words ask for; of a flag that takes one value the later counts.
    pub fn read(&mut self, words: Vec<String>) -> Result<()> {
        let mut words = words.into_iter();
        self.take(&mut words)?;
        let health = &self.health;
        if health.none
            && *health
                != (Health {
                    none: true,
                    ..Health::default()
                })
        {
            return Err(OptionError::Value {
                flag: "--no-healthcheck".to_owned(),
                value: "true".to_owned(),
                expected: "no --health-* beside it",
            });
        }
        Ok(())
    }

    fn take(&mut self, words: &mut impl Iterator<Item = String>) -> Result<()> {
        while let Some(word) = words.next() {
            let (flag, name, attached) = split(&word)?;
            if SWITCHES.contains(&name.as_str()) {
                let on = match attached.as_deref() {
                    None => true,
                    Some(text) => switch(&flag, text)?,
                };
                self.switch(&name, on);
                continue;
            }
            if !KNOWN.contains(&name.as_str()) {
                return Err(OptionError::Unknown(flag));
            }
            let Some(value) = attached.or_else(|| words.next()) else {
                return Err(OptionError::NoValue(flag));
            };
            self.set(&flag, &name, value)?;
        }
        Ok(())
    }

    fn switch(&mut self, name: &str, on: bool) {
        match name {
            "init" => self.init = Some(on),
            "privileged" => self.privileged = on,
            "read-only" => self.read_only = on,
            _ => self.health.none = on,
        }
    }

    fn set(&mut self, flag: &str, name: &str, value: String) -> Result<()> {
        let wrong = |expected: &'static str| OptionError::Value {
            flag: flag.to_owned(),
            value: value.clone(),
            expected,
        };
        if let Some(expected) = mistake(name, &value) {
            return Err(wrong(expected));
        }
        let time = || nanoseconds(&value).ok_or_else(|| wrong("a time as in 10s or 1m30s"));
        let size = || bytes(&value).ok_or_else(|| wrong("a size as in 512m or 2g"));
        let cpus = || nano_cpus(&value).ok_or_else(|| wrong("a number as in 1.5"));
        let number = || value.parse::<i64>().map_err(|_| wrong("a whole number"));
        let pair = || {
            value
                .split_once('=')
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .ok_or_else(|| wrong("NAME=VALUE"))
        };
        match name {
            "hostname" => self.hostname = Some(value),
            "user" => self.user = Some(value),
            "env" => self.env.push(match value.split_once('=') {
                Some((name, text)) => (name.to_owned(), Some(text.to_owned())),
                None => (value, None),
            }),
            "env-file" => self.env_file.push(value),
            "health-cmd" => self.health.cmd = Some(value),
            "health-interval" => self.health.interval = Some(time()?),
            "health-timeout" => self.health.timeout = Some(time()?),
            "health-retries" => self.health.retries = Some(number()?),
            "health-start-period" => self.health.start_period = Some(time()?),
            "health-start-interval" => self.health.start_interval = Some(time()?),
            "cpus" => self.nano_cpus = Some(cpus()?),
            "memory" => self.memory = Some(size()?),
            "memory-swap" if value == "-1" => self.memory_swap = Some(-1),
            "memory-swap" => self.memory_swap = Some(size()?),
            "shm-size" => self.shm_size = Some(size()?),
            "ulimit" => self
                .ulimit
                .push(ulimit(&value).ok_or_else(|| wrong("NAME=SOFT[:HARD]"))?),
            "tmpfs" => {
                let (path, options) = value.split_once(':').unwrap_or((&value, ""));
                self.tmpfs.push((path.to_owned(), options.to_owned()));
            }
            "volume" => self.volume.push(value),
            "mount" => self
                .mount
                .push(mount(&value).ok_or_else(|| wrong("type=bind,source=…,target=…"))?),
            "publish" => self
                .publish
                .extend(Port::parse(&value).ok_or_else(|| wrong("[[IP:]PORT:]PORT[/PROTOCOL]"))?),
            "expose" => self
                .expose
                .extend(exposed(&value).ok_or_else(|| wrong("PORT[-PORT][/PROTOCOL]"))?),
            "add-host" if !value.contains(['=', ':']) => return Err(wrong("HOST:IP")),
            "add-host" => self.add_host.push(value.replacen('=', ":", 1)),
            "dns" => self.dns.push(value),
            "network-alias" => self.network_alias.push(value),
            "entrypoint" => self.entrypoint = Some(value),
            "workdir" => self.workdir = Some(value),
            "cap-add" => self.cap_add.push(value),
            "cap-drop" => self.cap_drop.push(value),
            "security-opt" => self.security_opt.push(value),
            "device" => self
                .device
                .push(device(&value).ok_or_else(|| wrong("PATH[:PATH][:rwm]"))?),
            "gpus" => self
                .gpus
                .push(gpus(&value).ok_or_else(|| wrong("all, a number, or device=ID"))?),
            "group-add" => self.group_add.push(value),
            "ipc"
                if !is_one_of(
                    &value,
                    &["none", "private", "shareable", "host", "container:"],
                ) =>
            {
                return Err(wrong("none, private, shareable, host or container:NAME"));
            }
            "ipc" => self.ipc = Some(value),
            "pid" => self.pid = Some(value),
            "platform" => self.platform = Some(value),
            "label" => {
                let (name, text) = value.split_once('=').unwrap_or((&value, ""));
                self.label.push((name.to_owned(), text.to_owned()));
            }
            "restart" => {
                self.restart =
                    Some(restart(&value).ok_or_else(|| {
                        wrong("no, always, unless-stopped or on-failure[:RETRIES]")
                    })?);
            }
            "stop-signal" => self.stop_signal = Some(value),
            "stop-timeout" => self.stop_timeout = Some(number()?),
            "sysctl" => self.sysctl.push(pair()?),
            "userns" => self.userns = Some(value),
            _ => return Err(OptionError::Unknown(flag.to_owned())),
        }
        Ok(())
    }
}

/// Flags that take a value.
const KNOWN: [&str; 40] = [
    "hostname",
    "user",
    "env",
    "env-file",
    "health-cmd",
    "health-interval",
    "health-timeout",
    "health-retries",
    "health-start-period",
    "health-start-interval",
    "cpus",
    "memory",
    "memory-swap",
    "shm-size",
    "ulimit",
    "tmpfs",
    "volume",
    "mount",
    "publish",
    "expose",
    "add-host",
    "dns",
    "network-alias",
    "entrypoint",
    "workdir",
    "cap-add",
    "cap-drop",
    "security-opt",
    "device",
    "gpus",
    "group-add",
    "ipc",
    "pid",
    "platform",
    "label",
    "restart",
    "stop-signal",
    "stop-timeout",
    "sysctl",
    "userns",
];

/// The flag as written, its long name, and a value that stands in the same word.
fn split(word: &str) -> Result<(String, String, Option<String>)> {
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (long, None),
        };
        return Ok((format!("--{name}"), name.to_owned(), value));
    }
    let mut short = word.strip_prefix('-').unwrap_or_default().chars();
    let Some(letter) = short.next() else {
        return Err(OptionError::Word(word.to_owned()));
    };
    let flag = format!("-{letter}");
    let Some((_, name)) = SHORT.iter().find(|(short, _)| *short == letter) else {
        return Err(OptionError::Unknown(flag));
    };
    let rest = short.as_str();
    let value = (!rest.is_empty()).then(|| rest.strip_prefix('=').unwrap_or(rest).to_owned());
    Ok((flag, (*name).to_owned(), value))
}

fn switch(flag: &str, text: &str) -> Result<bool> {
    match text {
        "true" | "1" | "t" | "T" | "TRUE" | "True" => Ok(true),
        "false" | "0" | "f" | "F" | "FALSE" | "False" => Ok(false),
        _ => Err(OptionError::Value {
            flag: flag.to_owned(),
            value: text.to_owned(),
            expected: "true or false",
        }),
    }
}

impl Port {
    /// Reads `[[IP:]HOST:]CONTAINER[/PROTOCOL]`; ranges give one port each.
    pub fn parse(text: &str) -> Option<Vec<Self>> {
        let (ports, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
        let protocol = protocol.to_ascii_lowercase();
        if !["tcp", "udp", "sctp"].contains(&protocol.as_str()) {
            return None;
        }
        let (before, container) = ports.rsplit_once(':').unwrap_or(("", ports));
        let (ip, host) = before.rsplit_once(':').unwrap_or(("", before));
        let ip = ip.trim_start_matches('[').trim_end_matches(']');
        if !ip.is_empty() && ip.parse::<IpAddr>().is_err() {
            return None;
        }
        let (first, last) = range(container)?;
        let hosts = match host {
            "" => None,
            host => Some(range(host)?),
        };
        let count = last - first;
        if let Some((low, high)) = hosts
            && high - low != count
            && count != 0
        {
            return None;
        }
        let one = |index: u16| Self {
            container: format!("{}/{protocol}", first + index),
            host_ip: (!ip.is_empty()).then(|| ip.to_owned()),
            host: match hosts {
                None => String::new(),
                // One port out of a range.
                Some((low, high)) if count == 0 && low != high => format!("{low}-{high}"),
                Some((low, _)) => (low + index).to_string(),
            },
        };
        Some((0..=count).map(one).collect())
    }
}

/// Ports of `--expose`: only the container's.
fn exposed(text: &str) -> Option<impl Iterator<Item = String>> {
    let ports = Port::parse(text)?;
    let plain = |port: &Port| port.host.is_empty() && port.host_ip.is_none();
    ports
        .iter()
        .all(plain)
        .then(|| ports.into_iter().map(|port| port.container))
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}

fn ulimit(text: &str) -> Option<Ulimit> {
    let (name, limits) = text.split_once('=')?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    Some(Ulimit {
        name: name.to_owned(),
        soft: soft.parse().ok()?,
        hard: hard.parse().ok()?,
    })
}

fn mount(text: &str) -> Option<Mount> {
    let mut mount = Mount {
        kind: MountKind::Volume,
        source: None,
        target: String::new(),
        read_only: false,
        propagation: None,
        no_copy: false,
        tmpfs_size: None,
        tmpfs_mode: None,
    };
    for field in text.split(',') {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        let truth = || match value {
            "" | "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        };
        match name {
            "type" => {
                mount.kind = match value {
                    "bind" => MountKind::Bind,
                    "volume" => MountKind::Volume,
                    "tmpfs" => MountKind::Tmpfs,
                    _ => return None,
                }
            }
            "source" | "src" => mount.source = Some(value.to_owned()),
            "target" | "dst" | "destination" => value.clone_into(&mut mount.target),
            "readonly" | "ro" => mount.read_only = truth()?,
            "bind-propagation" if !PROPAGATIONS.contains(&value) => return None,
            "bind-propagation" => mount.propagation = Some(value.to_owned()),
            "volume-nocopy" => mount.no_copy = truth()?,
            "tmpfs-size" => mount.tmpfs_size = Some(bytes(value)?),
            "tmpfs-mode" => mount.tmpfs_mode = Some(u32::from_str_radix(value, 8).ok()?),
            "consistency" => {}
            _ => return None,
        }
    }
    let complete =
        !mount.target.is_empty() && (mount.kind != MountKind::Bind || mount.source.is_some());
    complete.then_some(mount)
}

/// What was expected of a text that the engine would take for something else, or not at all.
fn mistake(name: &str, value: &str) -> Option<&'static str> {
    let ipc = ["none", "private", "shareable", "host", "container:"];
    let pid = ["host", "private", "container:"];
    let (is_right, expected) = match name {
        "dns" => (value.parse::<IpAddr>().is_ok(), "an IP address"),
        "ipc" => (
            is_one_of(value, &ipc),
            "none, private, shareable, host or container:NAME",
        ),
        "pid" => (is_one_of(value, &pid), "host or container:NAME"),
        "userns" => (is_userns(value), USERNS),
        "label" => (!value.starts_with('='), "NAME[=VALUE]"),
        _ => (true, ""),
    };
    (!is_right).then_some(expected)
}

/// How mounts within a bound folder show on the other side (mount(8)).
const PROPAGATIONS: [&str; 6] = [
    "private", "rprivate", "shared", "rshared", "slave", "rslave",
];

/// One of these, or one that begins with one that ends in `:`.
fn is_one_of(value: &str, known: &[&str]) -> bool {
    known.iter().any(|name| match name.strip_suffix(':') {
        Some(_) => value.len() > name.len() && value.starts_with(name),
        None => value == *name,
    })
}

/// What [`is_userns`] takes.
pub const USERNS: &str = "host, private, keep-id, nomap or auto";

/// Names of user namespaces: Docker's `host`, and Podman's.
pub fn is_userns(value: &str) -> bool {
    let known = [
        "host", "private", "keep-id", "keep-id:", "nomap", "auto", "auto:",
    ];
    is_one_of(value, &known)
}

fn device(text: &str) -> Option<Device> {
    let mut parts = text.split(':');
    let host = parts.next().unwrap_or_default().to_owned();
    let is_permissions = |part: &str| !part.is_empty() && part.chars().all(|c| "rwm".contains(c));
    let (container, permissions) = match (parts.next(), parts.next()) {
        (Some(second), None) if is_permissions(second) => (host.clone(), second.to_owned()),
        (second, third) => (
            second.map_or_else(|| host.clone(), str::to_owned),
            third.unwrap_or("rwm").to_owned(),
        ),
    };
    let is_whole = parts.next().is_none() && is_permissions(&permissions);
    (is_whole && !host.is_empty()).then_some(Device {
        host,
        container,
        permissions,
    })
}

fn gpus(text: &str) -> Option<Gpus> {
    let text = text.trim_matches('"');
    if text == "all" {
        return Some(Gpus::All);
    }
    if let Some(ids) = text.strip_prefix("device=") {
        return Some(Gpus::Ids(ids.split(',').map(str::to_owned).collect()));
    }
    text.strip_prefix("count=")
        .unwrap_or(text)
        .parse()
        .ok()
        .map(Gpus::Count)
}

fn restart(text: &str) -> Option<Restart> {
    let (name, retries) = text.split_once(':').unwrap_or((text, ""));
    let retries = match retries {
        "" => None,
        count if name == "on-failure" => Some(count.parse().ok()?),
        _ => return None,
    };
    ["no", "always", "unless-stopped", "on-failure"]
        .contains(&name)
        .then(|| Restart {
            name: name.to_owned(),
            retries,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> ContainerOptions {
        ContainerOptions::parse(line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    #[test]
    fn reads_the_options_of_a_usual_service() {
        let found = read(
            r#"--health-cmd "pg_isready -U postgres" --health-interval 10s --health-timeout=5s --health-retries 5 --health-start-period 1m"#,
        );
        assert_eq!(
            found.health,
            Health {
                cmd: Some("pg_isready -U postgres".into()),
                interval: Some(10_000_000_000),
                timeout: Some(5_000_000_000),
                retries: Some(5),
                start_period: Some(60_000_000_000),
                ..Health::default()
            }
        );
    }

    #[test]
    fn what_the_client_or_the_engine_refuses_is_refused() {
        for line in [
            "-p nonsense:80:80",
            "-p 80:90:100:1",
            "-p 1.2.3:80:80",
            "--dns bogus",
            "--pid bogus",
            "--ipc container:",
            "--userns bogus",
            "--device /dev/null:/dev/x:zzz",
            "--device /a:/b:r:w",
            "--label =x",
            "--no-healthcheck --health-cmd true",
            "--mount type=bind,source=/a,target=/b,bind-propagation=bogus",
        ] {
            assert!(ContainerOptions::parse(line).is_err(), "{line}");
        }
        let found = read(
            "-p 127.0.0.1:80:80 -p [::1]:81:81 --pid host --ipc container:x --userns keep-id:uid=1",
        );
        assert_eq!(found.publish[1].host_ip.as_deref(), Some("::1"));
    }

    #[test]
    fn a_line_break_in_a_value_is_told_of() {
        let error = ContainerOptions::parse("--health-cmd true --health-retries 5\n").unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("'5\\n'") && text.contains("`options: >-`"),
            "{text}"
        );
    }

    #[test]
    fn values_stand_in_the_word_or_after_it() {
        let found = read("-eA=1 -e B=2 -e=C=3 --env D -u 1000 -hbox --user=root -w /w");
        let env: Vec<_> = found
            .env
            .iter()
            .map(|(n, v)| (&**n, v.as_deref()))
            .collect();
        assert_eq!(
            env,
            [
                ("A", Some("1")),
                ("B", Some("2")),
                ("C", Some("3")),
                ("D", None)
            ]
        );
        assert_eq!(found.user.as_deref(), Some("root"));
        assert_eq!(found.hostname.as_deref(), Some("box"));
        assert_eq!(found.workdir.as_deref(), Some("/w"));
    }

    #[test]
    fn every_flag_of_the_list_is_known() {
        let found = read(concat!(
            "--env-file f --no-healthcheck --cpus 1.5 --memory 1g --memory-swap -1 --shm-size 64m ",
            "--ulimit nofile=1024:2048 --tmpfs /run:size=1m --volume a:/b --mount type=tmpfs,target=/t ",
            "--publish 80 --expose 90-91 --add-host h:1.2.3.4 --dns 1.1.1.1 --network-alias db ",
            "--entrypoint sh --init --privileged --cap-add NET_ADMIN --cap-drop ALL ",
            "--security-opt seccomp=unconfined --device /dev/fuse --gpus all --group-add audio ",
            "--ipc host --pid host --platform linux/arm64 --label a=b --read-only --restart on-failure:3 ",
            "--stop-signal INT --stop-timeout 3 --sysctl net.core.somaxconn=1 --userns host",
        ));
        assert_eq!(found.nano_cpus, Some(1_500_000_000));
        assert_eq!((found.memory, found.memory_swap), (Some(1 << 30), Some(-1)));
        assert_eq!(found.ulimit[0].hard, 2048);
        assert_eq!(found.tmpfs, [("/run".to_owned(), "size=1m".to_owned())]);
        assert_eq!(found.expose, ["90/tcp", "91/tcp"]);
        assert_eq!(found.device[0].permissions, "rwm");
        assert_eq!(found.restart.unwrap().retries, Some(3));
        assert!(found.read_only && found.privileged && found.health.none);
        for flag in KNOWN {
            let error = ContainerOptions::parse(&format!("--{flag}")).unwrap_err();
            assert!(matches!(error, OptionError::NoValue(_)), "{flag}: {error}");
        }
    }

    #[test]
    fn an_option_that_is_not_known_is_named() {
        let table = [
            (
                "--network host",
                "lrun does not know the container option '--network'",
            ),
            ("-d", "lrun does not know the container option '-d'"),
            ("--cpus", "the container option '--cpus' needs a value"),
            (
                "--cpus many",
                "the container option '--cpus' can not be 'many': expected a number as in 1.5",
            ),
            (
                "alpine",
                "'alpine' is no container option: options start with '-'",
            ),
            (
                "--init=maybe",
                "the container option '--init' can not be 'maybe': expected true or false",
            ),
        ];
        for (line, expected) in table {
            let error = ContainerOptions::parse(line).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn ports_are_written_in_many_ways() {
        let shown = |text: &str| {
            Port::parse(text).map(|ports| {
                let one = |port: Port| {
                    format!(
                        "{} {} {}",
                        port.host_ip.unwrap_or_default(),
                        port.host,
                        port.container
                    )
                };
                ports.into_iter().map(one).collect::<Vec<_>>().join(", ")
            })
        };
        let table = [
            ("80", Some("  80/tcp")),
            ("8080:80", Some(" 8080 80/tcp")),
            ("127.0.0.1:8080:80/udp", Some("127.0.0.1 8080 80/udp")),
            ("127.0.0.1::80", Some("127.0.0.1  80/tcp")),
            ("[::1]:1:2", Some("::1 1 2/tcp")),
            ("8000-8001:80-81", Some(" 8000 80/tcp,  8001 81/tcp")),
            ("8000-8010:80", Some(" 8000-8010 80/tcp")),
            ("8000-8002:80-81", None),
            ("x:80", None),
            ("80/icmp", None),
            ("70000", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text).as_deref(), expected, "{text}");
        }
    }
}
