"""The Prometheus endpoint of a real daemon, asked over HTTP and read with the parser of prometheus_client."""

import contextlib
import http.client
import signal
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from hades_protocol import commands
from hades_protocol.messages import DaemonInfo, GpuInfo
from hades_protocol.run_state import RunState
from hadesd.integrations.prometheus import endpoint
from hadesd.integrations.prometheus.metrics import DaemonCollector, NewestEvaluations, Reading
from tests.helpers.processes.daemon import Home, until
from tests.integrations.summaries import metrics, summary, write_metrics

S = RunState
DAEMON = DaemonInfo(
    session="s", pid=1, version="0", protocol_major=1, started_at=0.0, state_directory="", slots=1, gpus=1
)
Samples = dict[str, list[tuple[dict[str, str], float]]]


def url(home: Home) -> str:
    """Where the daemon says that its endpoint is."""
    return [line["url"] for line in home.log() if line["event"] == "prometheus endpoint"][-1]


def configure(home: Home, text: str = "port = 0") -> None:
    home.paths.config_file.write_text(f"[prometheus]\n{text}\n")


def scrape(home: Home) -> Samples:
    """Every sample by name."""
    with urllib.request.urlopen(url(home), timeout=60) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        text = answer.read().decode()
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_a_run_from_its_start_until_it_is_removed(home: Home) -> None:
    configure(home)
    home.fake_daemon()
    spec = {"env": "CartPole-v1", "policy": {"width": 1}, "evolution": {"generations": 4}}
    run = home.ask(commands.Start, spec=spec, group="sizes").id
    home.reaches(run, S.FINISHED)
    found = scrape(home)
    labels = {"run": run, "env": "CartPole-v1", "method": "hades-r", "group": "sizes"}
    values = {
        "hades_run_generation": 4,
        "hades_run_generations": 4,
        "hades_run_fitness_mean": 4,
        "hades_run_fitness_best": 8,
        "hades_run_fitness_best_so_far": 8,
        "hades_run_seconds_per_generation": 0.001,
        "hades_run_restarts_total": 0,
    }
    for name, value in values.items():
        assert found[name] == [(labels, value)], name
    assert {of["state"] for of, value in found["hades_run_state"] if value == 1} == {"finished"}
    assert {of["state"] for of, _ in found["hades_run_state"]} == {state.value for state in RunState}
    assert "hades_run_evaluated_mean" not in found
    assert found["hades_daemon_uptime_seconds"][0][1] > 0
    assert found["hades_daemon_info"][0][1] == 1
    home.ask(commands.Remove, run=run)
    assert not [name for name in scrape(home) if name.startswith("hades_run")]


def test_labels_are_printable() -> None:
    hostile = "a\x1b[2Jb\x9bc\u202ed"
    gpu = GpuInfo(index=0, uuid=hostile, name=hostile, memory_total=1, memory_used=0)
    run = msgspec.structs.replace(summary("ant", Path("/nowhere"), 8), env=hostile, group=hostile)
    reading = Reading(daemon=DAEMON, runs=(run,), gpus=(gpu,))
    labels = {
        value
        for metric in DaemonCollector(lambda: reading).collect()
        for sample in metric.samples
        for value in sample.labels.values()
    }
    assert "a\\u001b[2Jb\\u009bc\\u202ed" in labels
    assert all(value.isprintable() for value in labels)


def test_it_is_off_unless_it_is_asked_for(home: Home) -> None:
    home.fake_daemon()
    assert not [line for line in home.log() if line["event"] == "prometheus endpoint"]


def test_a_port_that_is_taken_does_not_keep_the_runs_waiting(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        configure(home, f"port = {taken.getsockname()[1]}")
        home.fake_daemon()
        home.reaches(home.start(generations=1), S.FINISHED)
    (line,) = [line for line in home.log() if line["event"] == "no prometheus endpoint"]
    assert line["why"] == "Address already in use"


def test_clients_that_say_nothing_or_nonsense_hold_up_no_run(home: Home) -> None:
    configure(home)
    home.fake_daemon()
    where = urllib.parse.urlsplit(url(home))
    silent = [socket.create_connection((where.hostname or "", where.port or 0)) for _ in range(3)]
    home.reaches(home.start(generations=5), S.FINISHED)
    for connection in silent:
        connection.close()
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=60) as nonsense:
        nonsense.sendall(b"\0\1\2\r\n\r\n")
        assert b"400" in nonsense.recv(1000)
    assert scrape(home)["hades_run_generation"][0][1] == 5


def test_a_daemon_that_stands_still_fails_the_scrape(home: Home) -> None:
    """The endpoint's thread stands still with it, so the client's own deadline ends it; afterwards it answers again."""
    configure(home)
    daemon = home.fake_daemon()
    daemon.send_signal(signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        urllib.request.urlopen(url(home), timeout=0.5)
    daemon.send_signal(signal.SIGCONT)

    def answers() -> bool:
        try:
            return bool(scrape(home))
        except (http.client.HTTPException, urllib.error.URLError):
            return False

    until(answers, "it answers again")


def test_ipv6(home: Home) -> None:
    configure(home, 'port = 0\naddress = "::1"')
    home.fake_daemon()
    assert url(home).startswith("http://[::1]:")
    assert scrape(home)["hades_daemon_slots"][0][1] >= 1


def test_gpus_and_the_newest_evaluation(tmp_path: Path) -> None:
    write_metrics(tmp_path, [metrics(1, evaluated=3.0), metrics(2, evaluated=5.0), metrics(3), metrics(4)])
    gpu = GpuInfo(index=0, uuid="GPU-1", name="H100", memory_total=80, memory_used=20, runs=("r",))
    run = summary("r", tmp_path, generation=4)
    collector = DaemonCollector(lambda: Reading(daemon=DAEMON, runs=(run,), gpus=(gpu,)))
    values = {s.name: s.value for family in collector.collect() for s in family.samples}
    assert values["hades_run_evaluated_mean"] == 5.0
    assert (values["hades_gpu_memory_used_bytes"], values["hades_gpu_memory_total_bytes"]) == (20, 80)
    assert values["hades_gpu_runs"] == 1
    assert "hades_gpu_utilisation_ratio" not in values


def test_an_evaluation_is_remembered_until_the_run_goes_back(tmp_path: Path) -> None:
    newest = NewestEvaluations()

    def value(generation: int) -> float | None:
        found = newest.of(summary("r", tmp_path, generation=generation))
        return found.evaluated_mean if found else None

    assert value(0) is None
    write_metrics(tmp_path, [metrics(1), metrics(2, evaluated=7.0)])
    assert value(1) is None  # the second line is not committed yet
    assert value(2) == 7.0
    write_metrics(tmp_path, [metrics(3)])  # the evaluation is further back than what is read
    assert value(3) == 7.0
    write_metrics(tmp_path, [metrics(1)])
    assert value(1) is None
    newest.keep(set())
    write_metrics(tmp_path, [metrics(1, evaluated=2.0)])
    assert value(1) == 2.0


def test_an_evaluation_is_found_as_far_back_as_they_may_be_apart(tmp_path: Path) -> None:
    write_metrics(tmp_path, [metrics(1, evaluated=7.0), *map(metrics, range(2, 1000))])
    found = NewestEvaluations().of(summary("r", tmp_path, generation=999))
    assert found is not None
    assert found.generation == 1


def test_a_client_that_asks_a_letter_at_a_time_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "REQUEST_SECONDS", 0.3)
    served = endpoint.Endpoint("127.0.0.1", 0, lambda: Reading(daemon=DAEMON, runs=(), gpus=()))
    where = urllib.parse.urlsplit(served.url)
    over = threading.Event()
    try:
        with socket.create_connection((where.hostname or "", where.port or 0)) as slow:

            def drip() -> None:
                with contextlib.suppress(OSError):  # it is hung up on
                    while not over.wait(0.05):
                        slow.sendall(b"G")

            dripping = threading.Thread(target=drip)
            dripping.start()
            with urllib.request.urlopen(served.url, timeout=60) as answer:
                assert answer.status == 200
            over.set()
            dripping.join()
    finally:
        served.close()
