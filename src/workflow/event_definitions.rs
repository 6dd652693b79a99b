//! The table of `on`: events, their filters and their activity types (SPEC 1.5).

use super::schema::{
    BOOLEAN, Contexts, Definition, NON_EMPTY, NULL, NUMBER, ONE_OR_MORE, Property, Shape, TEXT,
    TEXTS, keys, map_of,
};

const fn event(name: &'static str, definition: &'static Definition) -> Property {
    Property::new(name, definition).lenient()
}

const fn key(name: &'static str, definition: &'static Definition) -> Property {
    Property::new(name, definition)
}

/// All events (SPEC W-51).
pub const EVENTS: &[&str] = &[
    "branch_protection_rule",
    "check_run",
    "check_suite",
    "create",
    "delete",
    "deployment",
    "deployment_status",
    "discussion",
    "discussion_comment",
    "dynamic",
    "fork",
    "gollum",
    "image_version",
    "interactive_component",
    "issue_comment",
    "issues",
    "label",
    "member",
    "merge_group",
    "milestone",
    "page_build",
    "project",
    "project_card",
    "project_column",
    "public",
    "pull_request",
    "pull_request_comment",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_target",
    "push",
    "registry_package",
    "release",
    "repository_dispatch",
    "schedule",
    "status",
    "watch",
    "workflow_call",
    "workflow_dispatch",
    "workflow_run",
];

pub static ON: Definition = Definition::new(Shape::OneOf(&[&EVENT, &EVENT_LIST, &EVENT_MAP]));
static EVENT: Definition = Definition::new(Shape::Words(EVENTS));
static EVENT_LIST: Definition = Definition::new(Shape::Sequence(&EVENT));
static EVENT_MAP: Definition = Definition::new(keys(&[
    event("branch_protection_rule", &CHANGES),
    event("check_run", &CHECK_RUN),
    event("check_suite", &CHECK_SUITE),
    event("create", &NULL),
    event("delete", &NULL),
    event("deployment", &NULL),
    event("deployment_status", &NULL),
    event("discussion", &DISCUSSION),
    event("discussion_comment", &CHANGES),
    event("dynamic", &NULL),
    event("fork", &NULL),
    event("gollum", &NULL),
    event("image_version", &IMAGE_VERSION),
    event("interactive_component", &NULL),
    event("issue_comment", &CHANGES),
    event("issues", &ISSUES),
    event("label", &CHANGES),
    event("member", &NULL),
    event("merge_group", &MERGE_GROUP),
    event("milestone", &MILESTONE),
    event("page_build", &NULL),
    event("project", &PROJECT),
    event("project_card", &PROJECT_CARD),
    event("project_column", &PROJECT_COLUMN),
    event("public", &NULL),
    event("pull_request", &PULL_REQUEST),
    event("pull_request_comment", &CHANGES),
    event("pull_request_review", &REVIEW),
    event("pull_request_review_comment", &CHANGES),
    event("pull_request_target", &PULL_REQUEST),
    event("push", &PUSH),
    event("registry_package", &REGISTRY_PACKAGE),
    event("release", &RELEASE),
    event("repository_dispatch", &REPOSITORY_DISPATCH),
    event("schedule", &SCHEDULE),
    event("status", &NULL),
    event("watch", &WATCH),
    key("workflow_call", &WORKFLOW_CALL),
    event("workflow_dispatch", &WORKFLOW_DISPATCH),
    event("workflow_run", &WORKFLOW_RUN),
]));

/// An event with these keys, or none.
macro_rules! config {
    ($name:ident, [$($key:expr),* $(,)?]) => {
        static $name: Definition = {
            static MAP: Definition = Definition::new(keys(&[$($key),*]));
            Definition::new(Shape::OneOf(&[&NULL, &MAP]))
        };
    };
}

/// `types`: one word or a list.
macro_rules! types {
    ($($word:literal)*) => {{
        static WORD: Definition = Definition::new(Shape::Words(&[$($word),*]));
        static LIST: Definition = Definition::new(Shape::Sequence(&WORD));
        static TYPES: Definition = Definition::new(Shape::OneOf(&[&WORD, &LIST]));
        key("types", &TYPES)
    }};
}

config!(CHANGES, [types!("created" "edited" "deleted")]);
config!(
    CHECK_RUN,
    [types!("completed" "created" "rerequested" "requested_action")]
);
config!(CHECK_SUITE, [types!("completed")]);
config!(
    DISCUSSION,
    [
        types!("created" "edited" "deleted" "transferred" "pinned" "unpinned" "labeled" "unlabeled" "locked" "unlocked"
        "category_changed" "answered" "unanswered")
    ]
);
config!(
    IMAGE_VERSION,
    [
        types!("created" "ready" "deleted"),
        key("names", &ONE_OR_MORE),
        key("versions", &ONE_OR_MORE)
    ]
);
config!(
    ISSUES,
    [
        types!("opened" "edited" "deleted" "transferred" "pinned" "unpinned" "closed" "reopened" "assigned" "unassigned"
        "labeled" "unlabeled" "locked" "unlocked" "milestoned" "demilestoned" "field_added" "field_removed" "typed"
        "untyped")
    ]
);
config!(
    MERGE_GROUP,
    [
        types!("checks_requested"),
        key("branches", &ONE_OR_MORE),
        key("branches-ignore", &ONE_OR_MORE)
    ]
);
config!(
    MILESTONE,
    [types!("created" "closed" "opened" "edited" "deleted")]
);
config!(
    PROJECT,
    [types!("created" "closed" "reopened" "edited" "deleted")]
);
config!(
    PROJECT_CARD,
    [types!("created" "moved" "converted" "edited" "deleted")]
);
config!(
    PROJECT_COLUMN,
    [types!("created" "updated" "moved" "deleted")]
);
config!(
    PULL_REQUEST,
    [
        types!("assigned" "unassigned" "labeled" "unlabeled" "opened" "edited" "closed" "reopened" "synchronize"
            "converted_to_draft" "locked" "unlocked" "enqueued" "dequeued" "milestoned" "demilestoned"
            "ready_for_review" "review_requested" "review_request_removed" "auto_merge_enabled" "auto_merge_disabled"
            "stacked"),
        key("branches", &ONE_OR_MORE),
        key("branches-ignore", &ONE_OR_MORE),
        key("paths", &ONE_OR_MORE),
        key("paths-ignore", &ONE_OR_MORE),
    ]
);
config!(REVIEW, [types!("submitted" "edited" "dismissed")]);
config!(
    PUSH,
    [
        key("branches", &ONE_OR_MORE),
        key("branches-ignore", &ONE_OR_MORE),
        key("tags", &ONE_OR_MORE),
        key("tags-ignore", &ONE_OR_MORE),
        key("paths", &ONE_OR_MORE),
        key("paths-ignore", &ONE_OR_MORE),
    ]
);
config!(REGISTRY_PACKAGE, [types!("published" "updated")]);
config!(
    RELEASE,
    [types!("published" "unpublished" "created" "edited" "deleted" "prereleased" "released")]
);
config!(REPOSITORY_DISPATCH, [key("types", &ONE_OR_MORE)]);
config!(WATCH, [types!("started")]);
config!(
    WORKFLOW_RUN,
    [
        types!("requested" "completed" "in_progress"),
        key("workflows", &ONE_OR_MORE),
        key("branches", &ONE_OR_MORE),
        key("branches-ignore", &ONE_OR_MORE),
    ]
);

static SCHEDULE: Definition = Definition::new(Shape::Sequence(&CRON));
static CRON: Definition = Definition::new(keys(&[
    key("cron", &NON_EMPTY).required(),
    key("timezone", &NON_EMPTY),
]));

config!(WORKFLOW_DISPATCH, [key("inputs", &DISPATCH_INPUTS)]);
config!(
    DISPATCH_INPUT,
    [
        key("description", &TEXT),
        key("deprecationMessage", &TEXT),
        key("type", &DISPATCH_TYPE),
        key("required", &BOOLEAN),
        key("default", &DISPATCH_DEFAULT),
        key("options", &TEXTS),
    ]
);
static DISPATCH_INPUTS: Definition = Definition::new(Shape::OneOf(&[&NULL, &DISPATCH_INPUT_MAP]));
static DISPATCH_INPUT_MAP: Definition = Definition::new(map_of(&DISPATCH_INPUT));
static DISPATCH_TYPE: Definition = Definition::new(Shape::Words(&[
    "string",
    "boolean",
    "number",
    "environment",
    "choice",
]));
static DISPATCH_DEFAULT: Definition = Definition::new(Shape::OneOf(&[&TEXT, &BOOLEAN, &NUMBER]));

config!(
    WORKFLOW_CALL,
    [
        key("inputs", &CALL_INPUTS),
        key("secrets", &CALL_SECRETS),
        key("outputs", &CALL_OUTPUTS),
    ]
);
static CALL_INPUTS: Definition = Definition::new(map_of(&CALL_INPUT));
static CALL_INPUT: Definition = Definition::new(keys(&[
    key("description", &TEXT),
    key("type", &CALL_TYPE).required(),
    key("required", &BOOLEAN),
    key("default", &CALL_DEFAULT),
]));
static CALL_TYPE: Definition = Definition::new(Shape::Words(&["string", "boolean", "number"]));
static CALL_DEFAULT: Definition = Definition::within(
    Contexts::WORKFLOW,
    Shape::OneOf(&[&TEXT, &BOOLEAN, &NUMBER]),
);
static CALL_SECRETS: Definition = Definition::new(map_of(&CALL_SECRET));
config!(
    CALL_SECRET,
    [key("description", &TEXT), key("required", &BOOLEAN)]
);
static CALL_OUTPUTS: Definition = Definition::new(map_of(&CALL_OUTPUT));
static CALL_OUTPUT: Definition = Definition::new(keys(&[
    key("description", &TEXT),
    key("value", &CALL_OUTPUT_VALUE).required(),
]));
static CALL_OUTPUT_VALUE: Definition =
    Definition::within(Contexts::WORKFLOW.and(Contexts::JOBS), Shape::Text);
