//! The brokers: who leads which partition, connections to them, and what they say to batches.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::answer::name_of;
use super::batch::{ProducerId, Record, encode};
use super::connection::Connection;
use super::known::{Known, Place};
use super::login::log_in;
use super::messages::{InitProducerId, Message, Metadata, MetadataAnswer, Produce};
use super::sasl::Login;
use crate::SinkError;

/// Most requests under way, and most connections to one broker, of one sink in one process, however many shards there are.
const REQUESTS_MAX: usize = 16;

/// A connection that was idle for so long is not used again: brokers end theirs after ten minutes unless they are told
/// otherwise, and what stands before them after four.
const IDLE_MAX: Duration = Duration::from_secs(180);

/// Records for one partition that are appended as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) partition: usize,
    pub(super) producer: ProducerId,
    /// Of the first record.
    pub(super) sequence: i32,
    pub(super) records: Vec<Record>,
}

/// What a producer needs of the brokers of one topic.
pub(super) trait Brokers: Send + Sync + std::fmt::Debug + 'static {
    /// Who leads each partition, if anyone does. Asked once, and again after [`forget`](Self::forget).
    fn leaders(&self) -> impl Future<Output = Result<Arc<[Option<Place>]>, SinkError>> + Send;

    /// The leaders may have changed.
    fn forget(&self);

    /// A new producer, whose sequences begin at 0.
    fn new_producer(&self) -> impl Future<Output = Result<ProducerId, SinkError>> + Send;

    /// Has the leader append each batch to its partition; each partition's error, 0 for none. After an error, or if the
    /// future is dropped, they may be appended.
    fn append(
        &self,
        leader: &Place,
        batches: Vec<Batch>,
    ) -> impl Future<Output = Result<Vec<(usize, i16)>, SinkError>> + Send;
}

/// How brokers are connected to.
#[derive(Clone, Default)]
pub(super) struct How {
    pub(super) tls: Option<TlsConnector>,
    pub(super) login: Option<Login>,
}

impl std::fmt::Debug for How {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("How").finish_non_exhaustive()
    }
}

/// The brokers of a cluster.
#[derive(Debug)]
pub(super) struct Cluster {
    known: Mutex<Known>,
    topic: String,
    how: How,
    timeout: Duration,
    leaders: Mutex<Option<Arc<[Option<Place>]>>>,
    requests: Semaphore,
    idle: Mutex<HashMap<Place, Vec<Connection>>>,
}

impl Cluster {
    /// A cluster with these brokers, and those that they tell of.
    pub(super) fn new(named: Vec<Place>, topic: String, how: How, timeout: Duration) -> Self {
        Self {
            known: Mutex::new(Known::new(named)),
            topic,
            how,
            timeout,
            leaders: Mutex::default(),
            requests: Semaphore::new(REQUESTS_MAX),
            idle: Mutex::default(),
        }
    }

    async fn ask<M: Message>(&self, place: &Place, message: &M) -> Result<M::Answer, SinkError> {
        let _turn = self.requests.acquire().await;
        let idle = self.idle(place);
        let asked = async {
            let mut connection = match idle {
                Some(connection) => connection,
                None => self.connect(place).await?,
            };
            let answer = connection.ask(message).await?;
            Ok((answer, connection))
        };
        let answered = timeout(self.timeout, asked).await;
        let answered = answered.unwrap_or_else(|_| Err(SinkError::new("no answer in time")));
        let (answer, connection) = answered.map_err(|error: SinkError| {
            // A broker that went away took all connections with it.
            self.idle.lock().remove(place);
            SinkError::new(format!("{}:{}: {}", place.0, place.1, error.message))
        })?;
        let mut idle = self.idle.lock();
        idle.entry(place.clone()).or_default().push(connection);
        Ok(answer)
    }

    /// A connection that nobody uses, unless its broker may have given it up meanwhile.
    fn idle(&self, place: &Place) -> Option<Connection> {
        let mut idle = self.idle.lock();
        let connections = idle.get_mut(place)?;
        connections.retain(|connection| connection.idle_for() < IDLE_MAX);
        connections.pop()
    }

    async fn connect(&self, (host, port): &Place) -> Result<Connection, SinkError> {
        let mut connection = Connection::to(host, *port, self.how.tls.as_ref()).await?;
        if let Some(login) = &self.how.login {
            log_in(&mut connection, login).await?;
        }
        Ok(connection)
    }

    /// Asks the brokers that are known, one after another, until one answers.
    async fn ask_any<M: Message>(&self, message: &M) -> Result<M::Answer, SinkError> {
        let mut error = SinkError::new("no broker is named");
        let known = self.known.lock().len();
        for _ in 0..known {
            let Some(place) = self.known.lock().first() else {
                break;
            };
            match self.ask(&place, message).await {
                Ok(answer) => {
                    self.known.lock().answered(&place);
                    return Ok(answer);
                }
                Err(this) => error = this,
            }
        }
        Err(error)
    }
}

impl Brokers for Cluster {
    async fn leaders(&self) -> Result<Arc<[Option<Place>]>, SinkError> {
        if let Some(known) = &*self.leaders.lock() {
            return Ok(Arc::clone(known));
        }
        let topic = &self.topic;
        let answer = self.ask_any(&Metadata { topic }).await?;
        let brokers: Vec<Place> = places_of(&answer).map(|(_, place)| place).collect();
        self.known.lock().told(&brokers);
        let leaders = leaders_of(&answer);
        let leaders = leaders.map_err(|why| SinkError::new(format!("the topic {topic}: {why}")))?;
        *self.leaders.lock() = Some(Arc::clone(&leaders));
        Ok(leaders)
    }

    fn forget(&self) {
        *self.leaders.lock() = None;
    }

    async fn new_producer(&self) -> Result<ProducerId, SinkError> {
        let answer = self.ask_any(&InitProducerId).await?;
        answer.map_err(|error| SinkError::new(format!("no producer id: {}", name_of(error))))
    }

    async fn append(
        &self,
        leader: &Place,
        batches: Vec<Batch>,
    ) -> Result<Vec<(usize, i16)>, SinkError> {
        let batches: Vec<(i32, Vec<u8>)> = batches
            .into_iter()
            .map(|batch| {
                let partition = i32::try_from(batch.partition).unwrap_or(i32::MAX);
                let bytes = encode(&batch.records, batch.producer, batch.sequence);
                (partition, bytes)
            })
            .collect();
        let produce = Produce {
            topic: &self.topic,
            // So that its answer comes before we give up.
            timeout_ms: i32::try_from(self.timeout.as_millis() / 2).unwrap_or(i32::MAX),
            batches: &batches,
        };
        let errors = self.ask(leader, &produce).await?.into_iter();
        Ok(errors
            .filter_map(|(partition, error)| Some((usize::try_from(partition).ok()?, error)))
            .collect())
    }
}

/// The brokers of an answer, by their numbers.
fn places_of(answer: &MetadataAnswer) -> impl Iterator<Item = (i32, Place)> {
    answer.brokers.iter().filter_map(|(number, host, port)| {
        let port = u16::try_from(*port).ok()?;
        Some((*number, (host.clone(), port)))
    })
}

/// The leader of each partition from 0 on.
fn leaders_of(answer: &MetadataAnswer) -> Result<Arc<[Option<Place>]>, String> {
    if answer.error != 0 {
        return Err(name_of(answer.error));
    }
    let brokers: HashMap<i32, Place> = places_of(answer).collect();
    let mut leaders = vec![None; answer.partitions.len()];
    for (partition, leader) in &answer.partitions {
        let place = usize::try_from(*partition)
            .ok()
            .and_then(|at| leaders.get_mut(at));
        let place = place.ok_or("its partitions have no numbers from 0 on")?;
        *place = brokers.get(leader).cloned();
    }
    if leaders.is_empty() {
        return Err("it has no partitions".to_owned());
    }
    Ok(leaders.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaders_are_places_in_the_order_of_the_partitions() {
        let answer = |partitions: &[(i32, i32)], error| MetadataAnswer {
            brokers: vec![
                (1, "a".into(), 9092),
                (2, "b".into(), 9093),
                (3, "c".into(), -1),
            ],
            error,
            partitions: partitions.to_vec(),
        };
        let leaders = leaders_of(&answer(&[(2, 1), (0, 2), (1, -1), (3, 3)], 0)).unwrap();
        let place = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(*leaders, [place("b", 9093), None, place("a", 9092), None]);
        assert!(leaders_of(&answer(&[], 0)).is_err());
        assert!(leaders_of(&answer(&[(1, 1)], 0)).is_err());
        let unknown = leaders_of(&answer(&[], 3)).unwrap_err();
        assert!(unknown.contains("UNKNOWN_TOPIC_OR_PARTITION"), "{unknown}");
    }
}
