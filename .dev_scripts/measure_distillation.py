"""What a step of a distillation costs beside its student's own step and its teacher's forward pass.

Processor time of one thread, forward and backward pass without the optimizer, from random weights. The
three take turns, and the least of many rounds counts: whatever else runs can only add to it.

    python .dev_scripts/measure_distillation.py STUDENT_CONFIG DISTILLATION_CONFIG [--csv FILE]
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

from mmpose_sdpose.benchmark.report import describe_machine, read_rows, write_rows
from mmpose_sdpose.benchmark.run import be_quiet
from mmpose_sdpose.benchmark.spec import Spec
from mmpose_sdpose.benchmark.training import TrainingStep, training_step

import torch

COLUMNS = (
    'student_config', 'distillation_config', 'batch', 'student_ms', 'teacher_ms', 'distillation_ms',
    'extra', 'torch', 'machine', 'command',
)  # fmt: skip


def measure(student: str, distillation: str, batch: int, rounds: int) -> dict[str, float]:
    """Milliseconds of ``student``, ``teacher`` and ``distillation``, and ``extra``, a share of both."""
    alone, both = (
        training_step(Spec(config, scope='training', batch=batch, threads=1))
        for config in (student, distillation)
    )
    batches = [step.make_batch() for step in (alone, both)]
    model = both.model
    images = model.data_preprocessor(batches[1], training=True)['inputs']

    def train(step: TrainingStep, people: dict) -> None:
        step.loss_of(people).backward()
        step.model.zero_grad(set_to_none=True)

    def teach() -> None:
        with torch.no_grad():
            model.ask_teacher(images)

    runs: dict[str, Callable[[], None]] = dict(
        student=lambda: train(alone, batches[0]),
        teacher=teach,
        distillation=lambda: train(both, batches[1]),
    )
    least = dict.fromkeys(runs, float('inf'))
    for _ in range(rounds):
        for name, run in runs.items():
            begin = time.process_time()
            run()
            least[name] = min(least[name], 1000 * (time.process_time() - begin))
    extra = least['distillation'] / (least['student'] + least['teacher']) - 1
    return {**least, 'extra': extra}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('student')
    parser.add_argument('distillation')
    parser.add_argument('--batch', type=int, default=16, help='%(default)s')
    parser.add_argument('--rounds', type=int, default=40, help='%(default)s')
    parser.add_argument('--csv', type=Path, help='add a row to this file')
    args = parser.parse_args()
    # Before minutes of measuring: whether the rows can be added there.
    before = read_rows(args.csv, COLUMNS) if args.csv and args.csv.exists() else []
    be_quiet()
    torch.set_num_threads(1)
    found = measure(args.student, args.distillation, args.batch, args.rounds)
    print(
        f"student's step {found['student']:.0f} ms, teacher's forward pass {found['teacher']:.0f} ms, "
        f'step of the distillation {found["distillation"]:.0f} ms: {found["extra"]:+.1%}'
    )
    if args.csv:
        row = dict(
            student_config=args.student,
            distillation_config=args.distillation,
            batch=str(args.batch),
            **{
                f'{name}_ms': f'{found[name]:.1f}'
                for name in ('student', 'teacher', 'distillation')
            },
            extra=f'{found["extra"]:.4f}',
            torch=torch.__version__,
            machine=describe_machine('cpu', 1),
            command=shlex.join(['python', *sys.argv]),
        )
        write_rows(args.csv, COLUMNS, [*before, row])
    return 0


if __name__ == '__main__':
    sys.exit(main())
