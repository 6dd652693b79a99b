//! What a workflow asks of `actions/checkout`, read as that action reads its inputs.

use std::path::PathBuf;

use indexmap::IndexMap;

/// Which submodules a checkout brings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Submodules {
    #[default]
    No,
    Yes,
    Recursive,
}

/// The inputs of `actions/checkout` that have an effect here.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the inputs of the action are booleans"
)]
pub struct CheckoutRequest {
    pub ref_: Option<String>,
    pub path: Option<String>,
    /// Commits of history; 0 is all.
    pub fetch_depth: Option<u32>,
    pub fetch_tags: bool,
    pub clean: bool,
    pub sparse_checkout: Vec<String>,
    pub sparse_cone: bool,
    pub submodules: Submodules,
    pub lfs: bool,
    /// Places that stay as they are, with all above them: volumes of the job's container.
    pub spare: Vec<PathBuf>,
}

impl Default for CheckoutRequest {
    fn default() -> Self {
        Self {
            ref_: None,
            path: None,
            fetch_depth: Some(1),
            fetch_tags: false,
            clean: true,
            sparse_checkout: Vec::new(),
            sparse_cone: true,
            submodules: Submodules::No,
            lfs: false,
            spare: Vec::new(),
        }
    }
}

/// Inputs that need nothing where no network is; `repository` is the caller's to judge.
const WITHOUT_EFFECT: [&str; 9] = [
    "repository",
    "token",
    "ssh-key",
    "ssh-known-hosts",
    "ssh-strict",
    "ssh-user",
    "persist-credentials",
    "show-progress",
    "set-safe-directory",
];

impl CheckoutRequest {
    /// Reads the inputs; the second part warns of those that have no effect.
    pub fn from_inputs(inputs: &IndexMap<String, String>) -> Result<(Self, Vec<String>), String> {
        let mut request = Self::default();
        let mut warnings = Vec::new();
        for (name, value) in inputs {
            let value = value.trim();
            let name = name.to_ascii_lowercase();
            match name.as_str() {
                "ref" => request.ref_ = non_empty(value),
                "path" => request.path = non_empty(value),
                "fetch-depth" => request.fetch_depth = Some(depth(value)),
                "fetch-tags" => request.fetch_tags = is_true(value, false),
                "clean" => request.clean = is_true(value, true),
                "sparse-checkout" => request.sparse_checkout = lines(value),
                "sparse-checkout-cone-mode" => request.sparse_cone = is_true(value, true),
                "submodules" => {
                    request.submodules = match value.to_ascii_uppercase().as_str() {
                        "TRUE" => Submodules::Yes,
                        "RECURSIVE" => Submodules::Recursive,
                        _ => Submodules::No,
                    }
                }
                "lfs" => request.lfs = is_true(value, false),
                "github-server-url" => {}
                known if WITHOUT_EFFECT.contains(&known) => {}
                "filter" if value.is_empty() => {}
                "filter" => {
                    warnings.push("input 'filter' has no effect on a local checkout".to_owned());
                }
                _ => warnings.push(format!("Unexpected input(s) '{name}'")),
            }
        }
        if let Some(git_ref) = request
            .ref_
            .as_deref()
            .filter(|r| r.contains('\0') || r.starts_with('-'))
        {
            return Err(format!("'{git_ref}' is not a valid ref"));
        }
        Ok((request, warnings))
    }

    /// It asks for nothing but the tree as it stands, with its history.
    pub fn is_plain(&self) -> bool {
        self.ref_.is_none()
            && self.path.is_none()
            && self.sparse_checkout.is_empty()
            && self.submodules == Submodules::No
            && !self.lfs
    }

    /// The depth to make: 0 is all.
    pub(super) fn depth(&self) -> u32 {
        self.fetch_depth.unwrap_or(1)
    }
}

fn non_empty(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

/// The action takes any case of `true`, and everything else as false.
fn is_true(value: &str, default: bool) -> bool {
    if value.is_empty() {
        default
    } else {
        value.eq_ignore_ascii_case("true")
    }
}

/// The action takes what is no number, or negative, as 0.
fn depth(value: &str) -> u32 {
    if value.is_empty() {
        return 1;
    }
    let number: f64 = value.parse().unwrap_or(0.0);
    if !(number.is_finite() && number >= 1.0) {
        return 0;
    }
    format!("{:.0}", number.floor().min(f64::from(i32::MAX)))
        .parse()
        .unwrap_or(0)
}

fn lines(value: &str) -> Vec<String> {
    value
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}
