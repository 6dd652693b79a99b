//! The workspace of a job in a container as a layer over the snapshot: nothing is copied (DESIGN 4).
//!
//! Only where the job can not tell: its first step checks out the own repository, whatever happens, and nothing of the
//! workflow runs before it. The engine mounts the layers as a volume; if it can not, the checkout copies.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::background::Course;
use super::containers::Containers;
use super::directories::remove_tree;
use super::ground::Ground;
use super::hook::{Hook, HookStage};
use super::job::Job;
use super::uses::{Checkout as Whose, Meaning};
use crate::event::Level;
use crate::executor::docker::Overlay;
use crate::executor::files::{Files as _, Op};
use crate::workflow::{Step, StepKind, StepsJob, Token, TokenKind};
use crate::workspace::{self, Checkout, CheckoutRequest};

/// Files of the container's own user are removed from inside, by this way.
const INSIDE: &str = "/.lrun/layers";

/// The layers of a job's workspace.
#[derive(Debug)]
pub(super) struct Layers {
    /// The engine's name for the merged tree.
    pub volume: String,
    /// Of this job alone: the upper layer, and what overlayfs and lrun keep beside it.
    folder: PathBuf,
}

/// A checkout that was made before its step came.
#[derive(Debug)]
pub(super) struct Laid {
    pub request: CheckoutRequest,
    pub checkout: Checkout,
}

impl Layers {
    /// As a volume of a container.
    pub fn volume_at(&self, target: &Path) -> String {
        format!("{}:{}:nocopy", self.volume, target.display())
    }

    /// The folder of the layers, which the container's user may have to empty, and where it is to stand.
    pub fn bind(&self) -> (&Path, &'static str) {
        (&self.folder, INSIDE)
    }

    pub fn inside() -> &'static Path {
        Path::new(INSIDE)
    }
}

impl Job {
    /// Lays the workspace out where the job allows it.
    pub async fn lay_workspace(
        &self,
        containers: &Containers,
        definition: &StepsJob,
        ground: &Ground,
    ) -> Option<(Layers, Laid)> {
        // Who has the engine's socket mounts the workspace by its path: it has to be a folder.
        if self.run.options.copies || self.run.options.docker.socket.is_some() {
            return None;
        }
        // The snapshot's files are not those of the image's user.
        let machine = ground.machine.as_ref()?;
        let user = machine
            .options
            .user
            .as_deref()
            .unwrap_or(&machine.about.user);
        if !["", "0", "root"].contains(&user.split(':').next().unwrap_or_default()) {
            return None;
        }
        // A part of a volume can not be mounted, and layers are one.
        let workspace = &self.directories.workspace;
        let is_part = |(source, may_be_volume): (&str, bool)| {
            let source = self.paths.real(Path::new(source));
            source.starts_with(workspace) && !(may_be_volume && source == *workspace)
        };
        if ground.sources().any(is_part) {
            return None;
        }
        if self.run.options.bind
            || self.slot.is_some()
            || containers.found.parts.is_none()
            || !self.run.lays_workspaces()
        {
            return None;
        }
        let request = self.first_checkout(definition)?;
        let folder = self.directories.root.with_extension("layers");
        let laid = {
            let run = Arc::clone(&self.run);
            let target = self.target();
            let (request, folder) = (request.clone(), folder.clone());
            let at = self.directories.workspace.clone();
            tokio::task::spawn_blocking(move || {
                let upper = folder.join("upper");
                for folder in [&upper, &folder.join("work")] {
                    std::fs::create_dir_all(folder)?;
                }
                super::containers::open_to_all(&upper)?;
                let snapshot = run.snapshot().map_err(std::io::Error::other)?;
                let options = &run.options.workspace;
                workspace::lay(&snapshot, options, &request, &target, (&at, &upper))
                    .map(|checkout| checkout.map(|checkout| (snapshot, checkout)))
                    .map_err(std::io::Error::other)
            })
            .await
        };
        // The step itself copies, and says what is wrong.
        let Ok(Ok(Some((snapshot, checkout)))) = laid else {
            self.forget_layers(&folder).await;
            return None;
        };
        let volume = format!("lrun-layers-{}", uuid::Uuid::new_v4().simple());
        let made = Overlay {
            lower: snapshot.path(),
            upper: &folder.join("upper"),
            work: &folder.join("work"),
        };
        let labels = self.run.labels();
        if let Err(error) = containers.found.engine.lay(&volume, made, &labels).await {
            self.run.lays_no_workspaces(&error.to_string());
            self.forget_layers(&folder).await;
            return None;
        }
        Some((Layers { volume, folder }, Laid { request, checkout }))
    }

    /// Takes the layers away; no container has them any more.
    pub async fn drop_layers(&self, containers: &Containers, layers: &Layers) -> Option<String> {
        let removed = containers.found.engine.remove_volume(&layers.volume).await;
        if !self.kill.is_cancelled() {
            self.forget_layers(&layers.folder).await;
        }
        removed.err().map(|error| error.to_string())
    }

    async fn forget_layers(&self, folder: &Path) {
        let gone = folder.to_owned();
        let removed = tokio::task::spawn_blocking(move || remove_tree(&gone)).await;
        if let Ok(Err(error)) = removed {
            let text = format!("can not remove {}: {error}", folder.display());
            self.say(None, Level::Warning, &text);
        }
    }

    /// What the first step checks out, if it surely does, and nothing of the workflow comes before it or repeats it.
    fn first_checkout(&self, definition: &StepsJob) -> Option<CheckoutRequest> {
        let course = Course::of(definition);
        let first = definition.steps.first()?;
        let always = first.condition.text.is_none() && !first.background;
        let mut others = course.steps().skip(1);
        let is_hooked = [HookStage::Started, HookStage::Completed]
            .into_iter()
            .any(|stage| Hook::configured(stage, &self.run.options.runner_env).is_some());
        if !always
            || is_hooked
            || !self.is_own_checkout(first)
            || others.any(|(_, step)| self.is_own_checkout(step) || self.has_pre(step))
        {
            return None;
        }
        let StepKind::Uses { with, .. } = &first.kind else {
            return None;
        };
        let with = match with {
            None => IndexMap::new(),
            Some(with) if is_literal(with) => self.evaluator(&self.server).string_map(with).ok()?,
            Some(_) => return None,
        };
        let (request, _) = CheckoutRequest::from_inputs(&with).ok()?;
        request.is_plain().then_some(request)
    }

    fn is_own_checkout(&self, step: &Step) -> bool {
        let StepKind::Uses { uses, with } = &step.kind else {
            return false;
        };
        self.checkout_as_written(with.as_ref()) == Whose::Own
            && matches!(
                self.resolve(None, &uses.value, Whose::Own),
                Ok(Meaning::Checkout)
            )
    }

    /// A checkout into a container: made beside the workspace, and brought in from inside, where what stands in its way
    /// may be another user's, and links mean what they mean there.
    pub async fn check_out_inside(&self, request: &CheckoutRequest) -> Result<Checkout, String> {
        let workspace = &self.directories.workspace;
        let path = request.path.as_deref();
        let dest = workspace::plain_destination(workspace, path).map_err(|_| {
            let shown = |path: &Path| self.paths.shown(path).display().to_string();
            let path = path.unwrap_or_default();
            format!(
                "Repository path '{}' is not under '{}'",
                shown(&workspace.join(path)),
                shown(workspace)
            )
        })?;
        let machine = self.boxed().ok_or("the job's container is gone")?;
        let number = uuid::Uuid::new_v4().simple().to_string();
        let stage = self.directories.root.join(format!("_checkout_{number}"));
        let replaced = self.replaced(&dest, request)?;
        let made = {
            let far = self.is_far();
            let run = Arc::clone(&self.run);
            let target = self.target();
            let stage = stage.clone();
            let request = CheckoutRequest {
                path: None,
                spare: Vec::new(),
                ..request.clone()
            };
            tokio::task::spawn_blocking(move || {
                std::fs::create_dir(&stage).map_err(|error| error.to_string())?;
                let snapshot = run.snapshot()?;
                let options = &run.options.workspace;
                let checkout = workspace::checkout(&snapshot, options, &request, &target, &stage)
                    .map_err(|error| super::checkout::told(&error))?;
                if far {
                    super::far::embed_objects(&stage)?;
                }
                Ok(checkout)
            })
        };
        let made = made.await.map_err(|error| error.to_string())?;
        let brought = match made {
            Ok(checkout) => {
                let bring = Op::Bring {
                    from: stage.clone(),
                    within: workspace.clone(),
                    to: dest,
                    replaced,
                    // Root does as it likes with files of others; any other user wants his own.
                    anew: ![0, nix::unistd::geteuid().as_raw()].contains(&machine.user()),
                };
                let files = self.files.clone();
                let brought = tokio::task::spawn_blocking(move || files.one(bring)).await;
                let brought = brought.map_err(|error| error.to_string())?;
                brought.map(|_| checkout).map_err(|error| error.to_string())
            }
            Err(error) => Err(error),
        };
        // What stays goes with the job's folder.
        drop(remove_tree(&stage));
        brought
    }

    /// What a checkout takes away before it comes: everything, or what the last one brought.
    fn replaced(
        &self,
        dest: &Path,
        request: &CheckoutRequest,
    ) -> Result<Option<Vec<PathBuf>>, String> {
        let git = dest.join(".git");
        if request.clean || !self.files.is_dir(&git) {
            return Ok(None);
        }
        let mut names = match self.files.read(&git.join("index")) {
            Ok(index) => workspace::tracked_by(&index).map_err(|error| error.to_string())?,
            Err(_) => Vec::new(),
        };
        names.push(".git".into());
        Ok(Some(names))
    }
}

/// What it stands for, whatever the contexts hold.
fn is_literal(token: &Token) -> bool {
    match &token.kind {
        TokenKind::Expression(_) | TokenKind::Insert => false,
        TokenKind::Sequence(items) => items.iter().all(is_literal),
        TokenKind::Mapping(pairs) => pairs
            .iter()
            .all(|(name, value)| is_literal(name) && is_literal(value)),
        _ => true,
    }
}
