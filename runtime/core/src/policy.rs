//! What to do about an error of Postgres: who may be at fault, and what follows when no row is. Two
//! pure decisions, so that they can be read as tables.

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

/// Who may be at fault when Postgres answers a flush with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspect {
    /// The server, the session or a lock: no row. [`action`] says what follows.
    Infrastructure,
    /// A row whose data break a rule: it is at fault alone, too.
    Row,
    /// A row that code of the table's refuses, unless that code refuses them all.
    Code,
    /// The statement as a whole (a privilege is missing), unless other rows pass.
    Statement,
}

/// Where an error of Postgres came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The statement itself.
    Statement,
    /// A function that it called: a trigger's, a default's, a constraint's.
    Function,
    /// Such a function raised it on purpose, under a code of its choice.
    Raised,
}

/// Decides who may be at fault. Whatever is not known to be about the infrastructure is searched
/// for a row.
pub fn suspect(state: &SqlState, from: Origin) -> Suspect {
    match (&state.0, from) {
        // serialization_failure and deadlock_detected, and whoever raises them asks for the same:
        // who does so again and again is searched for all the same, see `postgres/src/commit`.
        ([b'4', b'0', ..], _) => Suspect::Infrastructure,
        // Data exceptions, integrity constraints, a view's check option, a key too long for its
        // index.
        ([b'2', b'2' | b'3', ..] | [b'4', b'4', ..] | b"54000", Origin::Statement) => Suspect::Row,
        (_, Origin::Raised) | ([b'P', b'0', ..], _) => Suspect::Code,
        // Connection, transaction state, a lost prepared statement, permission to log in, database.
        ([b'0', b'8', ..] | [b'2', b'5' | b'6' | b'8', ..] | [b'3', b'D', ..], _)
        // Resources, object state and locks, operator intervention, system.
        | ([b'5', b'3' | b'5' | b'7' | b'8', ..] | [b'7', b'2', ..], _)
        // Configuration file, data_corrupted, index_corrupted.
        | ([b'F', b'0', ..] | b"XX001" | b"XX002", _) => Suspect::Infrastructure,
        // Privileges, names and what is not supported: of the statement, or of one that a function
        // builds for a row.
        ([b'4', b'2', ..] | [b'3', b'F', ..] | [b'0', b'A', ..], _) => Suspect::Statement,
        (_, Origin::Function) => Suspect::Code,
        (_, Origin::Statement) => Suspect::Statement,
    }
}

/// Decides what to do about `fault` where no row is to blame.
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
        // cardinality_violation.
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
    fn whatever_is_not_of_the_infrastructure_is_searched() {
        let judged = |code: &str, from| suspect(&SqlState::new(code).unwrap(), from);
        for code in [
            "22001", "22003", "22021", "23502", "23505", "23514", "44000", "54000",
        ] {
            assert_eq!(judged(code, Origin::Statement), Suspect::Row, "{code}");
            assert_eq!(judged(code, Origin::Function), Suspect::Code, "{code}");
        }
        for code in [
            "P0001", "P0004", "AP001", "21000", "XX000", "HV000", "38000",
        ] {
            assert_eq!(judged(code, Origin::Function), Suspect::Code, "{code}");
        }
        for code in [
            "42501", "42P01", "42703", "0A000", "XX000", "21000", "AP001",
        ] {
            assert_eq!(
                judged(code, Origin::Statement),
                Suspect::Statement,
                "{code}"
            );
        }
        for code in [
            "40001", "40P01", "55P03", "57014", "08006", "25006", "26000", "53100", "57P01",
            "58030", "XX001",
        ] {
            for from in [Origin::Statement, Origin::Function] {
                assert_eq!(judged(code, from), Suspect::Infrastructure, "{code}");
            }
        }
    }

    /// Triggers borrow codes for rules of their own; only a wish to be tried again is one.
    #[test]
    fn what_a_function_raises_is_never_the_infrastructure() {
        for code in ["55000", "42501", "57014", "08000", "AP001", "P0004"] {
            let state = SqlState::new(code).unwrap();
            assert_eq!(suspect(&state, Origin::Raised), Suspect::Code, "{code}");
        }
        let again = SqlState::new("40001").unwrap();
        assert_eq!(suspect(&again, Origin::Raised), Suspect::Infrastructure);
    }
}
