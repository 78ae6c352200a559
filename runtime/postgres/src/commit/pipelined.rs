//! Statements that are sent without waiting for each other's answers.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// An answer that is waited for.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The answers to `statements`, which are sent in their order.
pub(crate) async fn all<T>(statements: Vec<Answer<'_, T>>) -> Vec<T> {
    let mut waiting = statements;
    let mut answers: Vec<Option<T>> = waiting.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (statement, answer) in waiting.iter_mut().zip(&mut answers) {
            if answer.is_none()
                && let Poll::Ready(came) = statement.as_mut().poll(context)
            {
                *answer = Some(came);
            }
        }
        match answers.iter().all(Option::is_some) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    answers.into_iter().flatten().collect()
}
