"""The processes behind `loupe up`: search API, Dagster code server, daemon and web server, started and stopped as one.

Each writes to its own file in `logs/`. A run that is going on is asked to stop first, so that finished work is flushed.
On Linux they end with this process even when it is killed.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from resources.errors import LoupeError
from resources.home import Home, this_process, write_atomically
from resources.running_api import reachable

__all__ = ["Service", "Services", "check_port", "free_port"]

_STOP_RUN_S = 10.0
_STOP_SERVICE_S = 8.0
_START_S = 180.0
# When a service of Dagster that ended is started again: after so long, then twice as long each time, up to the second.
_AGAIN_S, _AGAIN_AT_MOST_S = 2.0, 120.0
_API, _WEBSERVER = "search-api", "dagster-webserver"


@dataclass
class Service:
    """One child process. `ready`: it can be used; `again_at`: when one that has ended is started again."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes]
    log: Path
    ready: Callable[[], bool]
    wait_s: float = _AGAIN_S
    again_at: float | None = None


class Services:
    """The services of one home. Start them in order; `stop` ends all, in the reverse order."""

    def __init__(self, home: Home, environment: Mapping[str, str], stop: threading.Event) -> None:
        self._home = home
        self._stop = stop
        self._environment = {
            **os.environ,
            "PYTHONWARNINGS": "ignore",
            "PYTHONUNBUFFERED": "1",
            **environment,
            "LOUPE_HOME": str(home.path),
            "DAGSTER_HOME": str(home.dagster),
            # A tick lists every watched folder, which a sleeping or distant disk makes slow.
            "DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS": "600",
            "DAGSTER_SCHEDULE_GRPC_TIMEOUT_SECONDS": "600",
        }
        self._running: list[Service] = []
        self._dagster_at: dict[str, Any] = {}

    def start_api(self, host: str, port: int) -> Service:
        """The search API and the page; the environment says where."""
        return self._start(
            _API,
            [sys.executable, "-m", "search_api"],
            lambda: _answers(f"http://{reachable(host)}:{port}/api/v1/health/live"),
        )

    def start_dagster(self, host: str, port: int) -> None:
        """Code server, daemon and web server; they share the one code server, so the definitions load once."""
        code_port = free_port()
        code = ["api", "grpc", "--module-name", "orchestration.definitions", "--attribute", "defs"]
        code_server = self._start(
            "dagster-code",
            [sys.executable, "-m", "dagster", *code, "--host", "127.0.0.1", "--port", str(code_port)],
            lambda: _listens(code_port),
        )
        self.wait(code_server)
        workspace = self._home.run / "workspace.yaml"
        content = {"load_from": [{"grpc_server": {"host": "127.0.0.1", "port": code_port, "location_name": "loupe"}}]}
        write_atomically(workspace, json.dumps(content).encode())
        self._start("dagster-daemon", [*_script("dagster-daemon"), "run", "-w", str(workspace)], lambda: True)
        webserver = self._start(
            _WEBSERVER,
            [*_script("dagster-webserver"), "-w", str(workspace), "-h", host, "-p", str(port)],
            lambda: _answers(f"http://127.0.0.1:{port}/server_info"),
        )
        self.wait(webserver)
        self._dagster_at = {"url": f"http://127.0.0.1:{port}", "host": "127.0.0.1", "port": port}
        self._announce(webserver)

    def wait(self, service: Service) -> None:
        """Until the service answers. Raises `SERVICE_DIED`, and `KeyboardInterrupt` when asked to stop."""
        deadline = time.monotonic() + _START_S
        while not service.ready():
            if self._stop.is_set():
                raise KeyboardInterrupt
            if service.process.poll() is not None or time.monotonic() > deadline:
                raise self._died(service)
            time.sleep(0.1)

    def check(self) -> list[str]:
        """Start services of Dagster again that have ended: the API does without them meanwhile.

        Returns the names of those that have just ended. Raises `SERVICE_DIED` when the API has.
        """
        ended = []
        for service in self._running:
            if service.process.poll() is None:
                continue
            if service.name == _API:
                raise self._died(service)
            if service.again_at is None:
                ended.append(service.name)
                service.again_at = time.monotonic() + service.wait_s
                service.wait_s = min(2 * service.wait_s, _AGAIN_AT_MOST_S)
            elif time.monotonic() >= service.again_at:
                service.process, service.again_at = self._spawn(service.command, service.log), None
                if service.name == _WEBSERVER:
                    self._announce(service)
        return ended

    def _announce(self, webserver: Service) -> None:
        """Say where Dagster's web server is."""
        said = {**self._dagster_at, **this_process(webserver.process.pid)}
        write_atomically(self._home.dagster_file, json.dumps(said).encode())

    def stop(self) -> None:
        """End runs, then services, then whatever of their children is left. Never raises."""
        self._home.dagster_file.unlink(missing_ok=True)
        by_name = {service.name: service for service in self._running}
        _end([by_name[name].process for name in ("dagster-daemon",) if name in by_name], _STOP_SERVICE_S)
        if "dagster-code" in by_name:
            _end_runs(by_name["dagster-code"].process.pid)
        children = [child for service in self._running for child in _children(service.process.pid)]
        _end([service.process for service in reversed(self._running)], _STOP_SERVICE_S)
        for child in children:
            if child.is_running():
                child.kill()
        self._running.clear()

    def _start(self, name: str, command: list[str], ready: Callable[[], bool]) -> Service:
        log = self._home.logs / f"{name}.log"
        service = Service(name, command, self._spawn(command, log), log, ready)
        self._running.append(service)
        return service

    def _spawn(self, command: list[str], log: Path) -> subprocess.Popen[bytes]:
        with open(log, "ab") as stream:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=self._environment,
                cwd="/",
                start_new_session=True,  # Ctrl-C reaches this process alone, which stops the others in order
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )

    def _died(self, service: Service) -> LoupeError:
        try:
            last = service.log.read_text(errors="replace").strip().splitlines()[-1][-300:]
        except (OSError, IndexError):
            last = "no output"
        return LoupeError(
            "SERVICE_DIED", f"{service.name} has stopped: {last} (see {service.log})", service=service.name
        )


def check_port(port: int, host: str, option: str) -> None:
    """Raises `PORT_TAKEN`, naming the holder and the option that chooses another port."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise LoupeError("CONFIG_INVALID", f"There is no address '{host}' to listen on: {error.strerror}.") from error
    with closing(socket.socket(family, kind)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            holder = _holder(port)
            raise LoupeError(
                "PORT_TAKEN",
                f"Port {port} is taken by {holder}. Stop that program or choose another port with {option} N.",
                port=port,
                holder=holder,
            ) from error


def free_port() -> int:
    """A port that is free now."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections(kind="tcp"):
            listens = connection.status == psutil.CONN_LISTEN and getattr(connection.laddr, "port", None) == port
            if listens and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass  # another user's processes cannot be seen: the port is taken all the same
    return "another program"


def _script(name: str) -> list[str]:
    """A console script of the environment that runs this."""
    return [str(Path(sys.executable).parent / name)]


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _listens(port: int) -> bool:
    try:
        with closing(socket.create_connection(("127.0.0.1", port), timeout=1.0)):
            return True
    except OSError:
        return False


def _end_runs(code_server: int) -> None:
    """Ask run processes, children of the code server, to stop; finished work is flushed on the way out."""
    # Dagster's default launcher has the code server spawn them with multiprocessing.
    runs = [child for child in _children(code_server) if "multiprocessing.spawn" in _command(child)]
    for run in runs:
        run.terminate()
    psutil.wait_procs(runs, timeout=_STOP_RUN_S)


def _end(processes: list[subprocess.Popen[bytes]], timeout_s: float) -> None:
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + timeout_s
    for process in processes:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _children(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return []


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _end_with_parent() -> None:
    """In the child: ask Linux for SIGTERM when the parent dies, so that nothing outlives a killed `loupe up`."""
    import ctypes

    PR_SET_PDEATHSIG = 1  # noqa: N806 - its name in <sys/prctl.h>
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
