"""The server of llama.cpp. Arguments: a model, its context in tokens, and a key or nothing. It ends with its input.

The model may be a named pipe, which nothing is written to: then the server is loading it for ever.
"""

import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request

import xllamacpp


def status() -> int | None:
    try:
        return urllib.request.urlopen(f"{address}/health").status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def attend(server: int) -> None:
    """Says the address once the server has loaded its model, or listens while it loads a pipe."""
    while status() != (200 if os.path.isfile(path) else 503):
        if os.getppid() != server:
            return
        time.sleep(0.01)
    print(address, flush=True)
    sys.stdin.read()
    os.kill(server, signal.SIGKILL)


[path, context_size, *keys] = sys.argv[1:]
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
address = f"http://127.0.0.1:{port}"
# A process of its own: while a model is loaded, nothing of Python runs in the one of the server.
server = os.getpid()
if os.fork() == 0:
    attend(server)
    os._exit(0)
parameters = xllamacpp.CommonParams()
parameters.model.path = path
parameters.model_alias = {"tiny"}
parameters.n_ctx = int(context_size)
parameters.api_keys = keys
parameters.port = port
parameters.sampling.temp = 0
# Several threads wait for each other with full use of the processor: on a busy machine that takes seconds.
parameters.cpuparams.n_threads = 1
parameters.cpuparams_batch.n_threads = 1
parameters.warmup = False
running = xllamacpp.Server(parameters)
threading.Event().wait()
