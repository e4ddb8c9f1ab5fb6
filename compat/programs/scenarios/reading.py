"""The scenario of programs that keep no place: one worker reads everything, over a split and a merge if it can follow."""

from scenarios import leases
from traffic import Traffic
from world import on_a_server


def run(program, folder, accepted, matrix):
    """Runs the scenario and judges everything that was seen."""
    with on_a_server(program, folder, accepted, matrix) as (here, outcome):
        traffic = Traffic(here.kinesis, here.stream, leases.PUT_INTERVAL_S)
        traffic.start()
        worker = here.start("a")
        leases.first_record(here, worker, outcome)
        if program.get("reshards", True):
            here.split(1)
            leases.flowing(here, traffic)
            here.merge(5)
        leases.flowing(here, traffic)
        traffic.stop()
        leases.everything(program, here, traffic)
        leases.stop(program, worker, outcome)
        leases.judge(program, here, traffic.puts, outcome)
    return outcome
