"""The client against a real Dagster webserver, and against addresses where none answers."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from dagster import AssetKey, DagsterInstance, DagsterRunStatus
from running_app import free_port

from resources.errors import LoupeError
from resources.home import this_process
from resources.settings import Settings
from search_api.dagster_client import DagsterClient


@pytest.fixture
def client(webserver: str, tmp_path: Path) -> Iterator[DagsterClient]:
    run = tmp_path / "home" / "run"
    run.mkdir(parents=True)
    (run / "dagster.json").write_text(json.dumps({"url": webserver, **this_process()}))
    client = DagsterClient(Settings(home=tmp_path / "home", dagster_port=1))
    yield client
    client.close()


@pytest.fixture
def instance(dagster_home: Path, webserver: str) -> Iterator[DagsterInstance]:
    with DagsterInstance.from_config(str(dagster_home)) as instance:
        yield instance


def _wait_for(instance: DagsterInstance, run_id: str, statuses: set[DagsterRunStatus]) -> DagsterRunStatus:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        if run.status in statuses:
            return run.status
        time.sleep(0.2)
    raise AssertionError(f"run {run_id} is {run.status}")


_ENDED = {DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED}


@pytest.mark.slow
def test_one_run_covers_all_new_folders(client: DagsterClient, instance: DagsterInstance) -> None:
    keys = ["trips~0000000001", "trips-2019~0000000002", "familie-größer~0000000003"]
    run_id = client.launch_folders("ingest", keys)
    assert _wait_for(instance, run_id, _ENDED) is DagsterRunStatus.SUCCESS
    assert instance.get_materialized_partitions(AssetKey("file_inventory")) >= set(keys)
    first = client.logs(run_id, None, 5)
    assert (len(first.lines), first.more) == (5, True)
    rest = client.logs(run_id, first.cursor, 1000)
    assert not rest.more
    events = [line.event for line in (*first.lines, *rest.lines)]
    assert "STEP_START" in events
    assert "RUN_SUCCESS" in events
    assert [line.at for line in rest.lines] == sorted(line.at for line in rest.lines)
    assert client.logs(run_id, rest.cursor, 10).lines == ()
    with pytest.raises(LoupeError) as refused:
        client.logs(run_id, "no cursor", 10)
    assert refused.value.code == "INVALID_REQUEST"
    with pytest.raises(LoupeError) as unknown:
        client.logs("00000000-0000-0000-0000-000000000000", None, 10)
    assert unknown.value.code == "JOB_LOGS_NOT_KEPT"


@pytest.mark.slow
def test_the_inventory_is_told_which_of_the_folders_between_to_look_at(
    client: DagsterClient, instance: DagsterInstance
) -> None:
    client.add_partitions("ingest", ["first~000000000a", "between~000000000b", "last~000000000c"])
    run_id = client.launch_folders("ingest", ["last~000000000c", "first~000000000a"])
    assert _wait_for(instance, run_id, _ENDED) is DagsterRunStatus.SUCCESS
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.run_config["ops"]["file_inventory"]["config"]["folders"] == ["first~000000000a", "last~000000000c"]


@pytest.mark.slow
def test_folders_known_already_are_not_an_error(client: DagsterClient) -> None:
    client.add_partitions("ingest", ["again~0000000009"])
    client.add_partitions("ingest", ["again~0000000009"])
    assert client.partition_keys("ingest").count("again~0000000009") == 1


@pytest.mark.slow
def test_a_running_job_can_be_stopped(client: DagsterClient, instance: DagsterInstance) -> None:
    run_id = client.launch_folders("ingest", ["endless~0000000004"])
    _wait_for(instance, run_id, {DagsterRunStatus.STARTED})
    client.terminate(run_id)
    assert _wait_for(instance, run_id, _ENDED) is DagsterRunStatus.CANCELED


@pytest.mark.slow
def test_an_unknown_run_and_an_unknown_job_say_so(client: DagsterClient) -> None:
    with pytest.raises(LoupeError) as unknown_run:
        client.terminate("00000000-0000-0000-0000-000000000000")
    assert unknown_run.value.code == "JOB_NOT_FOUND"
    with pytest.raises(LoupeError, match="does not know the job 'paint'") as unknown_job:
        client.launch("paint")
    assert unknown_job.value.code == "DAGSTER_UNREACHABLE"


@pytest.mark.slow
def test_reachable_while_the_webserver_runs(client: DagsterClient) -> None:
    assert client.is_reachable()


def test_nothing_listening_is_dagster_unreachable(tmp_path: Path) -> None:
    client = DagsterClient(Settings(home=tmp_path, dagster_port=free_port()))
    assert not client.is_reachable()
    with pytest.raises(LoupeError) as error:
        client.launch("ingest")
    assert error.value.code == "DAGSTER_UNREACHABLE"
    assert error.value.row.http_status == 503


def test_another_program_on_the_port_is_dagster_unreachable(tmp_path: Path) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, text="<html>some other program</html>"))
    client = DagsterClient(Settings(home=tmp_path), transport)
    with pytest.raises(LoupeError) as error:
        client.terminate("r")
    assert error.value.code == "DAGSTER_UNREACHABLE"


def test_the_address_of_a_dagster_that_is_gone_is_not_used(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    gone = subprocess.Popen([shutil.which("sleep") or "sleep", "60"])
    said = this_process(gone.pid)
    gone.kill()
    gone.wait()
    (run / "dagster.json").write_text(json.dumps({"url": "http://127.0.0.1:9/", **said}))
    assert DagsterClient(Settings(home=tmp_path, dagster_port=3210)).url == "http://127.0.0.1:3210"
