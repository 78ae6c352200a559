//! Leases: whoever took a partition last owns it.

use gristmill_core::brake::Recent;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use crate::commit::checkpoint::{Checkpoint, LastRecord, LeftOut, PartitionKey, PartitionState};
use crate::commit::time_limit::{OutOfTime, in_time};
use crate::wire::connection::Connection;
use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

/// How long taking waits for a flush of the previous owner before it ends that owner's session: a
/// flush in progress takes milliseconds.
const BEGIN: &str = "begin; set local lock_timeout = '2s'";

/// What is read again has been counted. Which record comes before it is not known.
const SET_BACK: &str = "next_offset = least(next_offset, :offset), \
                        counted_below = greatest(counted_below, next_offset), \
                        last_record_offset = null, last_record_at = null, last_record_hash = null";

const TAKE: &str = include_str!("take.sql");
const END_HOLDERS: &str = include_str!("end_holders.sql");

/// Proof of having taken a partition. Good until somebody takes it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub key: PartitionKey,
    pub owner_epoch: i64,
    /// Which topic of this name it is, from 1 on: each that was created again and accepted has the
    /// next number.
    pub log: i32,
    /// The revision that the checkpoint names. After a flush with another one, set it to that.
    pub revision: i32,
}

/// A partition to be taken, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeRequest {
    pub key: PartitionKey,
    /// What the partition is to run from here on.
    pub revision: i32,
    /// The offset at which a partition without a checkpoint begins.
    pub start_offset_if_new: i64,
    /// Kafka's id of the topic: stored only where there is none.
    pub topic_id: Option<String>,
    /// The offset after the topic's last record: where the checkpoint is there, nothing waits.
    pub end_offset: i64,
}

/// A checkpoint that is now ours.
#[derive(Clone, Debug)]
pub struct Taken {
    pub lease: Lease,
    pub next_offset: i64,
    /// Microseconds since the Unix epoch.
    pub event_time_max_us: Option<i64>,
    /// Kafka's id of the topic when the partition was first taken.
    pub topic_id: Option<String>,
    pub last_record: Option<LastRecord>,
    /// The state in which the last owner left it: taking does not resume.
    pub state: PartitionState,
    pub reason: Option<String>,
    /// See [`crate::commit::vain_takes`]; this take is counted.
    pub takes: i32,
    /// What the limit on dead letters is taken over.
    pub recent: Recent,
    pub left_out: LeftOut,
    /// Records below this offset are counted already.
    pub counted_below: i64,
}

/// Takes all partitions of `wanted`, each named once, for `owner`, or none. That fences everybody
/// who took them before. Returns the truth about each, in the order of `wanted`.
///
/// A previous owner that froze inside a transaction holds its rows: its session is ended, where
/// this role may do that (its own sessions, always).
pub async fn take(
    connection: &mut Connection,
    wanted: &[TakeRequest],
    owner: &str,
) -> Result<Vec<Taken>, DatabaseError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let requests = RequestArrays::new(wanted);
    let late = |late: OutOfTime| DatabaseError::Unexpected {
        doing: "take the partitions",
        found: late.to_string(),
    };
    let mut taken = in_time(take_once(connection, &requests, owner))
        .await
        .map_err(late)?;
    let is_locked = |e: &tokio_postgres::Error| e.code() == Some(&SqlState::LOCK_NOT_AVAILABLE);
    if taken.as_ref().is_err_and(is_locked) {
        connection.busy = true;
        let ended = in_time(end_holders(connection, &requests)).await;
        let ended = ended.map_err(late)?;
        connection.busy = false;
        ended?;
        taken = in_time(take_once(connection, &requests, owner))
            .await
            .map_err(late)?;
    }
    let taken = taken.map_err(DatabaseError::query("take the partitions"))?;
    // Whoever writes under another partition's lease fences the wrong one.
    let pairs = || taken.iter().zip(wanted);
    if taken.len() != wanted.len() || pairs().any(|(t, w)| t.lease.key != w.key) {
        return Err(DatabaseError::Unexpected {
            doing: "take the partitions",
            found: format!("{} leases for {} partitions", taken.len(), wanted.len()),
        });
    }
    Ok(taken)
}

/// Three round trips, however many partitions there are. Begins by hand: a transaction of the
/// driver's begins in a round trip of its own.
async fn take_once(
    connection: &mut Connection,
    requests: &RequestArrays<'_>,
    owner: &str,
) -> Result<Vec<Taken>, tokio_postgres::Error> {
    connection.busy = true;
    let taken = in_transaction(connection, requests, owner).await;
    if let Err(error) = &taken {
        connection.heard(error);
    }
    // A session that cannot roll back stays busy, so that nobody uses it again.
    connection.busy = taken.is_err() && connection.batch_execute("rollback").await.is_err();
    taken
}

async fn in_transaction(
    client: &Client,
    requests: &RequestArrays<'_>,
    owner: &str,
) -> Result<Vec<Taken>, tokio_postgres::Error> {
    client.batch_execute(BEGIN).await?;
    let mut parameters = requests.keys.named().to_vec();
    parameters.extend([
        ("revisions", Type::INT4_ARRAY, &requests.revisions as _),
        (
            "start_offsets",
            Type::INT8_ARRAY,
            &requests.start_offsets as _,
        ),
        ("topic_ids", Type::TEXT_ARRAY, &requests.topic_ids as _),
        ("end_offsets", Type::INT8_ARRAY, &requests.end_offsets as _),
        ("owner", Type::TEXT, &owner as _),
    ]);
    let rows = placeholder::query(client, TAKE, &parameters).await?;
    let taken = rows
        .iter()
        .map(|row| Checkpoint::from_row(row).map(Taken::from));
    let taken = taken.collect::<Result<_, _>>()?;
    client.batch_execute("commit").await?;
    Ok(taken)
}

/// Says that the partition stands still as `state`, and why. `false`: the lease is no longer good,
/// and nothing was written.
pub async fn stand_still(
    client: &Client,
    lease: &Lease,
    state: PartitionState,
    reason: &str,
) -> Result<bool, DatabaseError> {
    Ok(say(client, &[lease], state, Some(reason)).await? == 1)
}

/// Sets the checkpoint back to `offset`, from where records are to be read again. `false`: the
/// lease is no longer good, and nothing was written.
pub async fn read_again(
    client: &Client,
    lease: &Lease,
    offset: i64,
) -> Result<bool, DatabaseError> {
    let values: [Named<'_>; 1] = [("offset", Type::INT8, &offset)];
    set(client, lease, SET_BACK, &values)
        .await
        .map_err(DatabaseError::query("set the checkpoint back"))
}

/// The same, and says that the partition has halted, and why: because of rows that `revision` would
/// leave out. It goes on by a newer request than all that stand when it halts: who asked before
/// did not know of it. What was suspected is found now, and forgotten: it may
/// reach further back than where the log began anew.
pub async fn halt_before(
    client: &Client,
    lease: &Lease,
    offset: i64,
    revision: i32,
    reason: &str,
) -> Result<bool, DatabaseError> {
    let values: [Named<'_>; 3] = [
        ("offset", Type::INT8, &offset),
        ("revision", Type::INT4, &revision),
        ("reason", Type::TEXT, &reason),
    ];
    let columns = format!(
        "{SET_BACK}, left_out = 0, left_out_from = null, left_out_halted = :revision, \
         left_out_request = coalesce((select max(s.request) from gristmill.steering s where \
         s.pipeline = :pipeline), 0), left_out_until = null, state = 'halted', reason = :reason"
    );
    set(client, lease, &columns, &values)
        .await
        .map_err(DatabaseError::query("set the checkpoint back"))
}

/// Notes what was left out. `false`: the lease is no longer good, and nothing was written.
pub async fn leave_out(
    client: &Client,
    lease: &Lease,
    left_out: LeftOut,
) -> Result<bool, DatabaseError> {
    let values: [Named<'_>; 2] = [
        ("rows", Type::INT8, &left_out.rows),
        ("from", Type::INT8, &left_out.from),
    ];
    set(
        client,
        lease,
        "left_out = :rows, left_out_from = :from",
        &values,
    )
    .await
    .map_err(DatabaseError::query("note what was left out"))
}

/// Lets rows be left out below `until`: somebody has resumed what halted because of them. `false`:
/// the lease is no longer good, and nothing was written.
pub async fn let_be_left_out(
    client: &Client,
    lease: &Lease,
    until: i64,
) -> Result<bool, DatabaseError> {
    let values: [Named<'_>; 1] = [("until", Type::INT8, &until)];
    let columns = "left_out = 0, left_out_from = null, left_out_until = :until";
    set(client, lease, columns, &values)
        .await
        .map_err(DatabaseError::query("note what may be left out"))
}

/// Sets columns of the checkpoint. `false`: the lease is no longer good, and nothing was written.
pub(crate) async fn set(
    client: &Client,
    lease: &Lease,
    columns: &str,
    values: &[Named<'_>],
) -> Result<bool, tokio_postgres::Error> {
    let key = &lease.key;
    let of_lease: [Named<'_>; 5] = [
        ("pipeline", Type::TEXT, &key.pipeline),
        ("run", Type::INT8, &key.run),
        ("topic", Type::TEXT, &key.topic),
        ("partition", Type::INT4, &key.partition),
        ("owner_epoch", Type::INT8, &lease.owner_epoch),
    ];
    let sql = format!(
        r"
        update gristmill.checkpoint
        set {columns}
        where pipeline = :pipeline and run = :run and topic = :topic and partition = :partition
          and owner_epoch = :owner_epoch"
    );
    let parameters = [&of_lease[..], values].concat();
    Ok(placeholder::execute(client, &sql, &parameters).await? == 1)
}

/// Marks the partitions running again, and returns how many: leases that are no longer good write
/// nothing.
pub async fn resume(client: &Client, leases: &[&Lease]) -> Result<u64, DatabaseError> {
    say(client, leases, PartitionState::Running, None).await
}

/// Says in which state the partitions are, and why. A heartbeat says it again, and a flush says
/// that one which waited for it runs.
async fn say(
    client: &Client,
    leases: &[&Lease],
    state: PartitionState,
    reason: Option<&str>,
) -> Result<u64, DatabaseError> {
    let keys = KeyArrays::new(leases.iter().map(|lease| &lease.key));
    let owner_epochs: Vec<i64> = leases.iter().map(|lease| lease.owner_epoch).collect();
    let state = state.as_str();
    let mut parameters = keys.named().to_vec();
    parameters.extend([
        ("owner_epochs", Type::INT8_ARRAY, &owner_epochs as _),
        ("state", Type::TEXT, &state as _),
        ("reason", Type::TEXT, &reason as _),
    ]);
    let sql = r"
        update gristmill.checkpoint c
        set state = :state, reason = :reason
        from unnest(:pipelines, :runs, :topics, :partitions, :owner_epochs)
          as l (pipeline, run, topic, partition, owner_epoch)
        where (c.pipeline, c.run, c.topic, c.partition, c.owner_epoch)
          = (l.pipeline, l.run, l.topic, l.partition, l.owner_epoch)";
    placeholder::execute(client, sql, &parameters)
        .await
        .map_err(DatabaseError::query("write the partitions' state"))
}

/// Ends the sessions that hold checkpoints of `requests`.
async fn end_holders(client: &Client, requests: &RequestArrays<'_>) -> Result<(), DatabaseError> {
    let ended = placeholder::query(client, END_HOLDERS, &requests.keys.named())
        .await
        .map_err(DatabaseError::query(
            "end the session of the partitions' previous owner: it holds their checkpoints, and \
             this role may not end it",
        ))?;
    for row in ended {
        let (pid, topic, partitions): (i32, String, Vec<i32>) =
            (row.get(0), row.get(1), row.get(2));
        tracing::warn!(
            topic,
            ?partitions,
            pid,
            "ended the session of the partitions' previous owner, which held their checkpoints"
        );
    }
    Ok(())
}

/// Partitions as arrays, one a column.
struct KeyArrays<'a> {
    pipelines: Vec<&'a str>,
    runs: Vec<i64>,
    topics: Vec<&'a str>,
    partitions: Vec<i32>,
}

impl<'a> KeyArrays<'a> {
    fn new(keys: impl Iterator<Item = &'a PartitionKey> + Clone) -> Self {
        Self {
            pipelines: keys.clone().map(|k| k.pipeline.as_str()).collect(),
            runs: keys.clone().map(|k| k.run).collect(),
            topics: keys.clone().map(|k| k.topic.as_str()).collect(),
            partitions: keys.map(|k| k.partition).collect(),
        }
    }

    fn named(&self) -> [Named<'_>; 4] {
        [
            ("pipelines", Type::TEXT_ARRAY, &self.pipelines),
            ("runs", Type::INT8_ARRAY, &self.runs),
            ("topics", Type::TEXT_ARRAY, &self.topics),
            ("partitions", Type::INT4_ARRAY, &self.partitions),
        ]
    }
}

/// Requests as arrays, one a column.
struct RequestArrays<'a> {
    keys: KeyArrays<'a>,
    revisions: Vec<i32>,
    start_offsets: Vec<i64>,
    topic_ids: Vec<Option<&'a str>>,
    end_offsets: Vec<i64>,
}

impl<'a> RequestArrays<'a> {
    fn new(requests: &'a [TakeRequest]) -> Self {
        Self {
            keys: KeyArrays::new(requests.iter().map(|r| &r.key)),
            revisions: requests.iter().map(|r| r.revision).collect(),
            start_offsets: requests.iter().map(|r| r.start_offset_if_new).collect(),
            topic_ids: requests.iter().map(|r| r.topic_id.as_deref()).collect(),
            end_offsets: requests.iter().map(|r| r.end_offset).collect(),
        }
    }
}

impl From<Checkpoint> for Taken {
    fn from(checkpoint: Checkpoint) -> Self {
        Self {
            lease: Lease {
                key: checkpoint.key,
                owner_epoch: checkpoint.owner_epoch,
                log: checkpoint.log,
                revision: checkpoint.revision,
            },
            next_offset: checkpoint.next_offset,
            event_time_max_us: checkpoint.event_time_max_us,
            topic_id: checkpoint.topic_id,
            last_record: checkpoint.last_record,
            state: checkpoint.state,
            reason: checkpoint.reason,
            takes: checkpoint.takes,
            recent: checkpoint.recent,
            left_out: checkpoint.left_out,
            counted_below: checkpoint.counted_below,
        }
    }
}
