"""Which of the student's keypoints are which of the teacher's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor

from ...arguments import near


@dataclass(frozen=True)
class KeypointSet:
    """A model's keypoints: how many, and their names if its ``metainfo`` says them."""

    role: str
    count: int
    names: tuple[str, ...] | None

    @classmethod
    def of(cls, role: str, count: int, metainfo: Mapping[str, Any] | None) -> KeypointSet:
        """Raises ValueError if the metainfo is that of another number of keypoints."""
        if not metainfo:
            return cls(role, count, None)
        by_number = metainfo['keypoint_id2name']
        if len(by_number) != count:
            raise ValueError(
                f'the {role} predicts {count} keypoints, but its metainfo names {len(by_number)}: give '
                'the model the metainfo it is trained with'
            )
        return cls(role, count, tuple(by_number[number] for number in range(count)))

    def index(self, keypoint: int | str) -> int:
        """Raises ValueError if there is no such keypoint."""
        if isinstance(keypoint, str):
            if self.names is None:
                raise ValueError(
                    f"keypoint_pairs names {keypoint!r}, but the {self.role}'s metainfo is not known: "
                    'count keypoints from 0, or give the model its metainfo'
                )
            if keypoint not in self.names:
                raise ValueError(
                    f'keypoint_pairs: the {self.role} has no {keypoint!r}{near(keypoint, self.names)}'
                )
            return self.names.index(keypoint)
        whole = isinstance(keypoint, int) and not isinstance(keypoint, bool)
        if not whole or not 0 <= keypoint < self.count:
            raise ValueError(
                f'keypoint_pairs: {keypoint!r} is no keypoint of the {self.role}, which has '
                f'{self.count}, counted from 0'
            )
        return keypoint


def shared_joints(
    student: KeypointSet, teacher: KeypointSet, pairs: Sequence[tuple] | None
) -> tuple[Tensor, Tensor] | None:
    """Indices of the joints that both have, student's and teacher's; None where all are, in one order.

    Args:
        pairs: Keypoints of student and teacher, by name or counted from 0; None to match by name.

    Raises:
        ValueError: If none is shared, or that cannot be known.
    """
    if pairs is not None:
        found = _explicit(student, teacher, pairs)
    elif student.names and teacher.names:
        found = [
            (index, teacher.names.index(name))
            for index, name in enumerate(student.names)
            if name in teacher.names
        ]
    elif student.count == teacher.count:
        unknown = ' and '.join(one.role for one in (student, teacher) if not one.names)
        print_log(
            f'distillation: keypoint 0 of the student learns from keypoint 0 of the teacher, and so on '
            f'to {student.count - 1}, because names of the {unknown} are not known; if their order '
            'differs, give the models their metainfo, or say keypoint_pairs',
            'current',
        )
        return None
    else:
        raise ValueError(
            f'the student predicts {student.count} keypoints, the teacher {teacher.count}: give both '
            "models their metainfo (metainfo=dict(from_file='configs/_base_/datasets/coco.py')), to "
            'match them by name, or say keypoint_pairs=[(of the student, of the teacher), …]'
        )
    if not found and pairs is not None:
        raise ValueError(
            'keypoint_pairs is empty, so that student and teacher share no keypoint: name pairs, or '
            'leave it out, to match keypoints by name'
        )
    if not found:
        raise ValueError(
            f'student and teacher share no keypoint: {list(student.names or ())} and '
            f'{list(teacher.names or ())}; say which belong together with keypoint_pairs=[…]'
        )
    if found == [(number, number) for number in range(student.count)] and (
        student.count == teacher.count
    ):
        return None
    print_log(f'distillation: {_listed(found, student, teacher)}', 'current')
    ours, theirs = zip(*found)
    return torch.tensor(ours), torch.tensor(theirs)


def _is_pair(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2


def _explicit(
    student: KeypointSet, teacher: KeypointSet, pairs: Sequence[tuple]
) -> list[tuple[int, int]]:
    if not isinstance(pairs, Sequence) or not all(map(_is_pair, pairs)):
        raise ValueError(
            f'keypoint_pairs ({pairs!r}) must be pairs of keypoints: of the student, of the teacher'
        )
    found = [(student.index(one), teacher.index(other)) for one, other in pairs]
    taught = [one for one, _ in found]
    for one in taught:
        if taught.count(one) > 1:
            name = student.names[one] if student.names else one
            raise ValueError(f'keypoint_pairs names {name} of the student twice: once is enough')
    return found


def _listed(found: Sequence[tuple[int, int]], student: KeypointSet, teacher: KeypointSet) -> str:
    names = [student.names[one] if student.names else f'{one} from {other}' for one, other in found]
    return (
        f'{len(found)} of the {student.count} keypoints learn from the {teacher.count} of the teacher: '
        f'{", ".join(names)}'
    )
