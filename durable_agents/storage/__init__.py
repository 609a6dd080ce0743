"""Where content is kept: files and blobs that are written once, drafts, the outbox."""
