"""A small Hugging Face hub on loopback: what its client calls to fill a dataset repository, large files included.

It checks what it is sent as the hub does: the token, the card's front matter, every large file's hash. `large` names
the files that are to come by the large file storage.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

LICENCES = {"mit", "apache-2.0", "other", "unknown"}


@dataclass
class Repository:
    """A dataset repository: its files, and the message of every commit."""

    private: bool
    files: dict[str, bytes] = field(default_factory=lambda: {".gitattributes": b""})
    commits: list[str] = field(default_factory=list)


@dataclass
class Hub:
    """The state of a hub; `requests` are `METHOD path`, in their order."""

    token: str = "hf_secret"
    large: tuple[str, ...] = ()
    status: int = 0  # answered to every commit, if not 0
    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    url: str = ""


class RefusedError(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, said: dict[str, Any]) -> None:
        super().__init__(status)
        self.status, self.said = status, said


@contextmanager
def hub(**state: Any) -> Iterator[Hub]:
    """A hub that runs; it ends with the context."""
    running = Hub(**state)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(running))
    running.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield running
    server.shutdown()
    server.server_close()
    thread.join()


def _handler(state: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_PUT(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            state.requests.append(f"{self.command} {path}")
            status, said = 200, {}
            try:
                stored = path.startswith("/objects/")  # its address is the permission
                if not stored and self.headers.get("Authorization") != f"Bearer {state.token}":
                    raise RefusedError(401, {"error": "Invalid username or password."})
                said = _said(state, self.command, path.strip("/").split("/"), body)
            except RefusedError as refused:
                status, said = refused.status, refused.said
            data = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


def _said(state: Hub, method: str, path: list[str], body: bytes) -> dict[str, Any]:  # noqa: PLR0911 - one for each place
    match method, path:
        case "POST", ["api", "repos", "create"]:
            return _create(state, json.loads(body))
        case "POST", ["api", "validate-yaml"]:
            return _validate(json.loads(body)["content"])
        case "GET", ["api", "datasets", owner, name]:
            repository = _repository(state, owner, name)
            files = [{"rfilename": path} for path in repository.files]
            return {"id": f"{owner}/{name}", "private": repository.private, "siblings": files, "sha": "0" * 40}
        case "GET", ["api", "datasets", owner, name, "revision", "main"]:
            return _said(state, method, path[:4], body)
        case "POST", ["api", "datasets", owner, name, "preupload", "main"]:
            return {"files": [_mode(state, owner, name, file) for file in json.loads(body)["files"]]}
        case "POST", ["datasets", _, _, "info", "lfs", "objects", "batch"]:
            return {"transfer": "basic", "objects": [_place(state, thing) for thing in json.loads(body)["objects"]]}
        case "PUT", ["objects", oid]:
            if hashlib.sha256(body).hexdigest() != oid:
                raise RefusedError(422, {"error": "the content does not have its hash"})
            state.objects[oid] = body
            return {}
        case "POST", ["api", "datasets", owner, name, "commit", "main"]:
            return _commit(state, owner, name, [json.loads(line) for line in body.splitlines()])
    raise RefusedError(404, {"error": f"no such place: {method} {'/'.join(path)}"})


def _create(state: Hub, wish: dict[str, Any]) -> dict[str, Any]:
    repo_id = f"{wish['organization']}/{wish['name']}"
    said = {"url": f"{state.url}/datasets/{repo_id}"}
    if repo_id in state.repositories:
        raise RefusedError(409, said | {"error": "You already created this dataset repo"})
    assert wish["type"] == "dataset"
    state.repositories[repo_id] = Repository(private=wish["visibility"] == "private")
    return said


def _validate(card: str) -> dict[str, Any]:
    front = yaml.safe_load(card.split("---\n")[1])
    if front.get("license") not in LICENCES:
        raise RefusedError(400, {"error": "Invalid metadata", "errors": [{"message": '"license" must be one of ...'}]})
    return {"warnings": [], "errors": []}


def _repository(state: Hub, owner: str, name: str) -> Repository:
    found = state.repositories.get(f"{owner}/{name}")
    if found is None:
        raise RefusedError(404, {"error": "Repository not found"})
    return found


def _mode(state: Hub, owner: str, name: str, file: dict[str, Any]) -> dict[str, Any]:
    held = _repository(state, owner, name).files.get(file["path"])
    oid = hashlib.sha1(b"blob %d\0%b" % (len(held), held)).hexdigest() if held is not None else None
    mode = "lfs" if file["path"] in state.large else "regular"
    return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid if mode == "regular" else None}


def _place(state: Hub, thing: dict[str, Any]) -> dict[str, Any]:
    if thing["oid"] in state.objects:
        return thing
    return thing | {"actions": {"upload": {"href": f"{state.url}/objects/{thing['oid']}"}}}


def _commit(state: Hub, owner: str, name: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
    if state.status:
        raise RefusedError(state.status, {"error": "not now"})
    repository = _repository(state, owner, name)
    files = dict(repository.files)
    for line in lines:
        value = line["value"]
        match line["key"]:
            case "header":
                repository.commits.append(value["summary"])
            case "file":
                files[value["path"]] = base64.b64decode(value["content"])
            case "lfsFile":
                files[value["path"]] = state.objects[value["oid"]]
            case "deletedFile":
                del files[value["path"]]
    repository.files = files
    number = f"{len(repository.commits):040x}"
    return {"commitUrl": f"{state.url}/datasets/{owner}/{name}/commit/{number}", "commitOid": number}
