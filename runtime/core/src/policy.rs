//! What to do about an infrastructure fault: one pure decision, so that it can be read as a table.

use crate::fault::{SinkFault, SqlState};

/// What the worker of one partition does next. The other partitions go on in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing happened for certain: send the same bytes again on the same connection, after a
    /// short wait.
    RetryInPlace,
    /// End the worker; the supervisor takes the partition again through the start path, which reads
    /// the checkpoint and so learns what committed.
    Restart,
    /// Stop the partition with a reason until a person acts.
    Halt,
}

/// Decides what to do about `fault`. What Postgres says of a row's data ([`SqlState::refuses_row`])
/// belongs to the search for the row; here it halts, because nobody was found.
pub fn action(fault: &SinkFault) -> Action {
    match fault {
        SinkFault::Answered(state) => action_for(state),
        SinkFault::ConnectionLost | SinkFault::Fenced => Action::Restart,
        SinkFault::TargetChanged | SinkFault::Gap | SinkFault::TopicTruncated => Action::Halt,
    }
}

/// Names: <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
fn action_for(state: &SqlState) -> Action {
    match &state.0 {
        // serialization_failure, deadlock_detected, lock_not_available, query_canceled: rolled back
        // for certain.
        b"40001" | b"40P01" | b"55P03" | b"57014" => Action::RetryInPlace,
        // object_in_use and the like pass when the other session is done, but say nothing of ours.
        b"55000" | b"55006" => Action::Restart,
        // read_only_sql_transaction: this server became a standby; the next connection may find the
        // primary.
        b"25006" => Action::Restart,
        // cardinality_violation: two keys of one batch are one to the table's own comparison
        // (citext, a nondeterministic collation); every try meets them again.
        b"21000" => Action::Halt,
        // database_dropped.
        b"57P04" => Action::Halt,
        // data_corrupted, index_corrupted: going on would make it worse.
        b"XX001" | b"XX002" => Action::Halt,
        // Not supported; the row's data; permission and authentication; unknown database or schema;
        // syntax, tables, columns, types.
        [b'0', b'A', ..] | [b'2', b'2' | b'3' | b'8', ..] | [b'3', b'D' | b'F', ..] => Action::Halt,
        [b'4', b'2' | b'4', ..] | [b'P', b'0', ..] | [b'5', b'4', ..] => Action::Halt,
        // Connection (08), resources (53), operator intervention (57), system (58), internal (XX),
        // and what nobody foresaw: the start path and its growing waits.
        _ => Action::Restart,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(code: &str) -> SinkFault {
        SinkFault::Answered(SqlState::new(code).unwrap())
    }

    #[test]
    fn only_definite_rollbacks_are_retried_in_place() {
        for code in ["40001", "40P01", "55P03", "57014"] {
            assert_eq!(action(&answered(code)), Action::RetryInPlace, "{code}");
        }
        // 40003 is "statement completion unknown".
        for code in [
            "08006", "08003", "40003", "57P01", "57P02", "57P03", "53300", "53100", "53200",
        ] {
            assert_eq!(action(&answered(code)), Action::Restart, "{code}");
        }
        assert_eq!(action(&SinkFault::ConnectionLost), Action::Restart);
        assert_eq!(action(&SinkFault::Fenced), Action::Restart);
    }

    #[test]
    fn what_only_a_person_can_mend_halts() {
        for code in [
            "42P01", "42703", "42501", "28P01", "28000", "3D000", "0A000", "XX001",
        ] {
            assert_eq!(action(&answered(code)), Action::Halt, "{code}");
        }
        for fault in [
            SinkFault::TargetChanged,
            SinkFault::Gap,
            SinkFault::TopicTruncated,
        ] {
            assert_eq!(action(&fault), Action::Halt);
        }
    }

    #[test]
    fn a_refused_row_is_told_from_a_changed_table() {
        for code in [
            "22001", "22003", "22021", "23502", "23505", "23514", "54000", "P0001",
        ] {
            let state = SqlState::new(code).unwrap();
            assert!(state.refuses_row(), "{code}");
            assert_eq!(action(&SinkFault::Answered(state)), Action::Halt, "{code}");
        }
        for code in ["42703", "40001", "08006", "57014", "21000"] {
            assert!(!SqlState::new(code).unwrap().refuses_row(), "{code}");
        }
    }
}
