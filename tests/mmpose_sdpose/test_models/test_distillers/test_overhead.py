"""What a distillation costs beside its student's step and its teacher's forward pass."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from mmpose_sdpose.configs import read_config

import pytest
import torch
from mmengine.optim import build_optim_wrapper

from ...small_models import packed_batch
from .pairs import build

STUDENT = 'td-reg_ladpose-n_2xb16-16e_synthpose-128x96'
TEACHER = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96'
DISTILLED = 'td-reg_ladpose-n_distill-sdpose-n_2xb16-16e_synthpose-128x96'
ROUNDS = 40


def trainable(config: dict) -> tuple[torch.nn.Module, Callable[[], None]]:
    model = build(config).train()
    optimizer = build_optim_wrapper(model, dict(optimizer=dict(type='Adam', lr=1e-4)))
    batch = packed_batch(16, size=(96, 128))
    return model, lambda: model.train_step(batch, optimizer)


@pytest.mark.slow
def test_a_step_costs_the_students_and_the_teachers_forward_pass(capsys):
    """Processor time, the least of many rounds in turn: what else runs can only add to it."""
    torch.set_num_threads(1)
    distilled = {**read_config(DISTILLED).model, 'teacher_ckpt': None, 'allow_untrained': True}
    _, alone = trainable(read_config(STUDENT).model)
    model, both = trainable(distilled)
    layers = model.distillation_losses['attention'].teacher_layers
    inputs = model.data_preprocessor(packed_batch(16, size=(96, 128)), training=True)['inputs']

    @torch.no_grad()
    def teach() -> None:
        head = model.teacher.head
        (cycle,) = head.run_cycles(model.teacher.extract_feat(inputs), 1, {1: layers})
        head.read(cycle.output)

    least = dict.fromkeys((alone, teach, both), float('inf'))
    for _ in range(ROUNDS):
        for run in least:
            begin = time.process_time()
            run()
            least[run] = min(least[run], time.process_time() - begin)
    student, teacher, distillation = (1000 * seconds for seconds in least.values())
    extra = distillation / (student + teacher) - 1
    with capsys.disabled():
        sys.stdout.write(
            f"\nstudent's step {student:.0f} ms, teacher's forward pass {teacher:.0f} ms, a step of the "
            f'distillation {distillation:.0f} ms: {extra:+.1%}\n'
        )
    assert extra < 0.05
