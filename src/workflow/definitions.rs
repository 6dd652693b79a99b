//! The table of a workflow's keys: what each holds and which contexts it has (SPEC 1.4, 1.6-1.12).

use super::event_definitions::ON;
use super::schema::{
    ANY, BOOLEAN, Contexts, Definition, NON_EMPTIES, NON_EMPTY, NULL, NUMBER, ONE_OR_MORE,
    Property, Shape, TEXT, keys, map_of,
};

const fn key(name: &'static str, definition: &'static Definition) -> Property {
    Property::new(name, definition)
}

pub static WORKFLOW: Definition = Definition::new(keys(&[
    key("on", &ON),
    key("name", &TEXT),
    key("description", &TEXT),
    key("run-name", &RUN_NAME),
    key("defaults", &DEFAULTS),
    key("env", &WORKFLOW_ENV),
    key("permissions", &PERMISSIONS),
    key("concurrency", &WORKFLOW_CONCURRENCY),
    key("jobs", &JOBS).required(),
]));

static RUN_NAME: Definition = Definition::within(Contexts::WORKFLOW, Shape::Text);
static DEFAULTS: Definition = Definition::new(keys(&[key("run", &DEFAULTS_RUN)]));
static DEFAULTS_RUN: Definition = Definition::new(keys(&RUN_KEYS));
static RUN_KEYS: [Property; 2] = [
    key("shell", &NON_EMPTY),
    key("working-directory", &NON_EMPTY),
];
static WORKFLOW_ENV: Definition =
    Definition::within(Contexts::WORKFLOW.and(Contexts::SECRETS), map_of(&TEXT));

static PERMISSIONS: Definition =
    Definition::new(Shape::OneOf(&[&PERMISSION_MAP, &PERMISSION_WORD]));
static PERMISSION_WORD: Definition = Definition::new(Shape::Words(&["read-all", "write-all"]));
static ANY_LEVEL: Definition = Definition::new(Shape::Words(&["read", "write", "none"]));
static WRITE_OR_NONE: Definition = Definition::new(Shape::Words(&["write", "none"]));
static READ_OR_NONE: Definition = Definition::new(Shape::Words(&["read", "none"]));
static PERMISSION_MAP: Definition = Definition::new(keys(&[
    key("actions", &ANY_LEVEL),
    key("artifact-metadata", &ANY_LEVEL),
    key("attestations", &ANY_LEVEL),
    key("checks", &ANY_LEVEL),
    key("code-quality", &ANY_LEVEL),
    key("contents", &ANY_LEVEL),
    key("copilot-requests", &WRITE_OR_NONE),
    key("deployments", &ANY_LEVEL),
    key("discussions", &ANY_LEVEL),
    key("drives", &ANY_LEVEL),
    key("id-token", &WRITE_OR_NONE),
    key("issues", &ANY_LEVEL),
    key("models", &READ_OR_NONE),
    key("packages", &ANY_LEVEL),
    key("pages", &ANY_LEVEL),
    key("pull-requests", &ANY_LEVEL),
    key("repository-projects", &ANY_LEVEL),
    key("security-events", &ANY_LEVEL),
    key("statuses", &ANY_LEVEL),
    key("vulnerability-alerts", &READ_OR_NONE),
]));

static WORKFLOW_CONCURRENCY: Definition =
    Definition::within(Contexts::WORKFLOW, Shape::OneOf(&[&TEXT, &CONCURRENCY_MAP]));
static JOB_CONCURRENCY: Definition =
    Definition::within(Contexts::LEG, Shape::OneOf(&[&NON_EMPTY, &CONCURRENCY_MAP]));
static CONCURRENCY_MAP: Definition = Definition::new(keys(&[
    key("group", &NON_EMPTY).required(),
    key("cancel-in-progress", &BOOLEAN),
    key("queue", &QUEUE),
]));
static QUEUE: Definition = Definition::new(Shape::Words(&["single", "max"]));

static JOBS: Definition = Definition::new(map_of(&JOB));
static JOB: Definition = Definition::new(Shape::OneOf(&[&STEPS_JOB, &CALL_JOB]));
static STEPS_JOB: Definition = Definition::new(keys(&[
    key("needs", &ONE_OR_MORE),
    key("if", &JOB_IF),
    key("strategy", &STRATEGY),
    key("name", &LEG_TEXT),
    key("runs-on", &RUNS_ON).required(),
    key("timeout-minutes", &LEG_NUMBER),
    key("cancel-timeout-minutes", &LEG_NUMBER),
    key("continue-on-error", &LEG_BOOLEAN),
    key("container", &CONTAINER),
    key("services", &SERVICES),
    key("env", &JOB_ENV),
    key("environment", &ENVIRONMENT),
    key("permissions", &PERMISSIONS),
    key("concurrency", &JOB_CONCURRENCY),
    key("outputs", &JOB_OUTPUTS),
    key("defaults", &JOB_DEFAULTS),
    key("steps", &STEPS),
    key("snapshot", &SNAPSHOT),
]));
static CALL_JOB: Definition = Definition::new(keys(&[
    key("name", &LEG_TEXT),
    key("uses", &NON_EMPTY).required(),
    key("with", &CALL_WITH),
    key("secrets", &CALL_SECRETS),
    key("needs", &ONE_OR_MORE),
    key("if", &JOB_IF),
    key("permissions", &PERMISSIONS),
    key("concurrency", &JOB_CONCURRENCY),
    key("strategy", &STRATEGY),
]));
static LEG_TEXT: Definition = Definition::within(Contexts::LEG, Shape::Text);
static LEG_NUMBER: Definition = Definition::within(Contexts::LEG, Shape::Number);
static LEG_BOOLEAN: Definition = Definition::within(Contexts::LEG, Shape::Boolean);
static JOB_IF: Definition = Definition::within(Contexts::JOB_IF, Shape::Text);
static JOB_ENV: Definition =
    Definition::within(Contexts::LEG.and(Contexts::SECRETS), map_of(&TEXT));
static JOB_OUTPUTS: Definition = Definition::new(map_of(&MACHINE_TEXT));
static MACHINE_TEXT: Definition = Definition::within(Contexts::ON_MACHINE, Shape::Text);
static JOB_DEFAULTS: Definition = Definition::new(keys(&[key("run", &JOB_DEFAULTS_RUN)]));
static JOB_DEFAULTS_RUN: Definition =
    Definition::within(Contexts::LEG.and(Contexts::ENV), keys(&RUN_KEYS));

static CALL_WITH: Definition = Definition::new(map_of(&CALL_VALUE));
static CALL_VALUE: Definition =
    Definition::within(Contexts::LEG, Shape::OneOf(&[&TEXT, &BOOLEAN, &NUMBER]));
static CALL_SECRETS: Definition = Definition::new(Shape::OneOf(&[&CALL_SECRET_MAP, &INHERIT]));
static CALL_SECRET_MAP: Definition = Definition::new(map_of(&CALL_SECRET));
static CALL_SECRET: Definition = Definition::within(
    Contexts::LEG.and(Contexts::SECRETS),
    Shape::OneOf(&[&TEXT, &BOOLEAN, &NUMBER]),
);
static INHERIT: Definition = Definition::new(Shape::Words(&["inherit"]));

static STRATEGY: Definition = Definition::within(
    Contexts::WITH_NEEDS,
    keys(&[
        key("fail-fast", &BOOLEAN),
        key("max-parallel", &NUMBER),
        key("matrix", &MATRIX),
    ]),
);
static MATRIX: Definition = Definition::new(Shape::Mapping(super::schema::Mapping {
    properties: &[
        key("include", &MATRIX_FILTERS),
        key("exclude", &MATRIX_FILTERS),
    ],
    rest: Some(&VECTOR),
}));
static VECTOR: Definition = Definition::new(Shape::Sequence(&ANY));
static MATRIX_FILTERS: Definition = Definition::new(Shape::Sequence(&MATRIX_FILTER));
static MATRIX_FILTER: Definition = Definition::new(map_of(&ANY));

static RUNS_ON: Definition = Definition::within(
    Contexts::LEG,
    Shape::OneOf(&[&NON_EMPTY, &NON_EMPTIES, &RUNS_ON_MAP]),
);
static RUNS_ON_MAP: Definition = Definition::new(keys(&[
    key("group", &NON_EMPTY),
    key("labels", &ONE_OR_MORE),
]));

static ENVIRONMENT: Definition =
    Definition::within(Contexts::LEG, Shape::OneOf(&[&TEXT, &ENVIRONMENT_MAP]));
static ENVIRONMENT_MAP: Definition = Definition::new(keys(&[
    key("name", &LEG_TEXT).required(),
    key("url", &ENVIRONMENT_URL),
    key("deployment", &BOOLEAN),
]));
static ENVIRONMENT_URL: Definition = Definition::within(Contexts::MACHINE_NO_SECRETS, Shape::Text);

static SNAPSHOT: Definition =
    Definition::within(Contexts::LEG, Shape::OneOf(&[&NON_EMPTY, &SNAPSHOT_MAP]));
static SNAPSHOT_MAP: Definition = Definition::new(keys(&[
    key("image-name", &NON_EMPTY).required(),
    key("if", &STEP_IF),
    key("version", &NON_EMPTY),
]));

static CONTAINER: Definition =
    Definition::within(Contexts::LEG, Shape::OneOf(&[&TEXT, &CONTAINER_MAP]));
static CONTAINER_MAP: Definition = Definition::new(keys(&[
    key("image", &TEXT),
    key("options", &TEXT),
    key("env", &CONTAINER_ENV),
    key("ports", &NON_EMPTIES),
    key("volumes", &NON_EMPTIES),
    key("credentials", &CREDENTIALS),
]));
static SERVICES: Definition = Definition::within(Contexts::LEG, map_of(&SERVICE));
static SERVICE: Definition =
    Definition::within(Contexts::LEG, Shape::OneOf(&[&TEXT, &SERVICE_MAP]));
static SERVICE_MAP: Definition = Definition::new(keys(&[
    key("image", &TEXT),
    key("options", &TEXT),
    key("entrypoint", &TEXT),
    key("command", &TEXT),
    key("env", &CONTAINER_ENV),
    key("ports", &NON_EMPTIES),
    key("volumes", &NON_EMPTIES),
    key("credentials", &CREDENTIALS),
]));
static CONTAINER_ENV: Definition = Definition::new(map_of(&MACHINE_TEXT));
static CREDENTIALS: Definition = Definition::within(
    Contexts::WORKFLOW.and(Contexts::SECRETS).and(Contexts::ENV),
    keys(&[key("username", &NON_EMPTY), key("password", &NON_EMPTY)]),
);

static STEPS: Definition = Definition::new(Shape::Sequence(&STEP));
static STEP: Definition = Definition::new(Shape::OneOf(&[
    &RUN_STEP,
    &USES_STEP,
    &WAIT_STEP,
    &WAIT_ALL_STEP,
    &CANCEL_STEP,
    &PARALLEL_STEP,
]));
static RUN_STEP: Definition = Definition::new(keys(&[
    key("name", &STEP_TEXT),
    key("id", &NON_EMPTY),
    key("if", &STEP_IF),
    key("timeout-minutes", &STEP_NUMBER),
    key("run", &STEP_TEXT).required(),
    key("continue-on-error", &STEP_BOOLEAN),
    key("env", &STEP_MAP),
    key("working-directory", &STEP_TEXT),
    key("shell", &NON_EMPTY),
    key("background", &BOOLEAN),
]));
static USES_STEP: Definition = Definition::new(keys(&[
    key("name", &STEP_TEXT),
    key("id", &NON_EMPTY),
    key("if", &STEP_IF),
    key("continue-on-error", &STEP_BOOLEAN),
    key("timeout-minutes", &STEP_NUMBER),
    key("uses", &NON_EMPTY).required(),
    key("with", &STEP_MAP),
    key("env", &STEP_MAP),
    key("background", &BOOLEAN),
]));
static WAIT_STEP: Definition = Definition::new(keys(&[
    key("name", &STEP_TEXT),
    key("id", &NON_EMPTY),
    key("continue-on-error", &STEP_BOOLEAN),
    key("wait", &ONE_OR_MORE).required(),
]));
static WAIT_ALL_STEP: Definition = Definition::new(keys(&[
    key("name", &STEP_TEXT),
    key("id", &NON_EMPTY),
    key("continue-on-error", &STEP_BOOLEAN),
    key("wait-all", &NULL_OR_BOOLEAN).required(),
]));
static NULL_OR_BOOLEAN: Definition = Definition::new(Shape::OneOf(&[&NULL, &BOOLEAN]));
static CANCEL_STEP: Definition = Definition::new(keys(&[
    key("name", &STEP_TEXT),
    key("id", &NON_EMPTY),
    key("continue-on-error", &STEP_BOOLEAN),
    key("cancel", &NON_EMPTY).required(),
]));
static PARALLEL_STEP: Definition = Definition::new(keys(&[key("parallel", &STEPS).required()]));
static STEP_TEXT: Definition = Definition::within(Contexts::STEP, Shape::Text);
static STEP_NUMBER: Definition = Definition::within(Contexts::STEP, Shape::Number);
static STEP_BOOLEAN: Definition = Definition::within(Contexts::STEP, Shape::Boolean);
static STEP_MAP: Definition = Definition::within(Contexts::STEP, map_of(&TEXT));
static STEP_IF: Definition = Definition::within(Contexts::STEP_IF, Shape::Text);
