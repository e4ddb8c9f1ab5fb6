"""A fleet of one library, or version of it, is replaced by another's, worker by worker, on one lease table.

Two workers of the older one share the stream. Each is stopped gracefully and a worker of the newer one, told that the others
are still there if it has to be, takes its place, while records flow and a shard is split. In between, workers of both share it.
"""

import time

from scenarios import leases
from traffic import Traffic
from world import on_a_server


def run(program, folder, accepted, matrix):
    """Runs the scenario; the program of the matrix is the newer one, `from` names the older."""
    with on_a_server(program, folder, accepted, matrix) as (here, outcome):
        traffic = Traffic(here.kinesis, here.stream, leases.PUT_INTERVAL_S)
        traffic.start()
        older = matrix[program["from"]]
        old = [here.start("old-a", program=older)]
        leases.first_record(here, old[0], outcome)
        time.sleep(older.get("second_after_s", 0))
        old.append(here.start("old-b", program=older))
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
