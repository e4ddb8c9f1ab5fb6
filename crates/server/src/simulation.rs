//! The server under simulation by seed, from the socket to the log: clients over lines that are slow and break, in both
//! versions of HTTP, hostile ones beside them, and a server that is stopped or killed and started again on the same logs.
//! What was acknowledged must be there once, under its number; what was refused is nowhere; what nobody learned is there
//! at most once; each reader gets everything once and in order, however often it had to ask. A server that is stopped ends
//! in time, and whatever its clients did it holds nothing of theirs afterwards.
//!
//! Time is simulated and one thread runs everything, so a seed tells the same story each time. `MILLSTREAM_CASES` says how
//! many seeds, `MILLSTREAM_SEED` which is the first.

mod clients;
mod history;
mod line;

use std::sync::Arc;
use std::time::Duration;

use millstream_log::contract::{CountedRandomness, ManualClock, for_each_seed};
use millstream_log::{MemoryEngine, MemorySettings, MemorySnapshots};
use millstream_streams::{CallHooks, Computing, StreamService, StreamSettings};
use millstream_types::{AccountId, TimestampMs};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use self::clients::Reader;
use self::history::History;
use self::line::Network;
use crate::edge::{
    Access, Arriving, Authenticator, Edge, Front, Pages, PortServices, Recorders, RequestIds,
    Served,
};
use crate::http::{ByteBudget, Listening, Shared, Stopping, Unanswerable};
use crate::kinesis::Kinesis;
use crate::settings::HttpSettings;

const SEEDS: u64 = 40;
/// Seeds that are told twice.
const TWICE: u64 = 5;
/// Simulated; a run that needs longer is stuck.
const RUN_MAX: Duration = Duration::from_secs(600);
const START: TimestampMs = TimestampMs(1_793_620_837_250);
/// How long a server may take to finish what has arrived.
const GRACE: Duration = Duration::from_secs(2);

#[test]
fn clients_agree_with_the_stream_whatever_the_network_does() {
    let stored = for_each_seed(SEEDS, |seed| simulate(seed).stored_count());
    assert!(stored > 50, "the clients get on");
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let stored = for_each_seed(TWICE, |seed| {
        let [one, other] = [simulate(seed), simulate(seed)];
        assert_eq!(format!("{one:#?}"), format!("{other:#?}"));
        one.stored_count()
    });
    assert!(stored > 50, "the clients get on");
}

/// Runs one seed in simulated time.
fn simulate(seed: u64) -> History {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let told = timeout(RUN_MAX, run(seed)).await;
        told.expect("a run ends")
    })
}

async fn run(seed: u64) -> History {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut machine = Machine::new(seed);
    let history = Arc::new(Mutex::new(History::default()));
    let readers: Vec<_> = (0..2)
        .map(|_| Arc::new(Mutex::new(Reader::default())))
        .collect();
    machine.start().await;
    clients::create_stream(&machine.network).await;
    let mut people = JoinSet::new();
    for writer in 0..3 {
        let (network, history) = (machine.network.clone(), history.clone());
        people.spawn(clients::write(network, history, writer, dice.random()));
    }
    for reader in &readers {
        people.spawn(clients::read(
            machine.network.clone(),
            reader.clone(),
            dice.random(),
        ));
    }
    for _ in 0..4 {
        people.spawn(clients::harm(machine.network.clone(), dice.random()));
    }
    people.spawn(pass(machine.clock.clone()));
    for _ in 0..dice.random_range(1..=4) {
        sleep(Duration::from_millis(dice.random_range(100..4_000))).await;
        machine.end(dice.random_bool(0.5)).await;
        sleep(Duration::from_millis(dice.random_range(0..200))).await;
        machine.start().await;
    }
    if let Some(Err(panicked)) = people.try_join_next() {
        std::panic::resume_unwind(panicked.into_panic());
    }
    people.shutdown().await;
    let stream = clients::read_to_the_end(&machine.network, Reader::default()).await;
    let mut history = Arc::into_inner(history)
        .expect("the writers are gone")
        .into_inner();
    history.check(&stream);
    for reader in readers {
        let reader = std::mem::take(&mut *reader.lock());
        assert_eq!(
            clients::read_to_the_end(&machine.network, reader).await,
            stream
        );
    }
    machine.end(false).await;
    history.stream = stream;
    history
}

/// The wall clock goes with the simulated time.
async fn pass(clock: Arc<ManualClock>) {
    loop {
        sleep(Duration::from_millis(5)).await;
        clock.step_ms(5);
    }
}

/// The stream service alone behind the port.
#[derive(Debug)]
struct Alone(Kinesis);

impl PortServices for Alone {
    async fn serve(&self, front: &Front, request: Arriving<'_>) -> Result<Served, Unanswerable> {
        front.serve(&self.0, request).await
    }
}

/// What outlives a server, and the server that runs now.
struct Machine {
    clock: Arc<ManualClock>,
    randomness: Arc<CountedRandomness>,
    memory: MemoryEngine,
    snapshots: Arc<MemorySnapshots>,
    network: Network,
    running: Option<Running>,
}

struct Running {
    listening: Arc<Listening<Edge<Alone>>>,
    service: StreamService,
    stopping: Stopping,
    connections: Shared,
    /// Of bodies, and of answers.
    budgets: [Arc<ByteBudget>; 2],
}

impl Machine {
    fn new(seed: u64) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        Self {
            memory: MemoryEngine::new(MemorySettings::default(), clock.clone()),
            clock,
            randomness: Arc::new(CountedRandomness::new(seed)),
            snapshots: Arc::new(MemorySnapshots::new()),
            network: Network::default(),
            running: None,
        }
    }

    async fn start(&mut self) {
        let settings = StreamSettings {
            computing: Computing::InPlace,
            ..StreamSettings::default()
        };
        let hooks = CallHooks {
            randomness: Some(self.randomness.clone()),
            ..CallHooks::default()
        };
        let engine = Arc::new(self.memory.reopen());
        let (snapshots, clock) = (self.snapshots.clone(), self.clock.clone());
        let opened = StreamService::open_with(engine, snapshots, clock, settings, hooks).await;
        let service = opened.expect("it opens");
        let http = http_settings();
        let budgets = [http.bodies_bytes_max, http.answers_bytes_max].map(ByteBudget::new);
        let connections = Shared::new(&http);
        let stopping = Stopping::default();
        let edge = self.edge(&service, &budgets, http.write_timeout);
        let listening = Listening::new(
            Arc::new(edge),
            http,
            connections.clone(),
            GRACE,
            None,
            stopping.clone(),
        );
        self.network.listens(Some(listening.clone()));
        self.running = Some(Running {
            listening,
            service,
            stopping,
            connections,
            budgets,
        });
    }

    fn edge(
        &self,
        service: &StreamService,
        budgets: &[Arc<ByteBudget>; 2],
        subscriber_timeout: Duration,
    ) -> Edge<Alone> {
        let account: AccountId = "210987654321".parse().expect("an account");
        let [bodies, answers] = budgets.clone();
        Edge {
            access: Access::new(Vec::new(), true),
            ids: Arc::new(RequestIds::new(&*self.randomness).expect("randomness")),
            front: Front {
                authenticator: Arc::new(Authenticator::Anyone(account)),
                bodies,
                is_audited: false,
            },
            services: Alone(Kinesis {
                streams: service.clone(),
                answers,
                subscriber_timeout,
            }),
            pages: Arc::new(Pages(Vec::new())),
            site: None,
            recorders: Recorders(Vec::new()),
        }
    }

    /// Ends the server: asked to, in good order, or killed in the middle of everything.
    async fn end(&mut self, is_killed: bool) {
        self.network.listens(None);
        let running = self.running.take().expect("it runs");
        if is_killed {
            running.listening.finish(Duration::ZERO).await;
        } else {
            running.stopping.stop();
            let began = Instant::now();
            assert!(
                running.listening.finish(GRACE).await,
                "connections end in time"
            );
            assert!(running.service.stop(GRACE).await, "and so does the service");
            assert!(began.elapsed() <= GRACE);
        }
        assert!(
            running.listening.finish(Duration::from_millis(1)).await,
            "no task is left"
        );
        assert_eq!(
            running.connections.connections.open(),
            0,
            "nor a connection"
        );
        let [bodies, answers] = &running.budgets;
        for budget in [bodies, answers, &running.connections.requests] {
            assert_eq!(
                budget.used_bytes(),
                0,
                "nor a byte of what clients sent or were to get"
            );
        }
    }
}

/// Bounds that hostile clients reach, and deadlines that a run outlives and a stop does not wait for.
fn http_settings() -> HttpSettings {
    HttpSettings {
        connections_max: 24,
        bodies_bytes_max: 256 << 10,
        answers_bytes_max: 256 << 10,
        requests_bytes_max: 256 << 10,
        head_timeout: Duration::from_millis(700),
        body_timeout: Duration::from_secs(3),
        write_timeout: Duration::from_secs(3),
        idle_timeout: Duration::from_secs(3),
    }
}
