"""Memory: file store, workspace and lanes on disk, and the journal."""
