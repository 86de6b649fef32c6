-- A duplicate is known by its name and the hash of its bytes alone. Who asks by these before he reads the file is spared
-- the reading. It is a shortcut and no claim: it never grants anything, and whoever gets no answer goes on to claim.

create function ingest.refuse_duplicate(
    p_source_system text,
    p_source_batch_id text,
    p_file_hash text,
    p_filename text default null,
    p_worker_id text default null
)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
-- as a claim: it waits for other claims, not for a publication
set lock_timeout = '2s'
as $$
declare
    v_run ingest.import_runs;
begin
    perform ingest._notice_lost_client();
    begin
        select * into v_run
        from ingest.import_runs as r
        where r.source_system = lower(trim(regexp_replace(p_source_system, '\s+', ' ', 'g')))
            and r.source_batch_id = p_source_batch_id
            and r.file_hash = p_file_hash
            and r.status = 'completed'
        for update;
    exception
        when lock_not_available then
            return null;  -- somebody is changing the run at this very moment: the claim will tell
    end;
    if not found then
        return null;  -- nor is it after a wait, if it was undone meanwhile
    end if;
    begin
        perform ingest._append_event(
            v_run.id,
            'duplicate_blocked',
            p_worker_id,
            v_run.attempt,
            jsonb_build_object('filename', p_filename, 'holder', v_run.worker_id)
        );
    exception
        when lock_not_available then
            null;  -- as in a claim: the answer matters more
    end;
    return v_run.id;
end
$$;

comment on function ingest.refuse_duplicate(text, text, text, text, text) is
    'The completed run of exactly this delivery, with the event that its claim would leave; else null, and nothing is'
    ' written: then it is to be claimed.';
