//! What dead runs left in the engine: containers, networks and volumes with lrun's labels.

use std::collections::HashMap;
use std::path::Path;

use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, ListNetworksOptionsBuilder,
    ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder,
    RemoveVolumeOptionsBuilder,
};

use indexmap::IndexMap;

use super::archive::Skeleton;
use super::create::{Bind, Network, Spec};
use super::{DockerError, Engine, is_missing};
use crate::plan::container::{ContainerOptions, ImageName};

/// Names the run that something belongs to: its folder, which lives as long as the run does.
pub const LABEL_RUN: &str = "lrun.run";
/// Names the machine that the run is on: one engine may serve several.
pub const LABEL_HOST: &str = "lrun.host";
/// Names the repository.
pub const LABEL_REPO: &str = "lrun.repo";
/// A machine that later runs go on with (`-r`); its mark is its own, and says whether it is to stay.
pub const LABEL_REUSE: &str = "lrun.reuse";

/// A volume of tools: only `lrun clean` takes it.
pub const LABEL_TOOLS: &str = "lrun.tools";

/// How much was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub containers: usize,
    pub networks: usize,
    pub volumes: usize,
}

impl Swept {
    pub fn total(self) -> usize {
        self.containers + self.networks + self.volumes
    }
}

/// What a whole clean-up removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleaned {
    pub swept: Swept,
    /// Images that were built for actions.
    pub images: usize,
}

impl Engine {
    /// Removes what dead runs left, what they kept, the tools that stay from run to run, and the images of actions. What
    /// is in use stays.
    pub async fn clean(
        &self,
        is_dead: &(dyn Fn(&Path) -> bool + Sync),
    ) -> Result<Cleaned, DockerError> {
        let mut cleaned = Cleaned {
            swept: self.sweep(is_dead).await?,
            images: 0,
        };
        let filters = HashMap::from([("label".to_owned(), vec![LABEL_TOOLS.to_owned()])]);
        let all = ListVolumesOptionsBuilder::new().filters(&filters);
        let volumes = self.docker.list_volumes(Some(all.build())).await?;
        for volume in volumes.volumes.unwrap_or_default() {
            let removed = self
                .docker
                .remove_volume(
                    &volume.name,
                    None::<bollard::query_parameters::RemoveVolumeOptions>,
                )
                .await;
            cleaned.swept.volumes += usize::from(unless_used(removed)?);
        }
        let all = ListImagesOptionsBuilder::new().filters(&filters);
        for image in self.docker.list_images(Some(all.build())).await? {
            let options = RemoveImageOptionsBuilder::new().build();
            let removed = self
                .docker
                .remove_image(&image.id, Some(options), None)
                .await;
            cleaned.images += usize::from(unless_used(removed)?);
        }
        Ok(cleaned)
    }

    /// Removes what this machine's runs made and whose run `is_dead`.
    pub async fn sweep(
        &self,
        is_dead: &(dyn Fn(&Path) -> bool + Sync),
    ) -> Result<Swept, DockerError> {
        let labels = vec![LABEL_RUN.to_owned(), format!("{LABEL_HOST}={}", here())];
        let filters = HashMap::from([("label".to_owned(), labels)]);
        let dead = |labels: &Option<HashMap<String, String>>| {
            labels.as_ref().is_some_and(|labels| {
                let run = labels.get(LABEL_RUN);
                run.is_some_and(|run| is_dead(Path::new(run)))
            })
        };
        let mut swept = Swept::default();
        let mut images = HashMap::new();
        let all = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters);
        for container in self.docker.list_containers(Some(all.build())).await? {
            if let (true, Some(id)) = (dead(&container.labels), &container.id) {
                self.remove_container(id).await?;
                swept.containers += 1;
                let mark = container.labels.and_then(|mut it| it.remove(LABEL_RUN));
                images.extend(mark.zip(container.image_id));
            }
        }
        let all = ListNetworksOptionsBuilder::new().filters(&filters);
        for network in self.docker.list_networks(Some(all.build())).await? {
            if let (true, Some(id)) = (dead(&network.labels), &network.id) {
                self.remove_network(id).await?;
                swept.networks += 1;
            }
        }
        let all = ListVolumesOptionsBuilder::new().filters(&filters);
        let volumes = self.docker.list_volumes(Some(all.build())).await?;
        for volume in volumes.volumes.unwrap_or_default() {
            if dead(&Some(volume.labels)) {
                self.remove_volume(&volume.name).await?;
                swept.volumes += 1;
            }
        }
        for (mark, image) in images {
            self.reclaim(&image, &Path::new(&mark).with_extension(""))
                .await?;
        }
        Ok(swept)
    }

    /// Removes a run's folder, also with files of other users in it: those take a container, of an image that is here.
    pub async fn reclaim(&self, image: &str, folder: &Path) -> Result<(), DockerError> {
        use std::os::unix::fs::MetadataExt as _;
        let user = nix::unistd::geteuid();
        let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else {
            return Ok(());
        };
        let is_own = std::fs::symlink_metadata(folder)
            .is_ok_and(|about| about.is_dir() && about.uid() == user.as_raw());
        if user.is_root() || !is_own || std::fs::remove_dir_all(folder).is_ok() {
            return Ok(());
        }
        let left = Path::new("/left").join(name).display().to_string();
        let command = ["rm", "-rf", &left].map(str::to_owned);
        let mark = folder.with_extension("alive");
        self.as_root(image, (parent, &mark), command.into()).await
    }

    /// Gives a folder of this machine, with all in it, to the user of lrun, through a container.
    pub async fn own(&self, image: &str, folder: &Path, mark: &Path) -> Result<(), DockerError> {
        let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
        let owner = format!("{user}:{group}");
        let command = ["chown", "-hR", &owner, "/left"].map(str::to_owned);
        self.as_root(image, (folder, mark), command.into()).await
    }

    /// Runs a command as root in a container that has a folder of this machine as `/left`.
    async fn as_root(
        &self,
        image: &str,
        (folder, mark): (&Path, &Path),
        command: Vec<String>,
    ) -> Result<(), DockerError> {
        let spec = Spec {
            image: ImageName::new(image),
            name: format!("lrun_tidy_{}", uuid::Uuid::new_v4().simple()),
            labels: vec![
                (LABEL_RUN.to_owned(), mark.display().to_string()),
                (LABEL_HOST.to_owned(), here()),
            ],
            workdir: Some("/".to_owned()),
            network: Network::Named("none".to_owned()),
            ports: Vec::new(),
            options: ContainerOptions {
                user: Some("0:0".to_owned()),
                ..ContainerOptions::default()
            },
            env: Vec::new(),
            binds: vec![Bind {
                source: folder.to_owned(),
                target: "/left".to_owned(),
                read_only: false,
            }],
            volumes: Vec::new(),
            entrypoint: command.first().cloned().map(|program| vec![program]),
            command: command.get(1..).map(<[String]>::to_vec),
            skeleton: Skeleton::default(),
        };
        let id = self.create(&spec, &IndexMap::new()).await?;
        let done = self.docker.start_container(&id, None).await;
        if done.is_ok() {
            self.ended(&id).await;
        }
        self.remove_container(&id).await?;
        Ok(done?)
    }

    /// The containers that the runs of a repository have in the engine.
    pub async fn containers_of(&self, repository: &Path) -> Result<Vec<String>, DockerError> {
        let label = format!("{LABEL_REPO}={}", repository.display());
        let filters = HashMap::from([("label".to_owned(), vec![label])]);
        let options = ListContainersOptionsBuilder::new().filters(&filters);
        let found = self.docker.list_containers(Some(options.build())).await?;
        Ok(found.into_iter().filter_map(|it| it.id).collect())
    }

    /// Holds a container still.
    pub async fn pause(&self, id: &str) -> Result<(), DockerError> {
        Ok(self.docker.pause_container(id).await?)
    }

    /// How many containers, networks and volumes the runs of a repository have in the engine.
    pub async fn count_of(&self, repository: &Path) -> Result<usize, DockerError> {
        let label = format!("{LABEL_REPO}={}", repository.display());
        let filters = HashMap::from([("label".to_owned(), vec![label])]);
        let containers = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters);
        let networks = ListNetworksOptionsBuilder::new().filters(&filters);
        let volumes = ListVolumesOptionsBuilder::new().filters(&filters);
        let docker = &self.docker;
        Ok(docker
            .list_containers(Some(containers.build()))
            .await?
            .len()
            + docker.list_networks(Some(networks.build())).await?.len()
            + docker
                .list_volumes(Some(volumes.build()))
                .await?
                .volumes
                .unwrap_or_default()
                .len())
    }

    /// With its anonymous volumes; one that is gone is fine.
    pub async fn remove_container(&self, id: &str) -> Result<(), DockerError> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true);
        let removed = self
            .docker
            .remove_container(id, Some(options.build()))
            .await;
        gone(removed)
    }

    pub(super) async fn remove_network(&self, id: &str) -> Result<(), DockerError> {
        gone(self.docker.remove_network(id).await)
    }

    /// Whether a volume is there.
    pub async fn has_volume(&self, name: &str) -> Result<bool, DockerError> {
        match self.docker.inspect_volume(name).await {
            Err(error) if is_missing(&error) => Ok(false),
            found => Ok(found.map(|_| true)?),
        }
    }

    /// A volume of lrun's own; one that is there stays as it is.
    pub async fn make_volume(
        &self,
        name: &str,
        labels: &[(String, String)],
    ) -> Result<(), DockerError> {
        let request = bollard::models::VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels.iter().cloned().collect()),
            ..bollard::models::VolumeCreateRequest::default()
        };
        self.docker.create_volume(request).await?;
        Ok(())
    }

    /// Gone is fine; what is in folders of this machine stays.
    pub async fn remove_volume(&self, name: &str) -> Result<(), DockerError> {
        let options = RemoveVolumeOptionsBuilder::new().force(true);
        gone(self.docker.remove_volume(name, Some(options.build())).await)
    }
}

/// Whether it was removed: what is in use stays, and what is gone is gone.
fn unless_used<T>(removed: Result<T, bollard::errors::Error>) -> Result<bool, DockerError> {
    match removed {
        Ok(_) => Ok(true),
        Err(bollard::errors::Error::DockerResponseServerError {
            status_code: 404 | 409,
            ..
        }) => Ok(false),
        // Somebody else removes it at this moment; the engine has no other code for it.
        Err(bollard::errors::Error::DockerResponseServerError { message, .. })
            if message.contains("unrecognized image ID") =>
        {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Somebody else may have removed it, or be about to.
fn gone(removed: Result<(), bollard::errors::Error>) -> Result<(), DockerError> {
    match removed {
        Err(error) if is_missing(&error) || is_under_way(&error) => Ok(()),
        other => Ok(other?),
    }
}

fn is_under_way(error: &bollard::errors::Error) -> bool {
    matches!(
        error,
        bollard::errors::Error::DockerResponseServerError { status_code: 409, message }
            if message.contains("already in progress")
    )
}

/// This machine's name: marks of another machine say nothing here.
pub fn here() -> String {
    nix::sys::utsname::uname()
        .map(|machine| machine.nodename().to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// What the watchdog does for a run that died: removes what carries its mark, and the mark.
pub(crate) fn sweep_after(address: &str, mark: &Path) {
    // A run that ended well took its mark away, or kept it.
    if !mark.exists() || !super::is_dead(mark) {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else { return };
    let is_it = |other: &Path| other == mark;
    runtime.block_on(async {
        if let Ok(engine) = Engine::at(address).await {
            // Nobody is left to hear of a failure; the next start looks again.
            if engine.sweep(&is_it).await.is_ok() {
                drop(std::fs::remove_file(mark));
            }
        }
    });
}
