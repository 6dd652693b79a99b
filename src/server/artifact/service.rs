//! `ArtifactService` (SPEC 12.2).

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Shared;
use super::super::blob::blocking;
use super::super::fault::{Code, Fault};
use super::super::grant::Grant;
use super::super::incoming::{Inbox, Incoming};
use super::super::number;
use super::super::signed::{Download, Target};
use super::super::twirp::{Call, number, unknown};
use super::store::{self, Artifact, Form, RunFolder, RunInfo};
use super::{MOST_PER_JOB, check_name};

/// Content types that clients unpack (SPEC P-12).
const ZIPS: [&str; 3] = [
    "application/zip",
    "application/x-zip-compressed",
    "application/zip-compressed",
];

/// The artifacts of one run of lrun.
#[derive(Debug)]
pub struct Artifacts {
    runs: PathBuf,
    name: String,
    info: RunInfo,
    retention: Option<jiff::SignedDuration>,
    /// Made when the first artifact comes.
    opened: Mutex<Option<Arc<Opened>>>,
    pub(super) pending: Mutex<HashMap<(String, String), Pending>>,
}

#[derive(Debug)]
pub(super) struct Opened {
    pub run: RunFolder,
    pub inbox: Inbox,
}

/// An artifact that was begun.
#[derive(Debug)]
pub(super) struct Pending {
    pub job: String,
    pub content: Coming,
    pub expires: Option<Timestamp>,
}

/// What of it has come so far.
#[derive(Debug)]
pub(super) enum Coming {
    Blob {
        incoming: Arc<Incoming>,
        mime_type: Option<String>,
        version: i64,
    },
    /// The files of an old client.
    Files(super::legacy::Files),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Ids {
    #[serde(alias = "workflowRunBackendId")]
    workflow_run_backend_id: String,
    #[serde(alias = "workflowJobRunBackendId")]
    workflow_job_run_backend_id: String,
}

#[derive(Debug, Deserialize)]
struct Create {
    #[serde(flatten)]
    ids: Ids,
    #[serde(default)]
    name: String,
    #[serde(default, alias = "expiresAt")]
    expires_at: Option<Timestamp>,
    #[serde(default, alias = "mimeType")]
    mime_type: Option<String>,
    /// Of the client.
    #[serde(default, deserialize_with = "number")]
    version: i64,
}

/// From this version on clients say what they send (SPEC P-14).
const SAYS_TYPE: i64 = 7;

#[derive(Debug, Deserialize)]
struct Finalize {
    #[serde(flatten)]
    ids: Ids,
    #[serde(default)]
    name: String,
    #[serde(default, deserialize_with = "number")]
    size: i64,
    #[serde(default)]
    hash: Option<String>,
}

#[derive(Debug, Deserialize)]
struct List {
    #[serde(flatten)]
    ids: Ids,
    #[serde(default, alias = "nameFilter")]
    name_filter: Option<String>,
    #[serde(default, alias = "idFilter")]
    id_filter: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Named {
    #[serde(flatten)]
    ids: Ids,
    #[serde(default)]
    name: String,
}

/// Runs one method.
pub async fn call(
    shared: Arc<Shared>,
    grant: Arc<Grant>,
    method: &str,
    call: Call,
) -> Result<Response, Fault> {
    let answer = match method {
        "CreateArtifact" => {
            let request: Create = call.json()?;
            own(&grant, &request.ids)?;
            blocking(move || create(&shared, &grant, &call.base, request)).await
        }
        "FinalizeArtifact" => {
            let request: Finalize = call.json()?;
            own(&grant, &request.ids)?;
            blocking(move || finalize(&shared, &grant, &request)).await
        }
        "ListArtifacts" => {
            let request: List = call.json()?;
            own(&grant, &request.ids)?;
            blocking(move || list(&shared, &grant, &request)).await
        }
        "GetSignedArtifactURL" => {
            let request: Named = call.json()?;
            own(&grant, &request.ids)?;
            blocking(move || {
                let artifact = shared.artifacts.find(&grant.run, &request.name)?;
                let url = shared.artifact_url(&grant.job, &call.base, &artifact)?;
                Ok(json!({"signed_url": url}))
            })
            .await
        }
        "DeleteArtifact" => {
            let request: Named = call.json()?;
            own(&grant, &request.ids)?;
            blocking(move || {
                let artifact = shared.artifacts.find(&grant.run, &request.name)?;
                shared.artifacts.remove(&artifact)?;
                Ok(json!({"ok": true, "artifact_id": artifact.id.to_string()}))
            })
            .await
        }
        _ => Err(unknown("ArtifactService", method)),
    };
    answer.map(|json| axum::Json(json).into_response())
}

/// A token opens its own run only.
fn own(grant: &Grant, ids: &Ids) -> Result<(), Fault> {
    if ids.workflow_run_backend_id == grant.run {
        return Ok(());
    }
    Err(Fault::new(
        Code::PermissionDenied,
        format!(
            "the token is of another run than {:?} (job {:?})",
            ids.workflow_run_backend_id, ids.workflow_job_run_backend_id
        ),
    ))
}

fn create(shared: &Shared, grant: &Grant, base: &str, request: Create) -> Result<Value, Fault> {
    check_name(&request.name)?;
    let artifacts = &shared.artifacts;
    let name = request.name.clone();
    let incoming = artifacts.begin(grant, request, shared.most_artifact)?;
    let target = Target::Upload(incoming);
    let url = shared.signed.open(base, &grant.job, &name, target);
    Ok(json!({"ok": true, "signed_upload_url": url}))
}

fn finalize(shared: &Shared, grant: &Grant, request: &Finalize) -> Result<Value, Fault> {
    let artifacts = &shared.artifacts;
    let key = (grant.run.clone(), request.name.clone());
    let finalized = |id: u64| json!({"ok": true, "artifact_id": id.to_string()});
    let begun = match artifacts.pending().get(&key) {
        Some(Pending {
            content:
                Coming::Blob {
                    incoming,
                    mime_type,
                    version,
                },
            expires,
            ..
        }) => {
            let content_type = mime_type
                .clone()
                .or_else(|| incoming.content_type())
                .filter(|_| *version >= SAYS_TYPE)
                .unwrap_or_else(|| ZIPS[0].to_owned());
            Some((Arc::clone(incoming), content_type, *expires))
        }
        _ => None,
    };
    let Some((incoming, content_type, expires)) = begun else {
        // A client that missed the answer asks again.
        let known = artifacts.find(&grant.run, &request.name).ok();
        let same = known.filter(|it| it.job_backend_id == grant.job && it.form != Form::Folder);
        return same.map(|it| finalized(it.id)).ok_or_else(|| {
            Fault::missing(format!(
                "no upload of the artifact {:?} was begun in this run",
                request.name
            ))
        });
    };
    let content = incoming.content().ok_or_else(|| {
        let text = "the artifact's content has not come: its block list is missing";
        Fault::new(Code::FailedPrecondition, text)
    })?;
    if u64::try_from(request.size).ok() != Some(content.size) {
        return Err(Fault::invalid(format!(
            "the artifact has {} bytes, not {}",
            content.size, request.size
        )));
    }
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let form = if ZIPS.iter().any(|zip| kind.eq_ignore_ascii_case(zip)) {
        Form::Zip
    } else {
        Form::Raw
    };
    let artifact = Artifact {
        size: content.size,
        digest: request.hash.clone().filter(|hash| !hash.is_empty()),
        content_type,
        ..described(grant, &request.name, form, expires)
    };
    let opened = artifacts.opened()?;
    let room = opened.inbox.room()?;
    fs::rename(&content.path, room.join(&artifact.file))?;
    let artifact = opened.run.publish(&room, artifact)?;
    artifacts.pending().remove(&key);
    shared.signed.close_upload(&incoming);
    Ok(finalized(artifact.id))
}

/// What is known of an artifact before its content is.
pub(super) fn described(
    grant: &Grant,
    name: &str,
    form: Form,
    expires: Option<Timestamp>,
) -> Artifact {
    Artifact {
        id: number::unique(),
        name: name.to_owned(),
        form,
        file: store::file_name(name, form),
        size: 0,
        digest: None,
        content_type: "application/octet-stream".to_owned(),
        created: Timestamp::now(),
        expires,
        workflow: grant.workflow.clone(),
        run_backend_id: grant.run.clone(),
        job_backend_id: grant.job.clone(),
        folder: PathBuf::new(),
    }
}

fn list(shared: &Shared, grant: &Grant, request: &List) -> Result<Value, Fault> {
    let id = match &request.id_filter {
        None | Some(Value::Null) => None,
        Some(id) => {
            let id = id.as_u64().or_else(|| id.as_str()?.parse().ok());
            Some(id.ok_or_else(|| Fault::invalid("`id_filter` is no number"))?)
        }
    };
    let fits = |artifact: &Artifact| {
        id.is_none_or(|id| id == artifact.id)
            && request
                .name_filter
                .as_ref()
                .is_none_or(|name| *name == artifact.name)
    };
    let all = shared.artifacts.of_run(&grant.run);
    // Those of clients before version 4 are another service's, on GitHub too.
    let own = all.iter().filter(|it| it.form != Form::Folder && fits(it));
    let listed: Vec<Value> = own.map(listed).collect();
    Ok(json!({"artifacts": listed}))
}

fn listed(artifact: &Artifact) -> Value {
    let mut value = json!({
        "workflow_run_backend_id": artifact.run_backend_id,
        "workflow_job_run_backend_id": artifact.job_backend_id,
        "database_id": artifact.id.to_string(),
        "name": artifact.name,
        "size": artifact.size.to_string(),
        "created_at": artifact.created,
    });
    if let Some(digest) = &artifact.digest {
        value["digest"] = json!(digest);
    }
    value
}

/// Where the files of one job's upload are kept: no artifact's name has such a character.
pub(super) fn files_key(grant: &Grant, name: &str) -> (String, String) {
    (grant.run.clone(), format!("{name}\0{}", grant.job))
}

impl Artifacts {
    pub fn new(runs: PathBuf, name: String, info: RunInfo, retention_days: Option<u32>) -> Self {
        Self {
            runs,
            name,
            info,
            retention: retention_days
                .map(|days| jiff::SignedDuration::from_hours(i64::from(days) * 24)),
            opened: Mutex::default(),
            pending: Mutex::default(),
        }
    }

    pub(super) fn pending(&self) -> MutexGuard<'_, HashMap<(String, String), Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run's folder, made by now.
    pub(super) fn opened(&self) -> Result<Arc<Opened>, Fault> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = &*opened {
            return Ok(Arc::clone(opened));
        }
        let run = RunFolder::create(&self.runs, &self.name, self.info.clone())?;
        // Nobody takes the folder away in whose inbox somebody is at work.
        let inbox = Inbox::open(&run.incoming())?;
        run.show()?;
        let new = Arc::new(Opened { run, inbox });
        *opened = Some(Arc::clone(&new));
        Ok(new)
    }

    /// Begins an artifact of at most so many bytes: its name is taken from now on (SPEC P-10).
    fn begin(&self, grant: &Grant, request: Create, most: u64) -> Result<Arc<Incoming>, Fault> {
        let opened = self.opened()?;
        let mut pending = self.pending();
        let key = (grant.run.clone(), request.name.clone());
        // What the job itself began and did not end, it begins anew.
        if pending.get(&key).is_some_and(|it| it.job == grant.job) {
            pending.remove(&key);
        }
        let here = self.free(&pending, grant, &request.name, |_| false)?;
        let own = here.iter().filter(|it| it.job_backend_id == grant.job);
        let begun = pending.values().filter(|it| it.job == grant.job);
        if own.count() + begun.count() >= MOST_PER_JOB {
            let text = format!("a job has no more than {MOST_PER_JOB} artifacts");
            return Err(Fault::new(Code::FailedPrecondition, text));
        }
        let incoming = Arc::new(opened.inbox.receive(most)?);
        let content = Coming::Blob {
            incoming: Arc::clone(&incoming),
            mime_type: request.mime_type,
            version: request.version,
        };
        pending.insert(key, self.begun(grant, content, request.expires_at));
        Ok(incoming)
    }

    /// Begins an upload of files, as clients before version 4 do: several may fill one artifact, one after the other or at once.
    pub(super) fn begin_files(
        &self,
        grant: &Grant,
        name: &str,
        expires: Option<Timestamp>,
    ) -> Result<(), Fault> {
        self.opened()?;
        let mut pending = self.pending();
        self.free(&pending, grant, name, |it| it.form == Form::Folder)?;
        let content = || Coming::Files(super::legacy::Files::default());
        pending
            .entry(files_key(grant, name))
            .or_insert_with(|| self.begun(grant, content(), expires));
        Ok(())
    }

    /// Refuses a name that is taken, but by what may be `joined`; gives the run's artifacts.
    fn free(
        &self,
        pending: &HashMap<(String, String), Pending>,
        grant: &Grant,
        name: &str,
        joined: impl Fn(&Artifact) -> bool,
    ) -> Result<Vec<Artifact>, Fault> {
        let here = self.of_run(&grant.run);
        let is_begun = pending.contains_key(&(grant.run.clone(), name.to_owned()));
        if is_begun || here.iter().any(|it| it.name == name && !joined(it)) {
            return Err(Fault::new(
                Code::AlreadyExists,
                format!("an artifact with the name {name:?} already exists in this run"),
            ));
        }
        Ok(here)
    }

    fn begun(&self, grant: &Grant, content: Coming, expires: Option<Timestamp>) -> Pending {
        let until = |retention| Timestamp::now().checked_add(retention).ok();
        Pending {
            job: grant.job.clone(),
            content,
            expires: expires.or_else(|| self.retention.and_then(until)),
        }
    }

    /// The job is over: what it did not end is nothing.
    pub fn dismiss(&self, job: &str) {
        self.pending().retain(|_, pending| pending.job != job);
    }

    /// All artifacts of a workflow's run.
    pub fn of_run(&self, run: &str) -> Vec<Artifact> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let all = opened.as_ref().map(|opened| opened.run.artifacts());
        let mut all = all.unwrap_or_default();
        all.retain(|artifact| artifact.run_backend_id == run);
        all
    }

    pub(super) fn find(&self, run: &str, name: &str) -> Result<Artifact, Fault> {
        let mut all = self.of_run(run).into_iter();
        all.find(|artifact| artifact.name == name).ok_or_else(|| {
            Fault::missing(format!("this run has no artifact with the name {name:?}"))
        })
    }

    pub(super) fn remove(&self, artifact: &Artifact) -> Result<(), Fault> {
        let opened = self.opened()?;
        let trash = opened.inbox.room()?;
        opened.run.remove(artifact, &trash)?;
        drop(fs::remove_dir(trash));
        Ok(())
    }

    /// Runs of this repository, this one included, the newest first.
    pub fn runs(&self) -> Vec<RunFolder> {
        let mut all = RunFolder::all(&self.runs);
        all.retain(|run| run.info.project == self.info.project);
        all
    }

    /// This run's artifacts, of all workflows; for those who look when it is over.
    pub fn all(&self) -> Vec<Artifact> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let all = opened.as_ref().map(|opened| opened.run.artifacts());
        all.unwrap_or_default()
    }

    /// Removes artifacts of all runs whose time is over.
    pub fn clear(&self) {
        store::clear(&self.runs);
    }
}

impl Shared {
    /// An address at which an artifact's content is read.
    pub(super) fn artifact_url(
        &self,
        job: &str,
        base: &str,
        artifact: &Artifact,
    ) -> Result<String, Fault> {
        if artifact.form == Form::Folder {
            return Err(Fault::new(
                Code::FailedPrecondition,
                format!(
                    "the artifact {:?} was uploaded by a client before version 4, and can only be downloaded by one: use the same version of upload-artifact and download-artifact",
                    artifact.name
                ),
            ));
        }
        let target = Target::Download(Download {
            path: artifact.content(),
            content_type: artifact.content_type.clone(),
            name: artifact.shown_name(),
        });
        Ok(self.signed.open(base, job, &artifact.shown_name(), target))
    }
}
