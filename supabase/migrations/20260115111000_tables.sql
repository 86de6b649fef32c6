-- What is stored. A run owns landed rows; landed rows are never touched again; plaintiff_keys says which landed row
-- represents a plaintiff today. Everything else (status of a record, the active set) is derived from these three.

create type ingest.import_status as enum ('pending', 'processing', 'completed', 'failed', 'rolled_back');

-- Legal transitions; ingest._guard_run enforces them:
--
--     pending ────▶ processing ────▶ completed ────▶ rolled_back
--        │          ▲  │   ▲ └ (a later attempt)         ▲
--        │          │  ▼   │                             │
--        └────▶  failed ───┘                             │
--     pending, processing and failed may also go ────────┘   and nothing leaves rolled_back
comment on type ingest.import_status is
    'State of a run: pending -> processing | failed | rolled_back; processing -> processing (next attempt) | completed |'
    ' failed | rolled_back; failed -> processing | rolled_back; completed -> rolled_back; rolled_back is final.';

create table ingest.settings (
    only_row boolean primary key default true,
    stale_after interval not null default interval '30 minutes',
    constraint settings_is_one_row check (only_row),
    constraint settings_stale_after_is_positive check (stale_after > interval '0')
);

comment on table ingest.settings is 'The one row of settings.';
comment on column ingest.settings.only_row is 'Always true: there is one row.';
comment on column ingest.settings.stale_after is 'A lease without a sign of life for longer than this may be taken over.';

insert into ingest.settings default values;

create table ingest.source_systems (
    source_system text primary key,
    last_publish_seq bigint not null default 0,
    rollbacks bigint not null default 0
);

comment on table ingest.source_systems is
    'One row for each vendor or feed. Publishing and undoing lock it first, so that they happen one after the other.';
comment on column ingest.source_systems.source_system is 'The vendor or feed.';
comment on column ingest.source_systems.last_publish_seq is 'The publish_seq given out last.';
comment on column ingest.source_systems.rollbacks is 'How many published runs were undone; above 0 there may be ownerless keys.';

create table ingest.import_runs (
    id uuid primary key default gen_random_uuid(),
    run_no integer generated always as identity,
    source_system text not null,
    source_batch_id text not null,
    file_hash text not null,
    filename text,
    import_kind text not null default 'plaintiff',
    status ingest.import_status not null default 'pending',
    attempt integer not null default 0,
    worker_id text,
    rows_fetched integer not null default 0,
    rows_inserted integer not null default 0,
    rows_skipped integer not null default 0,
    rows_errored integer not null default 0,
    error_details jsonb,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    claimed_at timestamptz,
    completed_at timestamptz,
    rolled_back_at timestamptz,
    rollback_reason text,
    publish_seq bigint,
    reader_fingerprint text,
    expected_count integer,
    ended_attempt integer,
    identity_required boolean not null default false,
    withheld boolean not null default false,
    release_reason text,
    replaces uuid,
    replaced_by uuid,
    replays uuid,
    source_layout jsonb,
    control_rows integer,
    control_total numeric(38, 2),
    control_sha256 text,
    found_total numeric(38, 2),
    constraint import_runs_run_no_is_its_own unique (run_no),
    constraint import_runs_names_are_given check (source_system <> '' and source_batch_id <> '' and file_hash <> ''),
    constraint import_runs_counts_are_not_negative check (
        rows_fetched >= 0 and rows_inserted >= 0 and rows_skipped >= 0 and rows_errored >= 0
    ),
    constraint import_runs_counts_add_up check (
        status <> 'completed' or rows_fetched = rows_inserted + rows_skipped + rows_errored
    ),
    constraint import_runs_processing_has_a_lease check (
        status <> 'processing' or (attempt > 0 and claimed_at is not null)
    ),
    constraint import_runs_completed_is_published check (
        status <> 'completed' or (publish_seq is not null and completed_at is not null)
    ),
    constraint import_runs_rolled_back_has_a_time check (
        (status = 'rolled_back') = (rolled_back_at is not null)
    ),
    constraint import_runs_withheld_is_rolled_back check (status = 'rolled_back' or not withheld),
    constraint import_runs_replaced_is_rolled_back check (status = 'rolled_back' or replaced_by is null),
    constraint import_runs_control_rows_hold check (
        status <> 'completed' or control_rows is null or rows_fetched = control_rows
    ),
    constraint import_runs_control_total_holds check (
        status <> 'completed' or control_total is null or found_total is not distinct from control_total
    ),
    constraint import_runs_control_sha256_holds check (control_sha256 is null or file_hash = control_sha256),
    constraint import_runs_replaces_another check (replaces <> id and replaced_by <> id),
    constraint import_runs_replays_another check (replays <> id)
);

create unique index import_runs_one_live_run
    on ingest.import_runs (source_system, source_batch_id, file_hash)
    where status <> 'rolled_back';

create index import_runs_undone
    on ingest.import_runs (source_system, source_batch_id, file_hash, created_at)
    where status = 'rolled_back';

create index import_runs_withheld on ingest.import_runs (source_system, file_hash) where withheld;

create unique index import_runs_publish_order
    on ingest.import_runs (source_system, publish_seq)
    where publish_seq is not null;

create index import_runs_created_at on ingest.import_runs (created_at desc);

create index import_runs_replays on ingest.import_runs (replays) where replays is not null;

create index import_runs_open on ingest.import_runs (updated_at) where status in ('pending', 'processing', 'failed');

comment on table ingest.import_runs is
    'One row for each delivery that was ever claimed. A rolled-back run stays as the history it is.';
comment on column ingest.import_runs.id is 'The run.';
comment on column ingest.import_runs.run_no is 'Number of the run, by which its landed rows name it.';
comment on sequence ingest.import_runs_run_no_seq is 'Numbers the runs; there are gaps where two made one at once or one was taken back.';
comment on column ingest.import_runs.source_system is 'The vendor or feed.';
comment on column ingest.import_runs.source_batch_id is 'The vendor''s id for the delivery.';
comment on column ingest.import_runs.file_hash is 'SHA-256 of the delivered bytes, in hex.';
comment on column ingest.import_runs.filename is 'The file''s name without its folder.';
comment on column ingest.import_runs.import_kind is 'What the records are; plaintiff.';
comment on column ingest.import_runs.status is 'Where the run stands; the legal transitions are on the type.';
comment on column ingest.import_runs.attempt is 'How often the run was claimed. It is the fencing token: a write that names an older one is refused.';
comment on column ingest.import_runs.worker_id is 'Who holds, or last held, the lease.';
comment on column ingest.import_runs.rows_fetched is 'Records of the file, as recounted when the run was completed.';
comment on column ingest.import_runs.rows_inserted is 'Records that represent their key; kept right when another run is undone.';
comment on column ingest.import_runs.rows_skipped is 'Valid records whose key another record represents.';
comment on column ingest.import_runs.rows_errored is 'Rejected records.';
comment on column ingest.import_runs.error_details is 'Why the run failed: codes and counts, never a cell''s value.';
comment on column ingest.import_runs.created_at is 'When the run was first claimed.';
comment on column ingest.import_runs.updated_at is 'The last sign of life; a lease is stale when it is older than settings.stale_after.';
comment on column ingest.import_runs.claimed_at is 'When the current attempt began.';
comment on column ingest.import_runs.completed_at is 'When the run was published.';
comment on column ingest.import_runs.rolled_back_at is 'When the run was undone.';
comment on column ingest.import_runs.rollback_reason is 'Why the run was undone.';
comment on column ingest.import_runs.publish_seq is 'Order of publication within the source system; stays after a rollback.';
comment on column ingest.import_runs.reader_fingerprint is 'How the file is read: reader, chunks, dialect and mapping; a run is never continued under another.';
comment on column ingest.import_runs.expected_count is
    'The independent count that came with the claim; nobody changes it afterwards, and no other count completes the run.';
comment on column ingest.import_runs.ended_attempt is 'The attempt whose holder itself reported the end (finalize or reconcile).';
comment on column ingest.import_runs.identity_required is
    'True once the run was taken over from a holder that did not report its end: callers must name their attempt.';
comment on column ingest.import_runs.withheld is
    'True once somebody undid the run: no unattended import takes its file in again before the run is released.';
comment on column ingest.import_runs.release_reason is 'Why an unattended import may take the file in again.';
comment on column ingest.import_runs.replaces is 'The run that was undone when this one took its place.';
comment on column ingest.import_runs.replaced_by is 'The run that took this one''s place.';
comment on column ingest.import_runs.replays is 'The run whose rejects this one''s records stand for.';
comment on column ingest.import_runs.source_layout is 'The file''s columns in their order, redacted, and its delimiter, quote and encoding.';
comment on column ingest.import_runs.control_rows is 'How many records the file has by the vendor''s word; null when nothing was said.';
comment on column ingest.import_runs.control_total is 'What its amounts sum up to by the vendor''s word; null when nothing was said.';
comment on column ingest.import_runs.control_sha256 is 'SHA-256 of the file by the vendor''s word; null when nothing was said.';
comment on column ingest.import_runs.found_total is
    'Sum of the amounts of all its records, duplicates and rejects included, when its counts were reconciled last; null where'
    ' that is not known.';

create table ingest.landed_rows (
    run_no integer not null,
    row_number integer not null,
    chunk_no integer not null,
    line_start integer not null,
    line_end integer,
    replays_row integer,
    -- before the cells: who reads a whole run reads the first two, the landing guard all of these
    dedupe_key uuid,
    error_code text,
    error_message text,
    raw_payload jsonb,
    warnings text[],
    extra text,
    plaintiff_name text,
    firm_name text,
    contact_name text,
    contact_email text,
    contact_phone text,
    address text,
    city text,
    state text,
    postal_code text,
    case_reference text,
    court text,
    county text,
    judgment_amount numeric(14, 2),
    judgment_date date,
    defendant_name text,
    source_reference text,
    -- The run's number and not its id: where chunks land side by side, PostgreSQL splits a full page behind the newest
    -- tuple, and so leaves it full, if tuples are as short as two bigints (_bt_afternewitemoff); longer ones it splits in
    -- half. 1,000,000 records by two sessions: 22.6 MB of index, 2.35 s of the server; with the id 55 MB and 2.9 s.
    constraint landed_rows_pkey primary key (run_no, row_number),
    constraint landed_rows_valid_or_rejected check ((dedupe_key is null) = (error_code is not null)),
    constraint landed_rows_only_rejects_explain check (
        error_code is not null or (error_message is null and raw_payload is null)
    ),
    constraint landed_rows_valid_has_a_name check (error_code is not null or plaintiff_name is not null)
);

create index landed_rows_rejects on ingest.landed_rows (run_no, row_number) where error_code is not null;

create index landed_rows_fixes on ingest.landed_rows (run_no, replays_row) where replays_row is not null;

-- No table refers to import_runs by a foreign key. For each row of landed_rows it would look the run up, where the landing
-- guard looks once a chunk; everywhere it would lock the run's row FOR KEY SHARE, for as long as a chunk is being copied
-- or in the way of an event that must be written while the run is being published. Runs are never deleted.
comment on table ingest.landed_rows is
    'Every record of every file as it was landed. Append-only: no UPDATE, DELETE or TRUNCATE, for anybody.';
comment on column ingest.landed_rows.run_no is
    'The run, by its number, which keeps the indexes small; the landing guard makes sure that it exists and is leased.';
comment on column ingest.landed_rows.row_number is 'The record''s place in the file, from 1; the header is not counted.';
comment on column ingest.landed_rows.chunk_no is 'The chunk that it came with.';
comment on column ingest.landed_rows.line_start is 'First physical line of the record; the header is line 1.';
comment on column ingest.landed_rows.line_end is 'Last physical line of the record; null where it is the first.';
comment on column ingest.landed_rows.dedupe_key is 'Identity of the record; null when it was rejected.';
comment on column ingest.landed_rows.error_code is 'Why the record was rejected; null when it is valid.';
comment on column ingest.landed_rows.plaintiff_name is 'Name of the plaintiff; the one value without which a record is rejected.';
comment on column ingest.landed_rows.firm_name is 'Law firm of the plaintiff.';
comment on column ingest.landed_rows.contact_name is 'Person to contact.';
comment on column ingest.landed_rows.contact_email is 'E-mail address as sent; doubtful ones carry a warning.';
comment on column ingest.landed_rows.contact_phone is 'Telephone in E.164 where it could be read, else as sent with a warning.';
comment on column ingest.landed_rows.address is 'Street address.';
comment on column ingest.landed_rows.city is 'City.';
comment on column ingest.landed_rows.state is 'State as sent; unknown ones carry a warning.';
comment on column ingest.landed_rows.postal_code is 'Postal code as sent.';
comment on column ingest.landed_rows.case_reference is 'Judgment, case, docket or index number.';
comment on column ingest.landed_rows.court is 'Court.';
comment on column ingest.landed_rows.county is 'County.';
comment on column ingest.landed_rows.judgment_amount is 'Amount of the judgment in dollars, exact.';
comment on column ingest.landed_rows.judgment_date is 'Date of the judgment.';
comment on column ingest.landed_rows.defendant_name is 'Name of the defendant.';
comment on column ingest.landed_rows.source_reference is 'The vendor''s own id of the record.';
comment on column ingest.landed_rows.extra is
    'Cells of the columns of the file that the mapping does not know, sensitive ones masked. Its chunk names them, and says'
    ' what stands between them.';
comment on column ingest.landed_rows.error_message is 'The column and the rule that it broke, never the value.';
comment on column ingest.landed_rows.warnings is 'Codes of what was kept as sent but looks doubtful; null where nothing does.';
comment on column ingest.landed_rows.raw_payload is 'The rejected record, redacted.';
comment on column ingest.landed_rows.replays_row is 'The reject that it stands for: row_number in the run that its run replays.';

create table ingest.landed_chunks (
    import_run_id uuid not null,
    chunk_no integer not null,
    attempt integer not null,
    byte_start bigint not null,
    byte_end bigint not null,
    first_row integer not null,
    records integer not null,
    digest text not null,
    extra_columns text[] not null default '{}',
    extra_separator text not null default E'\x1f',
    landed_at timestamptz not null default clock_timestamp(),
    constraint landed_chunks_pkey primary key (import_run_id, chunk_no),
    constraint landed_chunks_is_a_range check (
        chunk_no >= 0 and byte_start >= 0 and byte_end > byte_start and first_row >= 1 and records >= 0
    ),
    -- and are no more than a value of jsonb has room for beside the cells
    constraint landed_chunks_names_are_a_list check (
        num_nulls(variadic extra_columns) = 0
        and (array_dims(extra_columns) ~ '^\[1:[0-9]+\]$') is not false
        and octet_length(array_to_string(extra_columns, '')) <= 16777216
    ),
    constraint landed_chunks_cells_are_separated check (extra_separator <> '')
);

comment on table ingest.landed_chunks is 'The chunks of a run that are landed. Append-only; a chunk lands once.';
comment on column ingest.landed_chunks.import_run_id is 'The run.';
comment on column ingest.landed_chunks.chunk_no is 'The chunk, from 0.';
comment on column ingest.landed_chunks.attempt is 'The attempt that landed it.';
comment on column ingest.landed_chunks.byte_start is 'First byte of the chunk in the file.';
comment on column ingest.landed_chunks.byte_end is 'The byte after its last.';
comment on column ingest.landed_chunks.first_row is 'row_number of its first record.';
comment on column ingest.landed_chunks.records is 'How many records it holds.';
comment on column ingest.landed_chunks.digest is 'SHA-256 of its bytes, in hex.';
comment on column ingest.landed_chunks.extra_columns is 'Names of the columns whose cells stand in extra of its rows, redacted.';
comment on column ingest.landed_chunks.extra_separator is
    'What stands between the cells of extra of its rows, and in none of them where there are several.';
comment on column ingest.landed_chunks.landed_at is 'When its transaction opened it.';

create table ingest.plaintiff_keys (
    dedupe_key uuid not null,
    owner_run_no integer not null,
    owner_row_number integer not null,
    constraint plaintiff_keys_pkey primary key (dedupe_key)
);

comment on table ingest.plaintiff_keys is
    'Every key that was ever published and the landed row that represents it. Keys are never deleted, so that other'
    ' tables may reference them; a key whose owner''s run is rolled back is ownerless.';
comment on column ingest.plaintiff_keys.dedupe_key is 'Identity of a plaintiff''s record.';
comment on column ingest.plaintiff_keys.owner_run_no is 'The run of the row that represents it, by its number.';
comment on column ingest.plaintiff_keys.owner_row_number is 'The row that represents it.';

create table ingest.early_keys (
    import_run_id uuid not null,
    chunks integer not null,
    records integer not null,
    landed integer not null,
    rejected integer not null,
    taken integer not null,
    constraint early_keys_pkey primary key (import_run_id)
);

comment on table ingest.early_keys is
    'How far a publication under way has taken the keys of its run. Seen by its own transaction alone, which ends without'
    ' a row or not at all.';
comment on column ingest.early_keys.import_run_id is 'The run.';
comment on column ingest.early_keys.chunks is 'How many chunks, from the first on, have been looked at.';
comment on column ingest.early_keys.records is 'How many records these hold, as announced.';
comment on column ingest.early_keys.landed is 'How many of them were counted among the landed rows.';
comment on column ingest.early_keys.rejected is 'How many of these are rejects.';
comment on column ingest.early_keys.taken is 'How many keys of these the run was given.';
