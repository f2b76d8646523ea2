"""Processor time of exported models on one thread, in turn: what a busy machine can still tell.

Others' work lengthens what a clock on the wall shows, and two threads that wait for each other; the
processor time of one thread it hardly touches. Milliseconds a run are printed: the fastest, the lower
quartile and the median.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from sdpose_runtime.sessions import open_session, run_session

#: Runs of a model in its turn, before those that count and of those.
WARMUP, COUNTED = 3, 9


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='processor_time', description=__doc__)
    parser.add_argument('files', nargs='+', help='ONNX files that take images of one size')
    parser.add_argument('--rounds', type=int, default=15)
    args = parser.parse_args(argv)
    sessions = [open_session(path, threads=1) for path in args.files]
    times: list[list[float]] = [[] for _ in sessions]
    for _ in range(args.rounds):
        for session, found in zip(sessions, times):
            images = np.zeros(session.get_inputs()[0].shape, np.float32)
            images += np.random.default_rng(0).standard_normal(images.shape)
            for index in range(WARMUP + COUNTED):
                begin = time.thread_time()
                run_session(session, None, images)
                if index >= WARMUP:
                    found.append(1000 * (time.thread_time() - begin))
    for path, found in zip(args.files, times):
        low, quartile, median = np.percentile(found, (0, 25, 50))
        sys.stdout.write(f'{path}: {low:.2f}, {quartile:.2f}, {median:.2f}\n')


if __name__ == '__main__':
    main()
