"""Asks a running Dagster webserver, over GraphQL, to start and stop runs.

Belongs here: the queries and what their answers mean. Not here: which folders form a partition
or a run (`resources/folder_runs.py`), how far a run is (the manifest's `jobs`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx

from resources.errors import LoupeError
from resources.folder_runs import PARTITIONS_NAME, folder_run
from resources.home import Home
from resources.settings import Settings

__all__ = ["CAPTIONS_JOB", "INGEST_JOB", "DagsterClient", "LogPage", "LoggedLine"]

INGEST_JOB = "ingest"
CAPTIONS_JOB = "captions"
_TIMEOUT = httpx.Timeout(30.0, connect=2.0)  # launching may load the code location first
_HANGS_AFTER_S = 3.0
# Each keeps a thread of those that all routes share for as long as Dagster takes.
_REQUESTS_AT_ONCE = 8

_FIND_JOB = """
query LoupeFindJob {
  repositoriesOrError {
    __typename
    ... on RepositoryConnection { nodes { name location { name } pipelines { name } } }
    ... on PythonError { message }
  }
}"""

_PARTITION_KEYS = """
query LoupePartitionKeys($params: PipelineSelector!) {
  pipelineOrError(params: $params) {
    __typename
    ... on Pipeline { partitionKeysOrError { partitionKeys } }
    ... on Error { message }
  }
}"""

_ADD_PARTITION = """
mutation LoupeAddPartition($repository: RepositorySelector!, $definition: String!, $key: String!) {
  addDynamicPartition(repositorySelector: $repository, partitionsDefName: $definition, partitionKey: $key) {
    __typename
    ... on PythonError { message }
    ... on UnauthorizedError { message }
  }
}"""

_LAUNCH = """
mutation LoupeLaunch($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on Error { message }
  }
}"""

_TERMINATE = """
mutation LoupeTerminate($runId: String!) {
  terminateRun(runId: $runId) {
    __typename
    ... on TerminateRunFailure { message }
    ... on Error { message }
  }
}"""


_LOGS = """
query LoupeLogs($runId: ID!, $cursor: String, $limit: Int!) {
  logsForRun(runId: $runId, afterCursor: $cursor, limit: $limit) {
    __typename
    ... on EventConnection {
      cursor
      hasMore
      events {
        __typename
        ... on MessageEvent { message timestamp level stepKey eventType }
        ... on ErrorEvent { error { message } }
      }
    }
    ... on PythonError { message }
  }
}"""


@dataclass(frozen=True)
class LoggedLine:
    """One entry of a run's event log; `at` is UTC."""

    at: datetime
    level: str
    message: str
    step: str | None
    event: str | None


@dataclass(frozen=True)
class LogPage:
    """Entries, oldest first; `cursor` asks for what comes after them, `more` says that there is some already."""

    lines: tuple[LoggedLine, ...]
    cursor: str
    more: bool


@dataclass(frozen=True)
class _Job:
    """Where Dagster keeps a job; `selector` names it in queries."""

    name: str
    repository: str
    location: str

    @property
    def repository_selector(self) -> dict[str, str]:
        return {"repositoryName": self.repository, "repositoryLocationName": self.location}

    @property
    def selector(self) -> dict[str, str]:
        return {"pipelineName": self.name, **self.repository_selector}


class DagsterClient:
    """A Dagster webserver: blocking calls, made from the thread pool.

    The address is read before each call from `run/dagster.json` of the home, else built from
    `Settings.dagster_port`, so that a Dagster that was restarted on another port is found.
    Every method raises `DAGSTER_UNREACHABLE` when it does not answer, `JOB_FAILED` when it refuses, and
    `DAGSTER_BUSY` while it has eight to answer.
    """

    def __init__(self, settings: Settings, transport: httpx.BaseTransport | None = None) -> None:
        self._home = Home(settings.home)
        self._default_url = f"http://127.0.0.1:{settings.dagster_port}"
        self._http = httpx.Client(timeout=_TIMEOUT, transport=transport, trust_env=False)
        self._places = threading.BoundedSemaphore(_REQUESTS_AT_ONCE)

    def close(self) -> None:
        self._http.close()

    @property
    def url(self) -> str:
        """The webserver's address, without a slash at its end."""
        running = self._home.read_run_file(self._home.dagster_file) or {}
        return str(running.get("url") or self._default_url).rstrip("/")

    def run_url(self, run_id: str) -> str:
        """Where its web page shows a run."""
        return f"{self.url}/runs/{quote(run_id, safe='')}"

    def is_reachable(self) -> bool:
        """Whether a Dagster webserver answers."""
        try:
            with _reaching(self.url):
                return self._http.get(f"{self.url}/server_info", timeout=_HANGS_AFTER_S).is_success
        except LoupeError:
            return False

    def partition_keys(self, job_name: str) -> list[str]:
        """The folder partitions that Dagster knows, in its own order, which is the order of ranges."""
        answer = self._ask(_PARTITION_KEYS, {"params": self._find(job_name).selector})["pipelineOrError"]
        self._expect(answer, "Pipeline", f"Dagster does not list the folders of '{job_name}'")
        return list(answer["partitionKeysOrError"]["partitionKeys"])

    def add_partitions(self, job_name: str, keys: Sequence[str]) -> None:
        """Make the folder partitions known; those known already stay as they are."""
        if not keys:
            return
        repository = self._find(job_name).repository_selector
        for key in keys:
            variables = {"repository": repository, "definition": PARTITIONS_NAME, "key": key}
            answer = self._ask(_ADD_PARTITION, variables)["addDynamicPartition"]
            if answer["__typename"] != "DuplicateDynamicPartitionError":
                self._expect(answer, "AddDynamicPartitionSuccess", "Dagster does not take the folder")

    def launch_folders(self, job_name: str, keys: Sequence[str], config: Mapping[str, Any] | None = None) -> str:
        """Start one run of `job_name` over these folder partitions, new ones included; returns its run id.

        `config` goes to the inventory.
        """
        known = set(self.partition_keys(job_name))
        self.add_partitions(job_name, [key for key in keys if key not in known])
        try:
            run = folder_run(self.partition_keys(job_name), keys, config)
        except ValueError as error:
            raise LoupeError("JOB_FAILED", "Dagster did not take all of the folders. Try again.") from error
        # The configuration is the inventory's, which the captions job does not have.
        return self.launch(job_name, run.tags, None if job_name == CAPTIONS_JOB else run.run_config)

    def launch(
        self, job_name: str, tags: Mapping[str, str] | None = None, run_config: Mapping[str, Any] | None = None
    ) -> str:
        """Start a run of `job_name`; returns its run id."""
        job = self._find(job_name)
        params = {
            "selector": job.selector,
            "runConfigData": dict(run_config or {}),
            "mode": "default",
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in (tags or {}).items()]},
        }
        answer = self._ask(_LAUNCH, {"params": params})["launchPipelineExecution"]
        self._expect(answer, "LaunchRunSuccess", f"Dagster does not start '{job_name}'")
        return str(answer["run"]["runId"])

    def terminate(self, run_id: str) -> None:
        """Ask a run to stop; what it has finished is kept. Raises `JOB_NOT_FOUND`."""
        answer = self._ask(_TERMINATE, {"runId": run_id})["terminateRun"]
        if answer["__typename"] == "RunNotFoundError":
            raise LoupeError("JOB_NOT_FOUND", f"There is no job {run_id}.", job_id=run_id)
        self._expect(answer, "TerminateRunSuccess", "Dagster does not stop the run")

    def logs(self, run_id: str, cursor: str | None, limit: int) -> LogPage:
        """A page of a run's event log. Raises `JOB_LOGS_NOT_KEPT`, and `INVALID_REQUEST` for a cursor that is none."""
        answer = self._ask(_LOGS, {"runId": run_id, "cursor": cursor, "limit": limit})["logsForRun"]
        if answer["__typename"] == "PythonError" and cursor is not None:
            raise LoupeError("INVALID_REQUEST", "The cursor is not one of this log.")
        if answer["__typename"] == "RunNotFoundError":
            raise LoupeError("JOB_LOGS_NOT_KEPT", "Dagster keeps no log of this job.", job_id=run_id)
        self._expect(answer, "EventConnection", "Dagster does not show the log")
        return LogPage(tuple(_line(event) for event in answer["events"]), answer["cursor"], answer["hasMore"])

    def _find(self, job_name: str) -> _Job:
        answer = self._ask(_FIND_JOB, {})["repositoriesOrError"]
        self._expect(answer, "RepositoryConnection", "Dagster has not loaded Loupe's pipeline")
        for node in answer["nodes"]:
            if any(pipeline["name"] == job_name for pipeline in node["pipelines"]):
                return _Job(job_name, node["name"], node["location"]["name"])
        raise LoupeError(
            "DAGSTER_UNREACHABLE",
            f"The Dagster at {self.url} does not know the job '{job_name}'. Is it the one that `loupe up` started?",
            url=self.url,
            job=job_name,
        )

    def _ask(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        url = self.url
        if not self._places.acquire(blocking=False):
            raise LoupeError("DAGSTER_BUSY", "Dagster is slow, and others wait for it already.", retry_after_s=5)
        try:
            with _reaching(url):
                # One that hangs would be waited for as long as one that works.
                self._http.get(f"{url}/server_info", timeout=_HANGS_AFTER_S)
                reply = self._http.post(f"{url}/graphql", json={"query": query, "variables": dict(variables)})
                content = reply.json()
        finally:
            self._places.release()
        if not isinstance(content, dict) or not isinstance(content.get("data"), dict):
            errors = content.get("errors") if isinstance(content, dict) else None
            first = errors[0].get("message", "") if errors else "no answer"
            raise LoupeError("JOB_FAILED", f"Dagster refuses the request: {_first_line(first)}")
        return dict(content["data"])

    @staticmethod
    def _expect(answer: Mapping[str, Any], kind: str, what: str) -> None:
        if answer["__typename"] == kind:
            return
        reasons = [error["message"] for error in answer.get("errors", ())] or [answer.get("message") or ""]
        raise LoupeError("JOB_FAILED", f"{what}: {_first_line(reasons[0]) or answer['__typename']}.")


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    """Turns what goes wrong on the way to Dagster into `DAGSTER_UNREACHABLE`."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise LoupeError(
            "DAGSTER_UNREACHABLE",
            f"Dagster does not answer at {url}, so no work can be started or stopped. Run `loupe up`. Search goes on.",
            url=url,
        ) from error


def _line(event: Mapping[str, Any]) -> LoggedLine:
    message = event.get("message") or ""
    reason = (event.get("error") or {}).get("message") or ""
    return LoggedLine(
        at=datetime.fromtimestamp(int(event.get("timestamp") or 0) / 1000, UTC).replace(tzinfo=None),
        level=str(event.get("level") or "INFO"),
        # The reason, not the stack: where the program stands on this machine is nobody's business.
        message="\n".join(filter(None, [message, _first_line(reason)])),
        step=event.get("stepKey"),
        event=event.get("eventType"),
    )


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0].rstrip(".") if text.strip() else ""
