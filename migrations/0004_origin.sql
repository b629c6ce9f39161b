-- Where a project's pulled resources come from: archive, downstream or veil. NULL: what the server's settings say.
ALTER TABLE project ADD COLUMN origin TEXT;
