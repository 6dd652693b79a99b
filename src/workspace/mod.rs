//! What a job sees of the user's tree: the snapshot and the checkout of the own repository.
