-- Times are microseconds since 1970-01-01 UTC. Texts named input, output, custom_status, state and body are JSON.

-- One row an orchestration instance: its present execution.
CREATE TABLE instances (
    instance_id TEXT PRIMARY KEY,
    execution_id TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    input TEXT,
    output TEXT,
    custom_status TEXT,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    -- The orchestration that waits for this one, if any.
    parent_instance_id TEXT,
    parent_execution_id TEXT,
    parent_task_id INTEGER
) WITHOUT ROWID;
CREATE INDEX instances_by_creation ON instances (created, instance_id);

-- The history of the present execution, in order. `note` is devhost's own: what a retry needs to go on.
CREATE TABLE history (
    instance_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    event TEXT NOT NULL,
    note TEXT,
    PRIMARY KEY (instance_id, n)
) WITHOUT ROWID;

-- What an instance or an entity has yet to process. A timer is a message with a due time.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    target TEXT NOT NULL,
    -- The execution it is for; NULL for an external event, which is for whichever runs.
    execution_id TEXT,
    kind INTEGER NOT NULL,
    task_id INTEGER,
    body TEXT NOT NULL,
    due INTEGER
);
CREATE INDEX messages_by_target ON messages (target);

-- Activities to run, at least once each.
CREATE TABLE activities (
    id INTEGER PRIMARY KEY,
    instance_id TEXT NOT NULL,
    execution_id TEXT NOT NULL,
    task_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    input TEXT
);

-- State of entities that have run. A destroyed entity keeps its row with present = 0.
CREATE TABLE entities (
    entity_id TEXT PRIMARY KEY,
    present INTEGER NOT NULL,
    state TEXT,
    updated INTEGER NOT NULL
) WITHOUT ROWID;
