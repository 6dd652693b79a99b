//! Manifests of actions: `action.yml` (SPEC 6.5).
