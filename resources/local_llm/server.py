"""The server's process: `python -m evergrow.resources.local_llm.server`, started by `launch`.

It reads its `ServerConfig` as one line of JSON from standard input, so that the key is on no command line, and answers
with one line of JSON on standard output: `{"base_url": ...}` once it listens, or `{"error": ...}`. Everything that
llama.cpp prints goes to standard error.

It ends with the process that started it, however that one ends: standard input then reaches its end, and the parent's
id changes (which holds even if another child of the parent has inherited the pipe). Linux's PR_SET_PDEATHSIG would not
do: it fires when the thread that started the server ends.
"""

import ctypes
import json
import os
import signal
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from evergrow.resources.local_llm.server_config import ServerConfig

LOOPBACK = "127.0.0.1"
PARENT_CHECK_S = 1.0
WARNINGS = 2  # llama.cpp's level of verbosity: errors and warnings
REPEAT_PENALTY, REPEAT_WINDOW = 1.1, 128  # a factor, and the tokens that it looks back on
OPENMP = "libgomp.so.1"


def main() -> None:
    """Serve until the starting process closes standard input or ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the starting process, which still needs answers
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    parent = os.getppid()
    try:
        server = _serve(ServerConfig.model_validate_json(sys.stdin.readline()))
    except (ImportError, RuntimeError, ValueError) as error:
        print(json.dumps({"error": _explain(error)}), file=answer, flush=True)
        sys.exit(1)
    print(json.dumps({"base_url": f"{server.listening_address}/v1"}), file=answer, flush=True)
    orphaned = threading.Event()
    threading.Thread(target=_await_end_of_input, args=[orphaned], daemon=True).start()
    while not orphaned.wait(PARENT_CHECK_S) and os.getppid() == parent:
        pass
    os._exit(0)  # there is nothing to save, and requests still being answered have nobody left to read them


def _serve(config: ServerConfig) -> Any:  # noqa: ANN401 - xllamacpp has no types
    _preload_openmp()
    import xllamacpp  # noqa: PLC0415 - fails without the OpenMP library, which is loaded first

    params = xllamacpp.CommonParams()
    params.model.path = str(config.gguf)
    params.model_alias = {config.model}
    params.hostnames = [LOOPBACK]
    params.port = 0
    params.api_keys = [config.api_key]
    params.cors_origins, params.cors_origins_explicit = "null", True  # the default reflects every origin
    params.offline, params.ui, params.endpoint_slots = True, False, False
    params.n_parallel = config.slots
    params.n_ctx = config.slots * config.context
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = config.threads
    params.n_gpu_layers = 0
    params.cache_ram_mib = 0  # the default lets prompts of the past take 8 GiB
    # Without it small models repeat themselves until the token limit, at temperature 0 above all.
    params.sampling.penalty_repeat, params.sampling.penalty_last_n = REPEAT_PENALTY, REPEAT_WINDOW
    params.verbosity = WARNINGS
    return xllamacpp.Server(params)


def _preload_openmp() -> None:
    """Load torch's copy of the OpenMP library where the system has none."""
    if sys.platform != "linux":
        return
    torch = find_spec("torch")
    copies = [Path(folder, "lib", OPENMP) for folder in (torch.submodule_search_locations or ())] if torch else []
    for library in (OPENMP, *map(str, copies)):
        try:
            ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        return


def _explain(error: Exception) -> str:
    if OPENMP in str(error):
        return f"the library {OPENMP} is missing; install it (Debian and Ubuntu: apt-get install libgomp1)"
    return f"{type(error).__name__}: {error}"


def _await_end_of_input(reached: threading.Event) -> None:
    sys.stdin.read()
    reached.set()


if __name__ == "__main__":
    main()
