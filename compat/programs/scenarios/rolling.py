"""A fleet of one version of the KCL is replaced by the next, worker by worker, on one lease table.

Two workers of version 2 share the stream. Each is stopped gracefully and a worker of version 3, told that the others are
still there, takes its place, while records flow and a shard is split.
"""

from scenarios import leases
from traffic import Traffic
from world import on_a_server


def run(program, folder, accepted, matrix):
    """Runs the scenario; the program of the matrix is the newer one, `from` names the older."""
    with on_a_server(program, folder, accepted, matrix) as (here, outcome):
        traffic = Traffic(here.kinesis, here.stream, leases.PUT_INTERVAL_S)
        traffic.start()
        older = matrix[program["from"]]
        old = [here.start("old-a", program=older), here.start("old-b", program=older)]
        leases.first_record(here, old[0], outcome)
        leases.balance(here, older, *old)
        new = []
        for name, leaving in zip(("new-a", "new-b"), old):
            staying = [worker for worker in old + new if worker.is_alive() and worker is not leaving]
            leases.stop(older, leaving, outcome)
            new.append(here.start(name))
            leases.balance(here, program, *staying, new[-1])
            if name == "new-a":
                here.split(1)
            leases.flowing(here, traffic)
        traffic.stop()
        leases.everything(program, here, traffic)
        for worker in new:
            leases.stop(program, worker, outcome)
        leases.judge(program, here, traffic.puts, outcome)
    return outcome
