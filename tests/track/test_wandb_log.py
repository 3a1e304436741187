"""W&B's transaction logs: what is written is read, whatever the lengths, and by W&B's own reader too."""

import subprocess

import pytest
from track.runs import wandb_command

from csft.track.wandb_log import BLOCK, kind, records, write

HEADER = b":W&B\xe1\xbe\x00"  # what W&B's client begins a log with


def record(length):
    from wandb.proto import wandb_internal_pb2 as messages

    made = messages.Record()
    made.history.item.add(key="text", value_json='"' + "x" * length + '"')
    return made


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "run-1.wandb"
    path.write_bytes(HEADER)
    return path


@pytest.mark.parametrize("lengths", [[1], [10, BLOCK, 10], [3 * BLOCK], [0, 0, 5 * BLOCK + 1, 7]])
def test_records_of_any_length_come_back(log, lengths):
    write(log, map(record, lengths))
    found = list(records(log))
    assert [len(one.history.item[0].value_json) - 2 for one in found] == lengths
    assert [one.num for one in found] == list(range(1, len(lengths) + 1)) and kind(found[0]) == "history"


def test_records_end_0_to_15_bytes_before_the_end_of_a_block_and_wandb_reads_them(log):
    lengths = []
    for left in range(16):
        write(log, map(record, [*lengths, 20_000]))
        to_the_end = -len(log.read_bytes()) % BLOCK
        lengths.append(20_000 + (to_the_end - left) % BLOCK)
        write(log, map(record, lengths))
        assert -len(log.read_bytes()) % BLOCK == left
    line = [*wandb_command(), "leet", "inspect", "--json", log]
    done = subprocess.run(line, capture_output=True, check=True)
    assert len(done.stdout.splitlines()) == len(list(records(log))) == 16


def test_a_torn_or_damaged_end_is_left_out(log, tmp_path):
    write(log, [record(5), record(50)])
    whole = log.read_bytes()
    for damaged in (whole[:-1], whole[:-60], whole[:-1] + b"!"):
        log.write_bytes(damaged)
        assert len(list(records(log))) == 1
    for other in (b"", b"{}", b"no log at all"):
        log.write_bytes(other)
        assert list(records(log)) == []
