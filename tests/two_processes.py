"""One pair of spawned processes, a gloo group between them, that serves every test of work across processes."""

import multiprocessing
import os
import socket
import traceback
from collections.abc import Callable
from typing import Any

import torch
from torch import distributed as dist


def _serve(rank: int, port: int, tasks: Any, answers: Any) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"LOCAL_RANK": str(rank), "NODE_RANK": "0"}
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2)
    while (task := tasks.get()) is not None:
        function, arguments = task
        try:
            answers.put((rank, True, function(rank, *arguments)))
        except BaseException:
            answers.put((rank, False, traceback.format_exc()))
    dist.destroy_process_group()


class Pair:
    """Two processes that wait for work."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._tasks = [context.Queue() for _ in range(2)]
        self._answers = context.Queue()
        self._processes = [
            context.Process(target=_serve, args=(rank, port, self._tasks[rank], self._answers), daemon=True)
            for rank in range(2)
        ]
        for process in self._processes:
            process.start()

    def run(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """What `function(rank, *arguments)` returns in each of them."""
        for queue in self._tasks:
            queue.put((function, arguments))
        answers = {}
        for _ in range(2):
            rank, good, answer = self._answers.get(timeout=120)
            assert good, answer
            answers[rank] = answer
        return [answers[0], answers[1]]

    def close(self) -> None:
        for queue in self._tasks:
            queue.put(None)
        for process in self._processes:
            process.join(20)
