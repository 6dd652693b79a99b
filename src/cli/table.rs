//! The table of all flags: the command line, `.actrc`, `LRUN_*`, `lrun.toml`, help and completions are made from it.

use super::command::CommandKind;
use super::flags::{Flag, Heading};

/// Why addresses of services are nobody's choice.
const OWN_ADDRESS: &str = "lrun serves at an address of its own and a free port";

/// Every flag; the order is that of the help.
pub const FLAGS: &[Flag] = &[
    // What runs.
    Flag::group(
        "job",
        "ID",
        "Run this job with the jobs that it needs; may be given several times",
    )
    .short('j'),
    Flag::scalar(
        "workflows",
        "PATH",
        "Take workflows from this file or folder",
    )
    .short('W')
    .default(".github/workflows"),
    Flag::list(
        "matrix",
        "KEY:VALUE",
        "Keep only the matrix legs with this value",
    ),
    Flag::scalar(
        "eventpath",
        "FILE",
        "Merge this JSON payload over the one made from git",
    )
    .short('e'),
    Flag::scalar(
        "cron",
        "TEXT",
        "With the event schedule: fire this entry instead of each workflow's first",
    ),
    Flag::switch(
        "chain",
        "Then run the workflows that list workflow_run for those that ran",
    ),
    Flag::switch(
        "detect-event",
        "Without an event, take the first that the workflows list",
    ),
    Flag::switch(
        "skip-unavailable",
        "Count legs that this machine cannot serve as absent",
    ),
    Flag::scalar(
        "concurrent-jobs",
        "N",
        "Run at most N jobs at once; 0 means one per processor",
    )
    .default("0")
    .number(),
    Flag::switch(
        "no-recurse",
        "Do not read subfolders of a folder of workflows",
    )
    .no_op("a folder never means its subfolders"),
    Flag::switch("strict", "Check workflows strictly")
        .no_op("workflows are always read as GitHub does"),
    Flag::switch("watch", "Run again whenever a file changes")
        .short('w')
        .later(),
    Flag::switch("locked", "Use only actions that the lock file pins"),
    // Values.
    Flag::list(
        "secret",
        "NAME[=VALUE]",
        "Set a secret; without a value read that variable, or ask",
    )
    .short('s')
    .under(Heading::Values),
    Flag::scalar("secret-file", "FILE", "Read secrets from this file")
        .default(".secrets")
        .under(Heading::Values),
    Flag::scalar(
        "github-token",
        "SOURCE",
        "Where GITHUB_TOKEN comes from: `gh` runs `gh auth token`",
    )
    .choices(&["gh"])
    .under(Heading::Values),
    Flag::list(
        "var",
        "NAME[=VALUE]",
        "Set a configuration variable; without a value read that variable, or ask",
    )
    .under(Heading::Values),
    Flag::scalar(
        "var-file",
        "FILE",
        "Read configuration variables from this file",
    )
    .default(".vars")
    .under(Heading::Values),
    Flag::list(
        "env",
        "NAME[=VALUE]",
        "Set an environment variable above those of workflow and job",
    )
    .under(Heading::Values),
    Flag::scalar(
        "env-file",
        "FILE",
        "Read environment variables from this file",
    )
    .default(".env")
    .under(Heading::Values),
    Flag::list(
        "input",
        "NAME=VALUE",
        "Give an input of workflow_dispatch or workflow_call",
    )
    .under(Heading::Values),
    Flag::scalar("input-file", "FILE", "Read inputs from this file")
        .default(".input")
        .under(Heading::Values),
    Flag::scalar("actor", "NAME", "Say who caused the event")
        .short('a')
        .under(Heading::Values),
    Flag::scalar(
        "defaultbranch",
        "BRANCH",
        "Name the default branch of the repository",
    )
    .under(Heading::Values),
    Flag::scalar(
        "remote-name",
        "REMOTE",
        "Take owner and name of the repository from this git remote",
    )
    .default("origin")
    .under(Heading::Values),
    Flag::scalar(
        "delimiters",
        "WHICH",
        "Read only `${{ }}` (github), or `$<< >>` too (both)",
    )
    .default("both")
    .choices(&["both", "github"])
    .under(Heading::Values),
    Flag::switch(
        "insecure-secrets",
        "Accepted with a warning: secrets are masked all the same",
    )
    .under(Heading::Values),
    Flag::scalar(
        "github-instance",
        "HOST",
        "Work against another GitHub server",
    )
    .under(Heading::Values),
    // Machines.
    Flag::list(
        "platform",
        "LABEL=IMAGE",
        "Serve a runs-on label by this image, or by `host`",
    )
    .short('P')
    .under(Heading::Machines),
    Flag::scalar("backend", "WHERE", "Where jobs run")
        .default("auto")
        .choices(&["auto", "docker", "host"])
        .under(Heading::Machines),
    Flag::switch(
        "clean-env",
        "Give host steps PATH, HOME and LANG only, not your environment",
    )
    .under(Heading::Machines),
    Flag::optional("pull", "WHEN", "When to ask the registry for images")
        .short('p')
        .default("missing")
        .choices(&["always", "missing", "never"])
        .under(Heading::Machines),
    Flag::switch("rm", "Remove the containers of failed jobs")
        .under(Heading::Machines)
        .no_op("nothing stays behind"),
    Flag::switch("reuse", "Go on in the machines of the last green run")
        .short('r')
        .under(Heading::Machines),
    Flag::scalar("keep", "WHICH", "Leave the machines of jobs to look into")
        .default("never")
        .choices(&["failed", "always", "never"])
        .under(Heading::Machines),
    Flag::switch("rebuild", "Build Docker actions every time")
        .under(Heading::Machines),
    Flag::scalar("network", "NAME", "Docker network of jobs")
        .under(Heading::Machines),
    Flag::scalar("container-architecture", "PLATFORM", "Platform of images")
        .under(Heading::Machines),
    Flag::scalar(
        "container-options",
        "OPTIONS",
        "More options for the containers of jobs",
    )
    .under(Heading::Machines),
    Flag::scalar(
        "container-daemon-socket",
        "SOCKET",
        "Docker socket that jobs see",
    )
    .under(Heading::Machines),
    Flag::scalar("docker-socket", "SOCKET", "Docker socket that jobs see")
        .under(Heading::Machines),
    Flag::list(
        "container-cap-add",
        "CAPABILITY",
        "Kernel capability that containers get",
    )
    .under(Heading::Machines),
    Flag::list(
        "container-cap-drop",
        "CAPABILITY",
        "Kernel capability that containers lose",
    )
    .under(Heading::Machines),
    Flag::switch("privileged", "Run containers with all rights")
        .under(Heading::Machines),
    Flag::scalar("userns", "MODE", "User namespace of containers")
        .under(Heading::Machines),
    // Workspace.
    Flag::scalar("directory", "FOLDER", "Enter this folder first")
        .short('C')
        .under(Heading::Workspace),
    Flag::scalar(
        "workspace",
        "HOW",
        "Give jobs a copy of the tree, or the tree itself (bind)",
    )
    .default("copy")
    .choices(&["copy", "bind"])
    .under(Heading::Workspace),
    Flag::switch("bind", "The same as --workspace bind")
        .short('b')
        .under(Heading::Workspace),
    Flag::switch(
        "clean",
        "Take exactly the commit, without uncommitted changes",
    )
    .under(Heading::Workspace),
    Flag::switch("staged", "Take exactly the index, for pre-commit hooks")
        .under(Heading::Workspace),
    Flag::switch("with-ignored", "Take ignored files too").under(Heading::Workspace),
    Flag::switch(
        "use-gitignore",
        "Leave ignored files out; =false is --with-ignored",
    )
    .default("true")
    .under(Heading::Workspace),
    Flag::switch("no-skip-checkout", "Run the real actions/checkout")
        .under(Heading::Workspace),
    // Network and caches.
    Flag::switch("offline", "Never touch the network").under(Heading::Network),
    Flag::list(
        "local-repository",
        "OWNER/REPO@REF=FOLDER",
        "Serve an action repository from a folder",
    )
    .under(Heading::Network),
    Flag::switch("use-new-action-cache", "Use act's other cache of actions")
        .under(Heading::Network)
        .no_op("lrun has one cache of actions"),
    Flag::switch(
        "action-offline-mode",
        "Use cached actions without asking whether they moved",
    )
    .under(Heading::Network),
    Flag::scalar("action-cache-path", "FOLDER", "Where actions are cached")
        .under(Heading::Network),
    Flag::list(
        "replace-ghe-action-with-github-com",
        "REPO",
        "Take this action from github.com",
    )
    .under(Heading::Network),
    Flag::scalar(
        "replace-ghe-action-token-with-github-com",
        "TOKEN",
        "Token for those actions",
    )
    .under(Heading::Network),
    Flag::scalar(
        "artifact-server-path",
        "FOLDER",
        "Lay each artifact at FOLDER/1/NAME/NAME.zip, too, when the run is over",
    )
    .under(Heading::Network),
    Flag::scalar(
        "artifact-server-addr",
        "ADDRESS",
        "Address of the artifact server",
    )
    .under(Heading::Network)
    .no_op(OWN_ADDRESS),
    Flag::scalar(
        "artifact-server-port",
        "PORT",
        "Port of the artifact server",
    )
    .under(Heading::Network)
    .no_op(OWN_ADDRESS),
    Flag::switch("no-cache-server", "Offer no cache service to jobs").under(Heading::Network),
    Flag::scalar(
        "cache-server-path",
        "FOLDER",
        "Keep the caches of actions/cache in FOLDER/lrun",
    )
    .under(Heading::Network),
    Flag::scalar(
        "cache-server-addr",
        "ADDRESS",
        "Address of the cache server",
    )
    .under(Heading::Network)
    .no_op(OWN_ADDRESS),
    Flag::scalar("cache-server-port", "PORT", "Port of the cache server")
        .under(Heading::Network)
        .no_op(OWN_ADDRESS),
    Flag::scalar(
        "cache-server-external-url",
        "URL",
        "Tell jobs of this cache server in the place of lrun's own",
    )
    .under(Heading::Network),
    Flag::scalar(
        "cache-size",
        "SIZE",
        "Most that caches may take, as 10GB: those used longest ago make room",
    )
    .default("10GB")
    .under(Heading::Network),
    Flag::scalar(
        "cache-days",
        "DAYS",
        "Forget caches that were not used for so many days; 0: never",
    )
    .number()
    .default("7")
    .under(Heading::Network),
    Flag::optional(
        "oidc",
        "ISSUER",
        "Give jobs with `id-token: write` tokens of identity, signed by a key of this machine",
    )
    .under(Heading::Network),
    Flag::scalar("extract", "FOLDER", "Put the files of artifacts there")
        .only(&[CommandKind::Artifacts])
        .under(Heading::Output),
    Flag::switch("open", "Open artifacts with this desktop's programs")
        .only(&[CommandKind::Artifacts])
        .under(Heading::Output),
    Flag::switch("all", "Of all repositories, not of this one alone")
        .only(&[CommandKind::Artifacts, CommandKind::Cache])
        .under(Heading::Selection),
    // Output.
    Flag::switch(
        "quiet",
        "Print nothing of a green run, and the last lines of failed steps",
    )
    .short('q')
    .under(Heading::Output),
    Flag::switch("verbose", "Print debug lines")
        .short('v')
        .under(Heading::Output),
    Flag::switch("json", "Print JSON for programs").under(Heading::Output),
    Flag::switch(
        "log-prefix-job-id",
        "Begin lines of output with the job's id",
    )
    .under(Heading::Output),
    Flag::scalar(
        "format",
        "FORMAT",
        "Form of the output of graph (text, mermaid, dot), check and lock (text, json, sarif, github)",
    )
    .default("text")
    .choices(&["text", "mermaid", "dot", "json", "sarif", "github"])
    .only(&[CommandKind::Graph, CommandKind::Check, CommandKind::Lock])
    .under(Heading::Output),
    Flag::scalar("why", "JOB", "Explain why this job would run or not")
        .only(&[CommandKind::Plan])
        .under(Heading::Output),
    Flag::scalar(
        "context",
        "FILE",
        "Named values for the expression: a JSON object",
    )
    .only(&[CommandKind::Eval])
    .under(Heading::Output),
    Flag::switch("trace", "Print each part of the expression with its value")
        .only(&[CommandKind::Eval])
        .under(Heading::Output),
    // The lock file.
    Flag::switch(
        "check",
        "See that the lock file covers all workflows, without the network",
    )
    .only(&[CommandKind::Lock])
    .under(Heading::Network),
    Flag::switch(
        "verify",
        "See that tags and branches still name the locked commits",
    )
    .only(&[CommandKind::Lock])
    .under(Heading::Network),
    Flag::switch("relock", "Look up every ref anew")
        .only(&[CommandKind::Lock])
        .under(Heading::Network),
    Flag::scalar(
        "api-url",
        "URL",
        "Address of the REST API that tells ids of repositories",
    )
    .only(&[CommandKind::Lock])
    .under(Heading::Network),
    // Commands as flags.
    Flag::switch("list", "The same as `lrun list`")
        .short('l')
        .under(Heading::Commands),
    Flag::switch("dryrun", "The same as `lrun plan`")
        .short('n')
        .under(Heading::Commands),
    Flag::switch("graph", "The same as `lrun graph`")
        .short('g')
        .under(Heading::Commands),
    Flag::switch("validate", "The same as `lrun check`").under(Heading::Commands),
    Flag::switch("bug-report", "The same as `lrun doctor`").under(Heading::Commands),
    Flag::switch("man-page", "Print the manual page").under(Heading::Commands),
    Flag::switch("list-options", "Print all flags as JSON, for editors").under(Heading::Commands),
    Flag::switch("help", "Print help")
        .short('h')
        .under(Heading::Commands),
    Flag::switch("version", "Print the version").under(Heading::Commands),
];
