//! The table of an action manifest's keys (SPEC 6.5, A-60).

use crate::workflow::schema::{
    ANY, Contexts, Definition, Mapping, NON_EMPTY, Property, Shape, TEXT, keys, map_of,
};

const fn key(name: &'static str, definition: &'static Definition) -> Property {
    Property::new(name, definition)
}

/// These keys, and any others.
const fn open(properties: &'static [Property]) -> Shape {
    Shape::Mapping(Mapping {
        properties,
        rest: Some(&ANY),
    })
}

const LEG: Contexts = Contexts::GITHUB
    .and(Contexts::STRATEGY)
    .and(Contexts::MATRIX);
const MACHINE: Contexts = LEG.and(Contexts::JOB).and(Contexts::RUNNER);
const OUTPUT: Contexts = MACHINE
    .and(Contexts::STEPS)
    .and(Contexts::INPUTS)
    .and(Contexts::ENV);
const STEP: Contexts = OUTPUT.and(Contexts::HASH_FILES);
/// What an `if` of a composite action's step may use.
pub const STEP_CONDITION: Contexts = STEP.and(Contexts::STATUS);

pub static ACTION: Definition = Definition::new(open(&[
    key("name", &TEXT),
    key("description", &TEXT),
    key("inputs", &INPUTS),
    key("outputs", &OUTPUTS),
    key("runs", &RUNS).required(),
]));
static INPUTS: Definition = Definition::new(map_of(&INPUT));
static INPUT: Definition = Definition::new(open(&[key("default", &INPUT_DEFAULT)]));
static INPUT_DEFAULT: Definition =
    Definition::within(MACHINE.and(Contexts::HASH_FILES), Shape::Text);
static OUTPUTS: Definition = Definition::new(map_of(&OUTPUT_DEFINITION));
static OUTPUT_DEFINITION: Definition = Definition::new(keys(&[
    key("description", &TEXT),
    key("value", &OUTPUT_VALUE),
]));
static OUTPUT_VALUE: Definition = Definition::within(OUTPUT, Shape::Text);

static RUNS: Definition = Definition::new(Shape::OneOf(&[&DOCKER, &NODE, &COMPOSITE]));
static DOCKER: Definition = Definition::new(keys(&[
    key("using", &NON_EMPTY),
    key("image", &NON_EMPTY),
    key("entrypoint", &NON_EMPTY),
    key("args", &DOCKER_ARGS),
    key("env", &DOCKER_ENV),
    key("pre-entrypoint", &NON_EMPTY),
    key("pre-if", &NON_EMPTY),
    key("post-entrypoint", &NON_EMPTY),
    key("post-if", &NON_EMPTY),
]));
static DOCKER_ARGS: Definition = Definition::new(Shape::Sequence(&DOCKER_ARG));
static DOCKER_ARG: Definition = Definition::within(Contexts::INPUTS, Shape::Text);
static DOCKER_ENV: Definition = Definition::within(Contexts::INPUTS, map_of(&TEXT));
static NODE: Definition = Definition::new(keys(&[
    key("using", &NON_EMPTY),
    key("main", &NON_EMPTY),
    key("pre", &NON_EMPTY),
    key("pre-if", &NON_EMPTY),
    key("post", &NON_EMPTY),
    key("post-if", &NON_EMPTY),
]));
static COMPOSITE: Definition =
    Definition::new(keys(&[key("using", &NON_EMPTY), key("steps", &STEPS)]));
static STEPS: Definition = Definition::new(Shape::Sequence(&STEP_ITEM));
static STEP_ITEM: Definition = Definition::new(Shape::OneOf(&[&RUN_STEP, &USES_STEP]));
static RUN_STEP: Definition = Definition::new(keys(&[
    key("name", &STEP_TEXT),
    key("id", &NON_EMPTY),
    key("if", &STEP_IF),
    key("run", &STEP_TEXT).required(),
    key("env", &STEP_MAP),
    key("continue-on-error", &STEP_BOOLEAN),
    key("working-directory", &STEP_TEXT),
    key("shell", &STEP_TEXT).required(),
]));
static USES_STEP: Definition = Definition::new(keys(&[
    key("name", &STEP_TEXT),
    key("id", &NON_EMPTY),
    key("if", &STEP_IF),
    key("uses", &NON_EMPTY).required(),
    key("continue-on-error", &STEP_BOOLEAN),
    key("with", &STEP_MAP),
    key("env", &STEP_MAP),
]));
static STEP_TEXT: Definition = Definition::within(STEP, Shape::Text);
static STEP_BOOLEAN: Definition = Definition::within(STEP, Shape::Boolean);
static STEP_MAP: Definition = Definition::within(STEP, map_of(&TEXT));
static STEP_IF: Definition = Definition::within(STEP_CONDITION, Shape::Text);
