//! A real-time class for the committing thread.
//!
//! The thread blocks almost always and runs for microseconds; the kernel's own limit on real-time threads
//! (`sched_rt_runtime_us`) keeps a fault in it from taking a processor for good.

use crate::settings::Realtime;

/// How the committing thread is scheduled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheduling {
    /// `SCHED_FIFO`, priority 1.
    Realtime,
    /// An ordinary thread, because the settings say so.
    Ordinary,
    /// An ordinary thread, because the operating system does not permit more.
    Refused(String),
}

/// Asks for a real-time class for the calling thread.
pub(crate) fn ask(wish: Realtime) -> Scheduling {
    match wish {
        Realtime::Off => Scheduling::Ordinary,
        Realtime::Try => match set_fifo() {
            Ok(()) => Scheduling::Realtime,
            Err(error) => Scheduling::Refused(error.to_string()),
        },
    }
}

#[expect(unsafe_code, reason = "there is no safe wrapper of sched_setscheduler")]
fn set_fifo() -> std::io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 1 };
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: 0 names the calling thread, and the parameters outlive the call, which only reads them.
    match unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}
